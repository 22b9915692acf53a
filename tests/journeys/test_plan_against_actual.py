"""The run's phases: what was planned and what became of it, asked of ClickHouse, and commands to a run that is over."""

import json
from typing import Any

from live_stack import BACKFILL, Stack, eventually

PHASES = "SELECT * FROM plan_against_actual WHERE run_id = {run:String} ORDER BY tier"


def phases(stack: Stack) -> list[dict[str, Any]]:
    with stack.clickhouse() as client:
        return list(client.query(PHASES, {"run": BACKFILL}).named_results())


def test_plan_against_actual_per_phase(stack: Stack, backfilled: dict[str, Any]) -> None:
    spent = [0.2734, 9.399, 4.0]
    found = eventually(
        lambda: (rows := phases(stack)) and [row["actual_images"] for row in rows] == [2_728, 2_000, 200] and rows,
        "the run is stored",
    )
    planned = [
        (row["tier"], row["planned_images"], row["planned_batches"], round(row["planned_usd"], 4)) for row in found
    ]
    assert planned == [(1, 2_734, 55, 0.2734), (2, 2_000, 40, 9.399), (3, 200, 40, 4.0)]
    # S2's minutes, at speed 600.
    assert [round(row["planned_minutes"] * 600, 1) for row in found] == [27.5, 30.0, 40.0]
    assert [row["actual_batches"] for row in found] == [55, 40, 40]
    assert [round(row["actual_usd"], 4) for row in found] == spent
    assert all(row["actual_minutes"] > 0 for row in found)


def test_a_finished_run_is_not_repeated_and_obeys_reprocess_alone(stack: Stack, backfilled: dict[str, Any]) -> None:
    before = stack.metrics(BACKFILL)["totals"]
    refused = stack.run("commands", "pause", "--run", BACKFILL, "--wait", "0", "--json")
    assert refused.returncode == 0, refused.stderr
    assert json.loads(refused.stdout)["state"] == "pending"  # nobody works on the run now
    again = stack.run("backfill", "--run", BACKFILL, "--speed", "600", "--json")
    assert again.returncode == 0, again.stderr
    summary = json.loads(again.stdout)
    assert {name: summary[name] for name in ("processed", "failed", "calls", "cost_nano_usd", "seconds")} == {
        name: backfilled[name] for name in ("processed", "failed", "calls", "cost_nano_usd", "seconds")
    }
    (said,) = json.loads(stack.run("commands", "list", "--run", BACKFILL, "--json").stdout)
    assert (said["action"], said["state"]) == ("pause", "refused")
    assert "finished" in said["answer"]
    assert stack.metrics(BACKFILL)["totals"] == before


def test_a_command_for_no_run_is_one_line(stack: Stack) -> None:
    done = stack.run("commands", "pause", "--run", "nowhere")
    assert done.returncode == 1
    assert len(done.stderr.strip().splitlines()) == 1
    assert "nowhere" in done.stderr
