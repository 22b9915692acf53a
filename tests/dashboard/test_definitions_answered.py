"""Every definition's SQL runs as the reader who clicks "Open in Queries", and says what the pages of history show.

What it says of a live run is in tests/journeys.
"""

import re
import time
from collections.abc import Iterator
from typing import Any

import pytest
from sample_history import component, insert, result, written
from serving import Served, served

from dashboard.definitions.catalogue import DEFINITIONS
from servers.clickhouse.users import Addresses
from sinks.client import connect
from sinks.schema.migrations import migrate

RUN = "explained"


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
def page(clickhouse: Addresses) -> Iterator[Served]:
    migrator = connect(clickhouse.migrator)
    migrate(migrator)
    insert(clickhouse.writer, "results", rows())
    with served("127.0.0.1:9", "none.", clickhouse_url=clickhouse.reader) as running:
        yield running
    migrator.command("DROP DATABASE imageledger")


@pytest.mark.parametrize("key", sorted(key for key, definition in DEFINITIONS.items() if definition.sql))
def test_the_reader_may_ask_it(page: Served, key: str) -> None:
    asked = {"query": DEFINITIONS[key].sql, "parameters": {"run": "nobody's"}}
    answer = page.client.post("/api/sql", json=asked)
    assert answer.status_code == 200, answer.text
    assert [column["name"] for column in answer.json()["meta"]][-1] == "value"


SHOWN = {"models": "/api/analytics/models", "quality": "/api/quality", "vehicles": "/api/metrics/vehicles"}


@pytest.mark.parametrize("run", [RUN, ""], ids=["one run", "all runs"])
def test_the_sql_gives_the_numbers_of_the_pages_of_history(page: Served, run: str) -> None:
    bodies = {name: page.get(path, **({"run": run} if run else {})).json() for name, path in SHOWN.items()}
    compared = 0
    for key, definition in DEFINITIONS.items():
        source, _, path = key.partition(":")
        if source not in SHOWN or definition.sql is None or (not run and "[]" in path):
            continue  # of all runs the sums will do
        answer = page.client.post("/api/sql", json={"query": definition.sql, "parameters": {"run": run}}).json()
        items, _, field = path.rpartition("[]." if "[]" in path else ".")
        found: Any = bodies[source][items]
        if "[]" in path:
            names = [camel(column["name"]) for column in answer["meta"][:-1]]
            shown = {tuple(item[name] for name in names): number(item[field]) for item in found}
        else:
            shown = {(): number(found[field])}
        assert {tuple(row[:-1]): number(row[-1]) for row in answer["data"]} == pytest.approx(shown), key
        compared += 1
    assert compared > (50 if run else 10)


def camel(column: str) -> str:
    return re.sub("_([a-z])", lambda letter: letter[1].upper(), column)


def number(value: Any) -> float | None:
    return None if value is None else float(value)
