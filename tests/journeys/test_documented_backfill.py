"""The documented backfill through the whole product: one figure, wherever it is asked for, to the nano-dollar."""

import json
import os
import signal
from typing import Any
from urllib.parse import urlsplit

import clickhouse_connect
import pytest
from live_stack import Stack, eventually

RUN = "journey"
SPENT_NANO_USD = 13_672_400_000


@pytest.fixture(scope="module")
def summary(stack: Stack) -> dict[str, Any]:
    done = stack.run("backfill", "--run", RUN, "--speed", "600", "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def figures(stack: Stack, summary: dict[str, Any]) -> dict[str, Any]:
    results = sum(summary["calls"].values())
    eventually(
        lambda: (now := stack.metrics(RUN))["totals"].get("results") == results and now["state"] == "finished",
        "the last result is in the snapshot",
    )
    return stack.metrics(RUN)


def by_sql(stack: Stack) -> dict[str, int]:
    """The figures of the run by the documented view, over HTTP, as any ClickHouse client asks."""
    url = urlsplit(stack.endpoints()["clickhouse"])
    with clickhouse_connect.get_client(
        host=url.hostname, port=url.port, username=url.username, password=url.password, database="imageledger"
    ) as client:
        found = client.query("SELECT * FROM run_totals WHERE run_id = {run:String}", {"run": RUN})
        return dict(zip(found.column_names, found.first_row, strict=True)) if found.result_rows else {}


def test_the_documented_economics(summary: dict[str, Any], figures: dict[str, Any]) -> None:
    assert figures["totals"]["cost_nano_usd"] == SPENT_NANO_USD
    assert figures["projection"]["projected_nano_usd"] == SPENT_NANO_USD
    assert figures["projection"]["baseline_nano_usd"] == 2_734 * 20_000_000
    assert figures["totals"]["processed_subjects"] == summary["processed"]
    assert figures["totals"]["failed_subjects"] == sum(summary["failed"].values())
    assert [tier["complete"] for tier in figures["progress"]["tiers"]] == [2_728, 2_000, 200]


def test_api_status_and_sql_say_the_same(stack: Stack, figures: dict[str, Any]) -> None:
    totals = figures["totals"]
    said = json.loads(stack.run("status", "--run", RUN, "--json").stdout)
    assert said["totals"] == totals
    body = stack.get(f"/api/metrics/dashboard?run={RUN}")
    assert body["costs"]["totalSpent"] == totals["cost_nano_usd"] / 1e9
    assert body["progress"]["processed"] == totals["processed_subjects"]
    eventually(lambda: by_sql(stack).get("results") == totals["results"], "the sink has stored the run")
    stored = by_sql(stack)
    scalars = {name: value for name, value in totals.items() if isinstance(value, int) and name != "duplicates"}
    assert {name: stored.get(name) for name in scalars if name in stored} == {
        n: v for n, v in scalars.items() if n in stored
    }
    assert {"results", "cost_nano_usd", "processed_subjects", "failed_subjects", "input_tokens"} <= set(stored)


def test_a_killed_worker_and_sink_come_back_and_nothing_changes(stack: Stack, figures: dict[str, Any]) -> None:
    pids = stack.endpoints()["pids"]
    for pid in (pids["worker"][0], pids["sink"]):
        os.kill(pid, signal.SIGKILL)
    eventually(lambda: stack.endpoints()["pids"]["worker"] != pids["worker"], "the worker is started again")
    eventually(lambda: stack.get("/readyz"), "everything is ready again")
    again = stack.run("backfill", "--run", RUN, "--speed", "600", "--json")
    assert again.returncode == 0, again.stderr
    eventually(
        lambda: stack.metrics(RUN)["totals"].get("duplicates", 0) == figures["totals"]["results"],
        "the repeated run is folded, as duplicates alone",
    )
    assert stack.metrics(RUN)["totals"] | {"duplicates": 0} == figures["totals"] | {"duplicates": 0}


def test_a_restart_shows_the_same_and_ctrl_c_leaves_nothing_behind(stack: Stack, figures: dict[str, Any]) -> None:
    processes = stack.processes()
    assert len(processes) >= 5
    before = stack.metrics(RUN)["totals"]
    assert stack.stop() == 0
    assert [process for process in processes if process.is_running()] == []
    assert (
        "pids" not in (stack.data / "endpoints.json").read_text() if (stack.data / "endpoints.json").exists() else True
    )
    stack.start()
    eventually(lambda: stack.metrics(RUN)["totals"] == before, "the same figures after a restart")
