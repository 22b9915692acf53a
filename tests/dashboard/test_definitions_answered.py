"""The SQL behind the numbers of history runs as the reader who clicks "Open in Queries", and says what the pages show.

Statements that read the same rows are asked together, so that the whole catalogue takes some twenty questions. What
the SQL says of a live run is in tests/journeys.
"""

import re
import time
from collections import defaultdict
from collections.abc import Collection, Iterator
from typing import Any, NamedTuple

import pytest
from sample_history import component, insert, result, written
from serving import Served, served

from dashboard.definitions.catalogue import DEFINITIONS
from dashboard.definitions.live import LIVE
from servers.clickhouse.users import Addresses

RUN = "explained"
SHOWN = {"models": "/api/analytics/models", "quality": "/api/quality", "vehicles": "/api/metrics/vehicles"}
"""Source of a page → what it asks."""
ANSWERED = {sql for definition in LIVE.values() if (sql := definition.sql)}
"""Asked in tests/journeys, each for itself."""
_SHAPE = re.compile(r"SELECT (?P<items>(?:[a-z_]+, )*)(?P<value>.+?) AS value\s(?P<rest>FROM .+)", re.DOTALL)


def rows() -> list[dict[str, Any]]:
    """Calls and components of this minute, in two runs: a page of all runs says something else than a page of one."""
    now = int(time.time() * 1_000)
    at = {"effective_ms": now, "event_time": written(now), "recorded_at": written(now)}
    found = [
        make(number, run, **at, vehicle_id=f"car-{number % 2}", latency_ms=100 * number, model=f"m-{number % 3}")
        for run in (RUN, "another")
        for make in (result, component)
        for number in range(1, 12)
    ]
    found[3] |= {"status": "failed", "cost_nano_usd": None, "latency_ms": None, "confidence_ppm": None}
    return [row | {"event_id": f"{row['event_type']}-{row['event_id']}"} for row in found]


@pytest.fixture(scope="module")
def page(tables: Addresses) -> Iterator[Served]:
    insert(tables.writer, "results", rows())
    with served("127.0.0.1:9", "none.", clickhouse_url=tables.reader) as running:
        yield running


class Question(NamedTuple):
    """Statements of one shape as one: `items` tell its rows apart, behind them stands a value for each of `keys`."""

    items: list[str]
    keys: list[str]
    sql: str


def together(keys: Collection[str]) -> list[Question]:
    """The definitions of these keys, those that read the same rows in one statement."""
    alike: defaultdict[tuple[str, str], dict[str, str]] = defaultdict(dict)
    for key in keys:
        shape = _SHAPE.fullmatch(DEFINITIONS[key].sql or "")
        assert shape, key
        alike[shape["items"], shape["rest"]][key] = shape["value"]
    return [
        Question(
            items.split(", ")[:-1],
            list(values),
            f"SELECT {items}{', '.join(f'{value} AS value_{n}' for n, value in enumerate(values.values()))}\n{rest}",
        )
        for (items, rest), values in alike.items()
    ]


def asked(page: Served, question: Question, run: str) -> list[list[Any]]:
    answer = page.client.post("/api/sql", json={"query": question.sql, "parameters": {"run": run}})
    assert answer.status_code == 200, (question.keys, answer.text)
    rows: list[list[Any]] = answer.json()["data"]
    return rows


def test_the_reader_may_ask_it(page: Served) -> None:
    """What the next test asks too is left to it."""
    others = {key for key in stated() if key.partition(":")[0] not in SHOWN and DEFINITIONS[key].sql not in ANSWERED}
    assert others
    for question in together(sorted(others)):
        asked(page, question, "nobody's")


def stated() -> set[str]:
    return {key for key, definition in DEFINITIONS.items() if definition.sql}


@pytest.mark.parametrize("run", [RUN, ""], ids=["one run", "all runs"])
def test_the_sql_gives_the_numbers_of_the_pages_of_history(page: Served, run: str) -> None:
    bodies = {name: page.get(path, **({"run": run} if run else {})).json() for name, path in SHOWN.items()}
    compared = 0
    for question in together(sorted(key for key in stated() if key.partition(":")[0] in SHOWN)):
        answered = asked(page, question, run)
        names = [camel(item) for item in question.items]
        for place, key in enumerate(question.keys, len(names)):
            source, _, path = key.partition(":")
            items, _, field = path.rpartition("[]." if "[]" in path else ".")
            found: Any = bodies[source][items]
            if "[]" not in path and names:
                shown = {(name,): number(value) for name, value in found[field].items()}
            else:
                listed = found if "[]" in path else [found]
                shown = {tuple(item[name] for name in names): number(item[field]) for item in listed}
            assert {tuple(row[: len(names)]): number(row[place]) for row in answered} == pytest.approx(shown), key
            compared += 1
    assert compared > 50


def camel(column: str) -> str:
    return re.sub("_([a-z])", lambda letter: letter[1].upper(), column)


def number(value: Any) -> float | None:
    return None if value is None else float(value)
