"""The stream: it moves, it ends with its reader, and a slow reader only ever misses what is old."""

import asyncio
import json
import uuid
from collections.abc import Iterator
from typing import Any

import httpx
import msgspec
import pytest
from sample_runs import result, snapshot
from serving import Served, wait_for

from dashboard.live.activity import activity
from dashboard.live.broadcast import MAX_ROWS, Broadcast
from dashboard.routes import stream as route


def messages(stream: httpx.Response) -> Iterator[tuple[str, Any]]:
    """(event, data) as they come."""
    name = ""
    for line in stream.iter_lines():
        field, _, value = line.partition(": ")
        if field == "event":
            name = value
        elif field == "data":
            yield name, json.loads(value)


def new_run(dashboard: Served) -> str:
    run = f"run-{uuid.uuid4().hex[:12]}"
    dashboard.publish("metrics", run, snapshot(run, share=0.1))
    wait_for(lambda: dashboard.get("/api/metrics/dashboard", run=run).status_code == 200)
    return run


def test_it_begins_with_the_newest_snapshot_and_goes_on_with_newer_ones(dashboard: Served) -> None:
    run = new_run(dashboard)
    with dashboard.client.stream("GET", "/api/stream", params={"run": run}) as stream:
        assert stream.headers["content-type"].startswith("text/event-stream")
        assert "content-encoding" not in stream.headers
        came = messages(stream)
        assert next(came)[0] == "status"
        first = next(data for name, data in came if name == "snapshot")
        assert first == dashboard.get("/api/metrics/dashboard", run=run).json()
        dashboard.publish("metrics", run, snapshot(run, share=0.2))
        later = next(data for name, data in came if name == "snapshot" and data["asOf"] > first["asOf"])
    assert later["progress"]["processed"] == int(1_872 * 0.2)


def test_a_stream_hears_of_its_own_run_alone_and_of_the_list_of_all(dashboard: Served) -> None:
    run, other = new_run(dashboard), new_run(dashboard)
    with dashboard.client.stream("GET", "/api/stream", params={"run": run}) as stream:
        came = messages(stream)
        dashboard.publish("metrics", other, snapshot(other, state="paused"))
        dashboard.publish("results", "i", result(1, other), result(2, run))
        seen: list[tuple[str, Any]] = []
        for name, data in came:
            seen.append((name, data))
            if {"activity", "snapshot"} <= {name for name, _ in seen} and any(
                name == "runs" and {row["runId"]: row["state"] for row in data}.get(other) == "paused"
                for name, data in seen
            ):
                break
    assert {data["runId"] for name, data in seen if name == "snapshot"} == {run}
    assert {row["runId"] for name, rows in seen if name == "activity" for row in rows} == {run}


def test_how_the_sources_do_is_said_also_while_news_never_stop(
    dashboard: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(route, "HEARTBEAT_S", 1.0)
    monkeypatch.setattr(dashboard.parts.sources, "_clock_ahead_ms", lambda: -3_600_000)
    run = new_run(dashboard)
    snapshots = 0
    said: list[dict[str, Any]] = []
    with dashboard.client.stream("GET", "/api/stream", params={"run": run}) as stream:
        for name, data in messages(stream):
            if name == "snapshot":
                snapshots += 1
                dashboard.publish("metrics", run, snapshot(run, share=snapshots / 100))
            elif name == "status":
                said.append(data)
            if snapshots == 90 or (said and said[-1]["clockAheadMs"] is not None):
                break
    assert said[-1]["clockAheadMs"] == -3_600_000
    assert said[-1].keys() == {"now", "kafka", "detail", "clickhouse", "worker", "clockAheadMs"}


def test_a_client_that_comes_back_gets_the_newest_snapshot_at_once(dashboard: Served) -> None:
    run = new_run(dashboard)
    for share in (0.3, 0.4):
        dashboard.publish("metrics", run, snapshot(run, share=share))
    wait_for(
        lambda: dashboard.get("/api/metrics/dashboard", run=run).json()["progress"]["processed"] == int(1_872 * 0.4)
    )
    headers = {"last-event-id": "12345"}
    with dashboard.client.stream("GET", "/api/stream", params={"run": run}, headers=headers) as stream:
        data = next(data for name, data in messages(stream) if name == "snapshot")
    assert data["progress"]["processed"] == int(1_872 * 0.4)


def test_a_stream_may_wait_for_a_run_that_is_to_come(dashboard: Served) -> None:
    run = f"run-{uuid.uuid4().hex[:12]}"
    with dashboard.client.stream("GET", "/api/stream", params={"run": run}) as stream:
        came = messages(stream)
        assert next(came)[0] == "status"
        dashboard.publish("metrics", run, snapshot(run))
        assert next(data for name, data in came if name == "snapshot")["runId"] == run


def test_nothing_stays_of_a_client_that_went(dashboard: Served) -> None:
    wait_for(lambda: len(dashboard.parts.broadcast) == 0)
    run = new_run(dashboard)
    for _ in range(3):
        with dashboard.client.stream("GET", "/api/stream", params={"run": run}) as stream:
            came = messages(stream)
            next(came)
            assert len(dashboard.parts.broadcast) == 1
        wait_for(lambda: len(dashboard.parts.broadcast) == 0)


async def test_a_slow_reader_keeps_only_the_newest_rows_and_one_snapshot() -> None:
    broadcast = Broadcast()
    rows = [activity(result(number, "r"), 0) for number in range(3 * MAX_ROWS)]
    with broadcast.listen("r") as mailbox:
        mailbox.snapshot = False
        for row in rows:
            broadcast.activity([row])
            broadcast.snapshot("r")
        assert mailbox.take_rows() == [msgspec.json.encode(row) for row in rows[-MAX_ROWS:]]
        assert mailbox.take_rows() == []
        assert mailbox.snapshot
        assert mailbox.news.is_set()
    assert len(broadcast) == 0


async def test_a_closed_broadcast_ends_every_mailbox_also_later_ones() -> None:
    broadcast = Broadcast()
    with broadcast.listen("r") as early:
        broadcast.close()
        await asyncio.wait_for(early.news.wait(), 60)
        assert early.closed
    with broadcast.listen("r") as late:
        assert late.closed
