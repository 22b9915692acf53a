"""Click on a number, and the SQL that the page shows gives the same: every definition, on a running product."""

import json
import re
from collections import defaultdict
from typing import Any

import pytest
from live_stack import BACKFILL, Stack, eventually

from dashboard.definitions.catalogue import DEFINITIONS

STATED = {
    key: definition
    for key, definition in DEFINITIONS.items()
    if definition.sql and ":" not in key and not key.startswith("activity[]")
}
"""The figures of the live page; its feed lists single results."""
_NUMBER = re.compile(r"SELECT (?P<value>.+?) AS value\s(?P<rest>FROM .+)", re.DOTALL)


@pytest.fixture(scope="module")
def shown(stack: Stack, backfilled: dict[str, Any]) -> dict[str, Any]:
    """The page's body, once ClickHouse has stored the run's last minute too."""
    stored = "SELECT count() AS value FROM system_snapshots WHERE run_id = {run:String} AND state = 'finished'"
    eventually(lambda: int(answered(stack, stored)[0][0]) > 0, "the finished run's snapshot is stored")
    results = stack.metrics(BACKFILL)["totals"]["results"]
    counted = "SELECT results AS value FROM run_totals WHERE run_id = {run:String}"
    eventually(lambda: answered(stack, counted) == [[results]], "every result is stored")
    body: dict[str, Any] = stack.get(f"/api/metrics/dashboard?run={BACKFILL}")
    return body


@pytest.fixture(scope="module")
def said(stack: Stack, shown: dict[str, Any]) -> dict[str, list[list[Any]]]:
    """Key → what its statement answers. Numbers out of the same rows are asked for in one statement.

    Planning what stands behind FROM takes nearly all of the time, and what is in front of it is said as it stands.
    """
    alike: defaultdict[str, dict[str, str]] = defaultdict(dict)
    for key, definition in STATED.items():
        sql = definition.sql or ""
        number = _NUMBER.fullmatch(sql) if "[]" not in key else None
        value, rest = number.group("value", "rest") if number else ("", sql)
        alike[rest][key] = value
    found: dict[str, list[list[Any]]] = {}
    for rest, values in alike.items():
        items = [f"{value} AS value_{n}" for n, value in enumerate(values.values()) if value]
        rows = answered(stack, f"SELECT {', '.join(items)}\n{rest}" if items else rest)
        found |= {key: [[row[place]] for row in rows] if items else rows for place, key in enumerate(values)}
    return found


def moves(key: str) -> bool:
    """It goes by the clock: the page's is newer than the stored minute's."""
    return key.startswith("current.") or key.endswith(("PerMinute", "PerSecond", "etaSeconds"))


def answered(stack: Stack, sql: str) -> list[list[Any]]:
    answer = stack.client.post("/api/sql", json={"query": sql, "parameters": {"run": BACKFILL}})
    assert answer.status_code == 200, answer.text
    rows: list[list[Any]] = json.loads(answer.text)["data"]
    return rows


def at(values: Any, path: str) -> Any:
    for name in path.split("."):
        values = values[name]
    return values


@pytest.mark.parametrize("key", sorted(STATED))
def test_the_sql_gives_the_number_of_the_page(
    shown: dict[str, Any], said: dict[str, list[list[Any]]], key: str
) -> None:
    rows = said[key]
    if moves(key):
        assert rows
        return
    if "[]" not in key:
        assert same(rows[0][0], at(shown, key)), (rows, at(shown, key))
        return
    path, name = key.split("[].")
    found = {str(item[next(iter(item))]): item[name] for item in at(shown, path)}
    told = {str(row[0]): row[1] for row in rows}
    assert {item: value for item, value in told.items() if item in found and not same(value, found[item])} == {}
    assert found.keys() <= told.keys() or all(value in (0, None) for item, value in found.items() if item not in told)


def same(one: Any, other: Any) -> bool:
    if one is None or other is None or isinstance(other, str):
        return one == other or (one or 0) == (other or 0)
    return float(one) == pytest.approx(float(other), rel=1e-9, abs=1e-12)
