"""Click on a number, and the SQL that the page shows gives the same: every definition, on a running product."""

import json
from typing import Any

import pytest
from live_stack import BACKFILL, Stack, eventually

from dashboard.definitions.catalogue import DEFINITIONS
from dashboard.definitions.definition import Definition

STATED = {
    key: definition
    for key, definition in DEFINITIONS.items()
    if definition.sql and ":" not in key and not key.startswith("activity[]")
}
"""The figures of the live page; its feed lists single results."""


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
def test_the_sql_gives_the_number_of_the_page(stack: Stack, shown: dict[str, Any], key: str) -> None:
    definition: Definition = STATED[key]
    rows = answered(stack, definition.sql or "")
    if moves(key):
        assert rows
        return
    if "[]" not in key:
        assert same(rows[0][0], at(shown, key)), (rows, at(shown, key))
        return
    path, name = key.split("[].")
    found = {str(item[next(iter(item))]): item[name] for item in at(shown, path)}
    said = {str(row[0]): row[1] for row in rows}
    assert {item: value for item, value in said.items() if item in found and not same(value, found[item])} == {}
    assert found.keys() <= said.keys() or all(value in (0, None) for item, value in found.items() if item not in said)


def same(one: Any, other: Any) -> bool:
    if one is None or other is None or isinstance(other, str):
        return one == other or (one or 0) == (other or 0)
    return float(one) == pytest.approx(float(other), rel=1e-9, abs=1e-12)
