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
    assert store.history.run_ids(2) == ["r", "s"]


def test_the_latest_results_page_by_page(store: Any) -> None:
    stored(
        store.client, "results", [image(str(n), event_time=f"2026-11-02T10:{n:02}:00Z", output=[n]) for n in range(9)]
    )
    stored(store.client, "results", [image("8", model="repeat")], first_offset=50)
    page = store.history.results("r", 3)
    assert [row["event_id"] for row in page] == ["8", "7", "6"]
    assert page[0]["model"] == "unknown"
    assert "output" not in page[0]
    next_page = store.history.results(
        "r", 3, columns=["event_id", "output", "effective_at"], before=page[-1]["event_time"]
    )
    assert next_page[0] == {"event_id": "5", "output": "[5]", "effective_at": at(10, 5)}
    assert store.history.results("nobody") == []


def test_totals_are_of_distinct_events_and_subjects(store: Any) -> None:
    documents = [
        image("a", image_id="one", status="failed", cost_usd=0.1, latency_ms=2.5),
        image("b", image_id="one", confidence=0.25, input_tokens=7),
        image("c", image_id="two", status="partial", final=False),
        image("d", image_id="two", status="failed"),
        image("d", image_id="two", status="success"),
        image("e", image_id="one", run_id="other"),
    ]
    stored(store.client, "results", documents)
    totals = store.history.totals("r")
    assert (totals.results, totals.success, totals.partial, totals.failed) == (4, 1, 1, 2)
    assert (totals.subjects, totals.processed_subjects, totals.failed_subjects) == (2, 1, 1)
    assert (totals.cost_nano_usd, totals.unpriced, totals.latency_ms_sum, totals.latency_count) == (
        100_000_000,
        3,
        2,
        1,
    )
    assert (totals.confidence_sum_ppm, totals.confidence_count, totals.input_tokens) == (250_000, 1, 7)
    assert store.history.totals("nobody").results == 0


def test_lineage_both_ways(store: Any) -> None:
    answers = [
        {"question": "mileage?", "answer": 120_000, "confidence": 0.9, "table": "readings", "record_id": "77"},
        {"question": "colour?", "answer": "red"},
    ]
    stored(
        store.client,
        "results",
        [image("a", image_id="i", answers=answers), image("b", image_id="other", answers=answers[1:])],
    )
    steps = store.history.image_lineage("i")
    assert [(step.question, step.answer, step.table, step.record_id) for step in steps] == [
        ("mileage?", "120000", "readings", "77"),
        ("colour?", "red", "", ""),
    ]
    assert store.history.record_lineage("readings", "77") == steps[:1]
    assert steps[0].source_offset == 0
    assert steps[0].event_time == at(10)
    assert store.history.record_lineage("readings", "78") == []


def test_the_reader_is_enough(clickhouse: Addresses) -> None:
    migrate(connect(clickhouse.migrator))
    client = connect(clickhouse.reader)
    history = History(client)
    assert history.newest_snapshot("nobody") is None
    assert history.results("nobody") == []
    assert history.totals("nobody").results == 0
    assert history.image_lineage("nobody") == history.record_lineage("t", "nobody") == []
    assert isinstance(history.runs(), list)
    with pytest.raises(AccessDenied):
        history.rows("TRUNCATE TABLE results")
