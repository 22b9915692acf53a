"""The documented backfill through the whole product: one figure, wherever it is asked for, to the nano-dollar."""

import asyncio
import json
import os
import signal
from typing import Any

import pytest
from live_stack import BACKFILL, Stack, eventually

from events.sdk.publisher import Publisher
from events.sdk.reader import Reader

SPENT_NANO_USD = 13_672_400_000


@pytest.fixture(scope="module")
def figures(stack: Stack, backfilled: dict[str, Any]) -> dict[str, Any]:
    return stack.metrics(BACKFILL)


def by_sql(stack: Stack) -> dict[str, int]:
    """The figures of the run by the documented view, over HTTP, as any ClickHouse client asks."""
    with stack.clickhouse() as client:
        found = client.query("SELECT * FROM run_totals WHERE run_id = {run:String}", {"run": BACKFILL})
        return next(iter(found.named_results()), {})


async def published_again(kafka: str) -> int:
    """Everything that the run published, once more, by another producer; how many results that was."""
    with Publisher(kafka, source="again") as publisher:
        async with Reader(kafka, "results", run_id=BACKFILL) as reader:
            events = [entry.event async for entry in reader.to_now()]
        for event in events:
            publisher.publish(event)
        assert publisher.flush(60) == 0
    return len(events)


def test_the_documented_economics(backfilled: dict[str, Any], figures: dict[str, Any]) -> None:
    assert figures["totals"]["cost_nano_usd"] == SPENT_NANO_USD
    assert figures["projection"]["projected_nano_usd"] == SPENT_NANO_USD
    assert figures["projection"]["baseline_nano_usd"] == 2_734 * 20_000_000
    assert figures["totals"]["processed_subjects"] == backfilled["processed"]
    assert figures["totals"]["failed_subjects"] == sum(backfilled["failed"].values())
    assert [tier["complete"] for tier in figures["progress"]["tiers"]] == [2_728, 2_000, 200]


def test_api_status_and_sql_say_the_same(stack: Stack, figures: dict[str, Any]) -> None:
    totals = figures["totals"]
    said = json.loads(stack.run("status", "--run", BACKFILL, "--json").stdout)
    assert said["totals"] == totals
    body = stack.get(f"/api/metrics/dashboard?run={BACKFILL}")
    assert body["costs"]["totalSpent"] == totals["cost_nano_usd"] / 1e9
    assert body["progress"]["processed"] == totals["processed_subjects"]
    eventually(lambda: by_sql(stack).get("results") == totals["results"], "the sink has stored the run")
    stored = by_sql(stack)
    # Merges remove duplicates, and the minutes are of the last day (DETAILS.md, Time).
    not_by_sql = {"duplicates", "minutes_with_result", "minutes_with_success"}
    scalars = {name: value for name, value in totals.items() if isinstance(value, int) and name not in not_by_sql}
    assert {name: stored.get(name) for name in scalars} == scalars
    assert stored["records"] == totals["records"]


def test_a_killed_worker_and_sink_come_back_and_nothing_changes(stack: Stack, figures: dict[str, Any]) -> None:
    pids = stack.endpoints()["pids"]
    for pid in (pids["worker"][0], pids["sink"]):
        os.kill(pid, signal.SIGKILL)
    eventually(lambda: stack.endpoints()["pids"]["worker"] != pids["worker"], "the worker is started again")
    eventually(lambda: stack.get("/readyz"), "everything is ready again")
    assert asyncio.run(published_again(stack.endpoints()["kafka"])) == figures["totals"]["results"]
    eventually(
        lambda: stack.metrics(BACKFILL)["totals"].get("duplicates", 0) == figures["totals"]["results"],
        "the repeated run is folded, as duplicates alone",
    )
    assert stack.metrics(BACKFILL)["totals"] | {"duplicates": 0} == figures["totals"] | {"duplicates": 0}


def test_a_restart_shows_the_same_and_ctrl_c_leaves_nothing_behind(stack: Stack, figures: dict[str, Any]) -> None:
    processes = stack.processes()
    assert len(processes) >= 5
    before = stack.metrics(BACKFILL)["totals"]
    assert stack.stop() == 0
    assert [process for process in processes if process.is_running()] == []
    left = stack.data / "endpoints.json"
    assert not left.exists() or "pids" not in left.read_text()
    stack.start()
    eventually(lambda: stack.metrics(BACKFILL)["totals"] == before, "the same figures after a restart")
