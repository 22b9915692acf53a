"""The reader: right before any merge, and for the user who may only read."""

from datetime import UTC, datetime
from typing import Any

import pytest
from sinking import image, snapshot, stored

from servers.clickhouse.users import Addresses
from sinks.client import connect
from sinks.errors import AccessDenied
from sinks.reading.history import History
from sinks.schema.migrations import migrate

PLAN = {
    "event_type": "run.declared", "event_id": "d", "event_time": "2026-11-02T09:00:00Z", "run_id": "r",
    "name": "Backfill 🚗", "started_at": "2026-11-02T08:30:00+01:00",
}  # fmt: skip


def at(hour: int, minute: int = 0) -> datetime:
    return datetime(2026, 11, 2, hour, minute, tzinfo=UTC)


def test_runs_with_and_without_a_plan(store: Any) -> None:
    stored(store.client, "runs", [PLAN, {**PLAN, "event_type": "run.updated", "name": None, "event_id": "u"}])
    results = [image(str(n), event_time=f"2026-11-02T10:0{n}:00Z", cost_usd=0.001) for n in range(3)]
    stored(store.client, "results", [*results, image("0", status="failed"), image("x", run_id="s", status="failed")])
    stored(
        store.client,
        "metrics",
        [snapshot("r", "2026-11-02T10:00:01Z", state="paused"), snapshot("t", "2026-11-02T10:00:00Z")],
    )
    first, second, third = store.history.runs()
    assert (first.run_id, first.name, first.state) == ("r", "Backfill 🚗", "paused")
    assert (first.results, first.failed, first.cost_nano_usd) == (3, 0, 3_000_000)
    assert (first.started_at, first.last_event_at) == (at(7, 30), at(10, 2))
    assert (second.run_id, second.name, second.state, second.failed) == ("s", None, None, 1)
    assert (third.run_id, third.state, third.results, third.last_event_at) == ("t", "running", 0, None)
    assert [run.run_id for run in store.history.runs(2)] == ["r", "s"]


def test_the_reader_is_enough(clickhouse: Addresses) -> None:
    migrate(connect(clickhouse.migrator))
    client = connect(clickhouse.reader)
    history = History(client)
    assert history.newest_snapshot_json("nobody") is None
    assert isinstance(history.runs(), list)
    with pytest.raises(AccessDenied):
        history.rows("TRUNCATE TABLE results")
