"""`imageledger verify` as an operator calls it: at rest, under load, and after a row was altered by hand."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from live_stack import BACKFILL, Stack, environment, eventually

LOAD = "load"


def test_everything_is_equal_to_the_row(stack: Stack, backfilled: dict[str, Any]) -> None:
    done = stack.run("verify", "--rows", "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    verdict = json.loads(done.stdout)
    assert verdict["equal"]
    assert verdict["differences"] == []
    assert verdict["records"] >= sum(backfilled["calls"].values())
    [run] = [run for run in verdict["runs"] if run["run_id"] == BACKFILL]
    assert run["figures"] > 100
    assert {"results", "runs", "heartbeats"} <= run["source_offsets"].keys()


def test_everything_is_equal_under_load(stack: Stack, backfilled: dict[str, Any]) -> None:
    words = ("backfill", "--run", LOAD, "--speed", "3", "--seed", "5")
    load = subprocess.Popen(
        [sys.executable, "-m", "imageledger", "--data", str(stack.data), *words],
        env=environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        eventually(lambda: stack.metrics(LOAD)["totals"].get("results", 0) > 20, "results come in")
        before = stack.metrics(LOAD)["totals"]["results"]
        done = stack.run("verify", "--json")
        assert done.returncode == 0, done.stdout + done.stderr
        assert LOAD in {run["run_id"] for run in json.loads(done.stdout)["runs"]}
        eventually(lambda: stack.metrics(LOAD)["totals"]["results"] > before, "they still do")
        assert load.poll() is None
    finally:
        load.kill()
        load.wait()


@contextmanager
def row_altered(
    stack: Stack, to: str, and_back: str, table: str = "results", of: str = "cost_nano_usd > 0", nth: int = 40
) -> Iterator[tuple[int, int]]:
    """One stored row with other columns (`REPLACE` clauses); its partition and offset."""
    with stack.clickhouse() as client:
        found = client.query(
            f"SELECT source_partition, source_offset FROM {table} FINAL WHERE run_id = {{run:String}} "
            f"AND {of} ORDER BY source_partition, source_offset LIMIT 1 OFFSET {nth}",
            {"run": BACKFILL},
        )
        [(partition, offset)] = found.result_rows
        at = f"source_partition = {partition} AND source_offset = {offset}"
        alter = f"INSERT INTO {table} SELECT * REPLACE ({{}}) FROM {table} FINAL WHERE "
        client.command(alter.format(to) + at)
        try:
            yield partition, offset
        finally:
            client.command(alter.format(and_back) + at)


def test_an_altered_row_in_clickhouse_is_named_with_its_offset(stack: Stack, backfilled: dict[str, Any]) -> None:
    alter = "cost_nano_usd + {} AS cost_nano_usd"
    with row_altered(stack, alter.format(1_000), alter.format(-1_000)) as (partition, offset):
        done = stack.run("verify", "--run", BACKFILL, "--json")
    assert done.returncode == 1, done.stderr
    verdict = json.loads(done.stdout)
    assert [run["equal"] for run in verdict["runs"]] == [False]
    differences = {difference["figure"]: difference for difference in verdict["differences"]}
    values = differences["totals.cost_nano_usd"]["values"]
    assert values["sql"] == values["snapshot"] + 1_000 == values["refold"] + 1_000
    assert differences["totals.cost_nano_usd"]["offsets"] == [["results", partition, offset]]
    assert f"offset {offset}: different, cost_nano_usd: " in differences["totals.cost_nano_usd"]["explanation"]
    assert {figure.rpartition(".")[2] for figure in differences} == {"cost_nano_usd"}


def test_rows_whose_text_was_altered_are_named_when_rows_are_looked_at(
    stack: Stack, backfilled: dict[str, Any]
) -> None:
    """Nothing that is counted says that a source, an answer's question or a plan's name was another."""
    columns = "arrayMap(a -> tuple({}, a.2, a.3, a.4, a.5, a.6, a.7, a.8), answers) AS answers, {} AS source"
    longer, as_before = "concat({}, '!')", "trim(TRAILING '!' FROM assumeNotNull({}))"
    result = [columns.format(to.format("a.1"), to.format("source")) for to in (longer, as_before)]
    plan = [to.format("name") + " AS name" for to in (longer, as_before)]
    declared = "event_type = 'run.declared'"
    with row_altered(stack, *result) as at, row_altered(stack, *plan, "runs", declared, 0) as declared_at:
        done = stack.run("verify", "--rows", "--json")
    assert done.returncode == 1, done.stderr
    found = {tuple(one["offsets"][0]): one["explanation"] for one in json.loads(done.stdout)["differences"]}
    assert found.keys() == {("results", *at), ("runs", *declared_at)}
    assert "source: " in found["results", *at]
    assert "answers: " in found["results", *at]
    assert found["runs", *declared_at].startswith("name: ")


@pytest.mark.parametrize("words", [("--run", "no such run"), ("--wait", "-1")])
def test_what_cannot_be_compared_is_exit_code_2(stack: Stack, words: tuple[str, ...]) -> None:
    done = stack.run("verify", *words)
    assert done.returncode == 2
    assert done.stderr
    assert "Traceback" not in done.stderr
