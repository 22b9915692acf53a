"""`GET /api/stream`: server-sent events, so that a page moves by itself."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import msgspec
from litestar import Request, get
from litestar.di import NamedDependency
from litestar.params import FromQuery
from litestar.response import Stream

from dashboard.errors import RunUnknown
from dashboard.live.broadcast import Mailbox
from dashboard.live.sse import alert_message, message
from dashboard.parts import Parts

HEARTBEAT_S = 3.0
GATHER_S = 0.25
"""News within it go out together: at most four batches a second."""
RETRY_MS = 1_000


@get("/api/stream", tags=["metrics"], media_type="text/event-stream")
async def stream(
    parts: NamedDependency[Parts], request: Request[Any, Any, Any], run: FromQuery[str | None] = None
) -> Stream:
    """Events of one run (the active one where none is named; of none where `run` is empty) until the client goes.

    `snapshot`: the body of `/api/metrics/dashboard`, whenever there is a newer one, and first of all. `activity`: an
    array of results as they arrive, at most 20 a second. `runs`: the list of runs, when it changes. `alert`: a row of
    `/api/alerts` when it fires or is over; its `id` is the position on the alerts topic, and a client that comes back
    with it as `Last-Event-ID` gets those after it first. `status`: `{"now", "kafka", "detail", "clickhouse",
    "worker", "clockAheadMs"}`, every 3 s; `clickhouse` and `worker` are null where none is configured, the last where
    the worker's clock and Kafka's agree. A slow client skips snapshots and rows; the newest always comes.
    """
    run_id = parts.live.active() if run is None else run or None
    return Stream(
        _events(parts, run_id, request.headers.get("last-event-id")),
        media_type="text/event-stream",
        headers={"cache-control": "no-store", "x-accel-buffering": "no"},
    )


async def _events(parts: Parts, run_id: str | None, last_id: str | None) -> AsyncIterator[bytes]:
    with parts.broadcast.listen(run_id) as mailbox:
        if last_id is not None:
            missed = [told for told in parts.alerts.after(last_id) if told.event.run_id == run_id]
            mailbox.alerts.extend(map(alert_message, missed))
        clock = asyncio.get_running_loop().time
        yield b"retry: %d\n\n" % RETRY_MS + _status(parts)
        status_at = clock() + HEARTBEAT_S
        while not mailbox.closed:
            mailbox.news.clear()
            for news in _waiting(parts, mailbox):
                yield news
            await asyncio.sleep(GATHER_S)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout_at(status_at):
                    await mailbox.news.wait()
            if clock() >= status_at:  # also while news never stop: what else is away is to be known then too
                yield b": heartbeat\n\n" + _status(parts)
                status_at = clock() + HEARTBEAT_S


def _waiting(parts: Parts, mailbox: Mailbox) -> list[bytes]:
    messages = []
    if mailbox.runs:
        mailbox.runs = False
        messages.append(parts.runs_message())
    if mailbox.snapshot and mailbox.run_id is not None:
        mailbox.snapshot = False
        with contextlib.suppress(RunUnknown):  # not there yet: it comes with its first snapshot
            messages.append(parts.live.get(mailbox.run_id).message)
    messages += mailbox.take_alerts()
    rows = mailbox.take_rows()
    if rows:
        messages.append(message("activity", b"[" + b",".join(rows) + b"]"))
    return messages


def _status(parts: Parts) -> bytes:
    tail = parts.metrics_tail
    status = {
        "now": datetime.now(UTC),
        "kafka": tail.state,
        "detail": tail.detail,
        "clickhouse": parts.sources.clickhouse,
        "worker": parts.sources.worker,
        "clockAheadMs": parts.sources.clock_ahead_ms,
    }
    return message("status", msgspec.json.encode(status))
