"""The reader: right before any merge, and for the user who may only read."""

from datetime import UTC, datetime
from typing import Any

import pytest
from databases import Store, merge
from sinking import image, snapshot, stored

from metrics.views.questions.watching import WATCHING
from servers.clickhouse.users import Addresses
from sinks.client import connect
from sinks.errors import AccessDenied
from sinks.reading import history as reading
from sinks.reading.history import History

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


def test_a_run_s_results_count_once_whether_they_stand_in_one_part_or_in_several(resting: Store) -> None:
    """What a merged part alone holds is taken as it was added up with the part; everything else is counted anew."""
    asked = "SELECT run_id, results, failed, cost_nano_usd FROM run_totals ORDER BY run_id"

    def agree() -> list[tuple[str, int, int, int]]:
        found = [(run.run_id, run.results, run.failed, run.cost_nano_usd) for run in resting.history.runs()]
        assert sorted(found) == [tuple(row.values()) for row in resting.history.rows(asked)]
        return sorted(found)

    rested = [image("a", cost_usd=0.002), image("b", status="failed"), image("c", run_id="s", cost_usd=0.001)]
    stored(resting.client, "results", [*rested, image("a", cost_usd=0.5)])  # a repeat within a part
    stored(resting.client, "results", [image("b", cost_usd=0.3)], first_offset=9)  # and one in a part of its own
    assert agree() == [("r", 2, 1, 2_000_000), ("s", 1, 0, 1_000_000)]
    merge(resting)
    assert agree() == [("r", 2, 1, 2_000_000), ("s", 1, 0, 1_000_000)]
    stored(resting.client, "results", [image("c", run_id="s", cost_usd=0.7), image("d", run_id="t")], first_offset=20)
    assert agree() == [("r", 2, 1, 2_000_000), ("s", 1, 0, 1_000_000), ("t", 1, 0, 0)]


def test_more_runs_that_do_not_rest_than_a_question_names(store: Any) -> None:
    many = [image(str(n), run_id=f"run-{n:03}") for n in range(103)]
    stored(store.client, "results", [*many, *many])
    assert [(run.run_id, run.results) for run in store.history.runs(200)] == [(row["run_id"], 1) for row in many]


def test_a_run_s_totals_are_read_as_they_were_added_up(store: Any) -> None:
    """A figure that the projection lacks would send the question through every result."""
    stored(store.client, "results", [image("a")])
    plan = store.client.query(f"EXPLAIN {reading.TOTALS}").result_rows
    assert any("totals_of_runs" in line for (line,) in plan)


def test_the_reader_is_enough(migrated: Addresses) -> None:
    client = connect(migrated.reader)
    history = History(client)
    assert history.newest_snapshot_json("nobody") is None
    assert isinstance(history.runs(), list)
    with pytest.raises(AccessDenied):
        history.rows("TRUNCATE TABLE results")


def test_the_last_ten_minutes_count_each_event_by_its_first_record(store: Any) -> None:
    """As the view has it: a repeat dated otherwise brings nothing into the ten minutes, and takes nothing out."""
    [asked] = [one.sql for one in WATCHING.questions if one.about.startswith("The last ten minutes")]

    def late(event_id: str, minute: int, **fields: Any) -> dict[str, Any]:
        return image(event_id, event_time=f"2026-11-02T10:{minute:02}:00Z", cost_usd=0.5, **fields)

    early = [late("a", 1), late("b", 2)]
    stored(store.client, "results", [*early, late("c", 25), late("d", 27, status="failed"), late("e", 20, run_id="s")])
    stored(store.client, "results", [late("a", 29), late("c", 3), late("d", 28), late("f", 30)], first_offset=9)
    by_view = """SELECT count() AS calls, countIf(status = 'failed') AS failed, sum(cost_nano_usd) / 1e9 AS usd
        FROM run_results
        WHERE run_id = {run:String} AND fromUnixTimestamp64Milli(effective_ms, 'UTC') >= '2026-11-02 10:20:00'"""
    [found] = store.history.rows(asked, {"run": "r"})
    assert found == store.history.rows(by_view, {"run": "r"})[0] == {"calls": 3, "failed": 1, "usd": 1.5}
    assert store.history.rows(asked, {"run": "unknown"}) == [{"calls": 0, "failed": 0, "usd": None}]
