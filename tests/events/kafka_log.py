"""What a topic holds, as a reader of committed records sees it; and a broker of a test's own."""

import asyncio
import socket
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from aiokafka import AIOKafkaConsumer
from aiokafka.structs import ConsumerRecord

from events.results import ImageResult
from events.sdk.ids import uuid7


def result(image_id: str, **fields: Any) -> ImageResult:
    """A successful result on an image."""
    return ImageResult(event_id=uuid7(), event_time=datetime.now(UTC), status="success", image_id=image_id, **fields)


def read_all(bootstrap: str, topic: str) -> list[ConsumerRecord]:
    """Every record of a topic, partition by partition, in offset order."""
    return asyncio.run(_read_all(bootstrap, topic))


async def _read_all(bootstrap: str, topic: str) -> list[ConsumerRecord]:
    async with AIOKafkaConsumer(
        topic, bootstrap_servers=bootstrap, isolation_level="read_committed", auto_offset_reset="earliest"
    ) as consumer:
        ends = await consumer.end_offsets(consumer.assignment())
        assert ends
        found: dict[int, list[ConsumerRecord]] = {partition.partition: [] for partition in ends}
        while any([await consumer.position(partition) < end for partition, end in ends.items()]):
            for records in (await consumer.getmany(timeout_ms=200)).values():
                for record in records:
                    found[record.partition].append(record)
        return [record for number in sorted(found) for record in found[number]]


def free_port() -> int:
    """A port on which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_until(condition: Callable[[], bool], timeout_s: float = 60) -> None:
    """Return when `condition` holds; fails after the deadline."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, "the condition did not come true in time"
        time.sleep(0.02)
