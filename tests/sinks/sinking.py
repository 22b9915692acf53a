"""What the sink's tests share: records without Kafka, a running sink, waiting for a condition."""

import asyncio
import contextlib
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
from clickhouse_connect.driver.client import Client

from sinks.loading import consumer
from sinks.loading.consumer import DEFAULT_LIMITS, Status
from sinks.loading.lane import Limits
from sinks.loading.sources import SOURCES, Source
from sinks.loading.writer import insert

BY_TOPIC: dict[str, Source] = {source.topic: source for source in SOURCES}


@dataclass
class FakeRecord:
    """A Kafka record as far as the sink looks at it."""

    offset: int
    timestamp: int
    value: bytes | None
    key: bytes | None = None
    headers: Sequence[tuple[str, bytes]] = ()


def image(event_id: str, **fields: Any) -> dict[str, Any]:
    """A result that a bare producer would write."""
    return {
        "event_type": "image.result",
        "event_id": event_id,
        "event_time": "2026-11-02T10:00:00Z",
        "image_id": f"img-{event_id}",
        "status": "success",
        "run_id": "r",
    } | fields


def snapshot(run_id: str, as_of: str, **fields: Any) -> dict[str, Any]:
    """The least of a `run.metrics`."""
    return {
        "event_type": "run.metrics",
        "event_id": f"{run_id}-{as_of}",
        "event_time": as_of,
        "run_id": run_id,
        "as_of": as_of,
        "source_offsets": {"results": {"0": 7, "3": 9}},
        "state": "running",
    } | fields


def batches_of(topic: str, values: Sequence[Any], first_offset: int = 0, partition: int = 0) -> list[pa.RecordBatch]:
    """Rows of documents as if they stood one after another in a partition, recorded a millisecond apart."""
    records = [
        FakeRecord(
            first_offset + i, 1_793_620_800_000 + i, value if isinstance(value, bytes) else msgspec.json.encode(value)
        )
        for i, value in enumerate(values)
    ]
    batches, _ = BY_TOPIC[topic].read(f"t.{topic}", partition, records)
    return batches


def stored(client: Client, topic: str, values: Sequence[Any], first_offset: int = 0, partition: int = 0) -> None:
    """The same, inserted."""
    by_schema: dict[str, list[pa.RecordBatch]] = {}
    for batch in batches_of(topic, values, first_offset, partition):
        by_schema.setdefault(str(batch.schema), []).append(batch)
    for batches in by_schema.values():
        insert(client, BY_TOPIC[topic].table, batches)


async def until(condition: Callable[[], Awaitable[bool]], what: str, timeout_s: float = 120) -> None:
    """Wait for a condition; fails when it does not come true in time."""
    deadline = asyncio.get_running_loop().time() + timeout_s
    while not await condition():
        assert asyncio.get_running_loop().time() < deadline, f"waited {timeout_s} s for: {what}"
        await asyncio.sleep(0.5)  # asking is dear: a statement costs the engine 5 ms and more


@contextlib.asynccontextmanager
async def sink(
    bootstrap: str, prefix: str, url: str, database: str, *, group: str = "sink", limits: Limits = DEFAULT_LIMITS
) -> AsyncIterator[list[Status]]:
    """A running sink in this process; gives its statuses so far. Its own failure fails the test."""
    statuses: list[Status] = []
    running = asyncio.create_task(
        consumer.run(
            bootstrap, prefix, url, database=database, group=f"{prefix}{group}", limits=limits, report=statuses.append
        )
    )
    try:
        yield statuses
        assert not running.done() or running.result() is None
    finally:
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running


@contextlib.contextmanager
def process(*arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    """A sink as a process of its own (sink_process.py), killed at the end if it still runs."""
    script = Path(__file__).with_name("sink_process.py")
    running = subprocess.Popen([sys.executable, str(script), *arguments], cwd=Path(__file__).parents[2])
    try:
        yield running
    finally:
        running.kill()
        running.wait()
