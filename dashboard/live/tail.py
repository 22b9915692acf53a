"""Follows a topic for as long as the process lives, through every absence of Kafka, and says how well it does."""

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Literal, TypeVar

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError, UnknownTopicOrPartitionError
from aiokafka.structs import ConsumerRecord

from events.sdk.security import OPEN, Security

log = logging.getLogger(__name__)

T = TypeVar("T")
Take = Callable[[Sequence[ConsumerRecord]], None]
"""What is done with the records of a fetch."""
State = Literal["connecting", "catching_up", "live", "away"]

POLL_MS = 200
PROBE_S = 2.0
ANSWER_S = 4.0
"""Kafka is away when it takes longer."""
BACKOFF_S = (0.2, 0.5, 1.0, 2.0)


class Tail:
    """A reader of one topic without a group: read_committed, every partition, records in offset order per partition.

    `take` gets the records of each fetch. `start` "beginning" reads everything and, after an absence, goes on where it
    was; "end" reads only what is new, also after an absence, and jumps there when more than `max_lag` records behind.
    """

    def __init__(
        self,
        bootstrap: str,
        topic: str,
        take: Take,
        *,
        security: Security = OPEN,
        start: Literal["beginning", "end"] = "beginning",
        max_lag: int = 500,
    ) -> None:
        self.topic = topic
        self.state: State = "connecting"
        self.detail = f"connecting to {bootstrap}"
        self.lag = 0
        self.caught_up = False
        """True once everything that was there at the first connection has been read; it stays true."""
        self._bootstrap = bootstrap
        self._security = security
        self._take = take
        self._from_end = start == "end"
        self._max_lag = max_lag
        self._positions: dict[TopicPartition, int] = {}
        self._goal: dict[TopicPartition, int] | None = None

    async def run(self) -> None:
        """Follow until cancelled."""
        failures = 0
        while True:
            connected_at = time.monotonic()
            consumer = self._consumer()
            try:
                await self._read(consumer, await self._assign(consumer))
            except Exception as error:  # noqa: BLE001  (for the process's life: any failure is said and tried again)
                failures = 0 if time.monotonic() - connected_at > ANSWER_S + PROBE_S else failures + 1
                self._lose(error)
            finally:
                await _stop(consumer)
            await asyncio.sleep(BACKOFF_S[min(failures, len(BACKOFF_S) - 1)])

    def _lose(self, error: Exception) -> None:
        is_away = isinstance(error, KafkaError | OSError | TimeoutError)
        what = f"Kafka at {self._bootstrap} does not answer for" if is_away else "this process cannot take what is in"
        detail = f"{what} {self.topic}: {str(error) or type(error).__name__}"
        if self.state != "away":
            log.warning("%s", detail, exc_info=None if is_away else error)
        self.state, self.detail = "away", detail

    def _consumer(self) -> AIOKafkaConsumer:
        return AIOKafkaConsumer(
            bootstrap_servers=self._bootstrap,
            enable_auto_commit=False,
            isolation_level="read_committed",
            auto_offset_reset="earliest",
            fetch_max_wait_ms=POLL_MS,
            max_partition_fetch_bytes=(256 << 10) if self._from_end else (8 << 20),
            request_timeout_ms=10_000,
            metadata_max_age_ms=30_000,
            **self._security.options(),
        )

    async def _assign(self, consumer: AIOKafkaConsumer) -> list[TopicPartition]:
        await _within(consumer.start())
        found = await self._partitions(consumer)
        consumer.assign(found)
        first = await _within(consumer.beginning_offsets(found))
        ends = await _within(consumer.end_offsets(found))
        for partition in found:
            position = ends[partition] if self._from_end else self._positions.get(partition, first[partition])
            if not first[partition] <= position <= ends[partition]:  # the topic was made anew or cut
                position = first[partition]
            consumer.seek(partition, position)
            self._positions[partition] = position
        self._goal = self._goal or ends
        self._judge(ends)
        return found

    async def _partitions(self, consumer: AIOKafkaConsumer) -> list[TopicPartition]:
        consumer.assign([TopicPartition(self.topic, 0)])  # so that the client asks for this topic's metadata
        deadline = time.monotonic() + ANSWER_S
        while time.monotonic() < deadline:
            numbers = consumer.partitions_for_topic(self.topic)
            if numbers:
                return [TopicPartition(self.topic, number) for number in sorted(numbers)]
            await asyncio.sleep(0.05)
        raise UnknownTopicOrPartitionError(f"the topic {self.topic} does not exist: run `imageledger migrate`")

    async def _read(self, consumer: AIOKafkaConsumer, partitions: list[TopicPartition]) -> None:
        probed_at = time.monotonic()
        while True:
            fetched = await consumer.getmany(timeout_ms=POLL_MS)
            for records in fetched.values():
                self._take(records)
                await asyncio.sleep(0)  # a long catch-up shares the loop with requests
            for partition in partitions:
                self._positions[partition] = await _within(consumer.position(partition))
            if self._from_end and self._behind(consumer, partitions):
                await _within(consumer.seek_to_end(*partitions))
            self._see_whether_caught_up()
            if time.monotonic() - probed_at > PROBE_S:
                probed_at = time.monotonic()
                self._judge(await _within(consumer.end_offsets(partitions)))
                if len(consumer.partitions_for_topic(self.topic) or ()) > len(partitions):
                    return  # partitions were added: begin again with them

    def _see_whether_caught_up(self) -> None:
        goal = self._goal or {}
        if not self.caught_up and all(self._positions[partition] >= end for partition, end in goal.items()):
            self.caught_up = True
            self.state = "live"

    def _judge(self, ends: dict[TopicPartition, int]) -> None:
        self.lag = sum(max(0, end - self._positions[partition]) for partition, end in ends.items())
        self._see_whether_caught_up()
        self.state = "live" if self.caught_up else "catching_up"
        self.detail = f"{self.lag} records behind the end of {self.topic}"

    def _behind(self, consumer: AIOKafkaConsumer, partitions: list[TopicPartition]) -> bool:
        ends = {partition: consumer.highwater(partition) or 0 for partition in partitions}
        return sum(max(0, end - self._positions[partition]) for partition, end in ends.items()) > self._max_lag


async def _within(answer: Coroutine[Any, Any, T]) -> T:
    # A task of its own, and no wait_for: aiokafka swallows cancellations, as does wait_for before Python 3.12.
    task = asyncio.ensure_future(answer)
    try:
        await asyncio.wait({task}, timeout=ANSWER_S)
        if not task.done() or task.cancelled():  # aiokafka also cancels its own
            raise TimeoutError(f"no answer within {ANSWER_S:g} s")
        return task.result()
    finally:
        task.cancel()


async def _stop(consumer: AIOKafkaConsumer) -> None:
    with contextlib.suppress(KafkaError, OSError, TimeoutError):
        await _within(consumer.stop())
