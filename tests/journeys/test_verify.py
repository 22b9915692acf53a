"""`imageledger verify` as an operator calls it: at rest, under load, and after a row was altered by hand."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from confluent_kafka import Producer
from live_stack import BACKFILL, Stack, environment, eventually

from sinks import retention

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


@pytest.fixture
def forgotten(stack: Stack) -> Iterator[str]:
    """A run that ClickHouse has forgotten, as by `imageledger cleanup`; and what it had is put back."""
    run = "long ago"
    producer = Producer({"bootstrap.servers": stack.endpoints()["kafka"]})
    seen = {"event_type": "image.result", "event_time": "2026-01-02T03:04:05Z", "status": "success", "run_id": run}
    for number in range(3):
        producer.produce(
            "imageledger.results", json.dumps({**seen, "event_id": f"e{number}", "image_id": f"i{number}"})
        )
    assert producer.flush(60) == 0
    eventually(lambda: stack.metrics("long%20ago")["totals"].get("results") == 3, "they are counted")
    sink = int(stack.endpoints()["pids"]["sink"])
    with stack.clickhouse() as client:
        rows = "SELECT {} FROM results FINAL WHERE run_id = 'long ago'"
        eventually(lambda: client.query(rows.format("count()")).first_row == (3,), "they are stored")
        kept = client.raw_query(rows.format("*"), fmt="Native")
        os.kill(sink, signal.SIGSTOP)  # a run that is cleaned up has no snapshot any more; this one would have
        try:
            retention.forget(client, [run])
            yield run
            client.raw_insert("results", insert_block=kept, fmt="Native")
            client.command("TRUNCATE TABLE forgotten_runs")
        finally:
            os.kill(sink, signal.SIGCONT)


def test_a_run_that_was_forgotten_is_noted_and_no_difference(
    stack: Stack, backfilled: dict[str, Any], forgotten: str
) -> None:
    done = stack.run("verify", "--rows", "--json")
    assert done.returncode == 0, done.stdout
    verdict = json.loads(done.stdout)
    assert [note for note in verdict["notes"] if forgotten in note and "imageledger cleanup" in note]
    with stack.clickhouse() as client:  # one word that is left of it, and it is no forgotten run any more
        left = "INSERT INTO feedback (run_id, event_id, source_topic) VALUES ('long ago', 'left', 'x')"
        client.command(left)
        done = stack.run("verify", "--run", forgotten, "--json")
        client.command("ALTER TABLE feedback DELETE WHERE event_id = 'left'", settings={"mutations_sync": 2})
        client.command("TRUNCATE TABLE forgotten_runs")  # and one that somebody took away by hand is none
        by_hand = stack.run("verify", "--run", forgotten, "--json")
    for verdict in (done, by_hand):
        assert verdict.returncode == 1
        assert {one["run_id"] for one in json.loads(verdict.stdout)["differences"]} == {forgotten}


@pytest.mark.parametrize("words", [("--run", "no such run"), ("--wait", "-1")])
def test_what_cannot_be_compared_is_exit_code_2(stack: Stack, words: tuple[str, ...]) -> None:
    done = stack.run("verify", *words)
    assert done.returncode == 2
    assert done.stderr
    assert "Traceback" not in done.stderr
