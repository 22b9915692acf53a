"""The reader: typed events of one or more topics, from their beginning to now, and on from there.

async with Reader("127.0.0.1:9092", "results", run_id="may") as reader:
    async for entry in reader.to_now():  # everything that was there when this was asked
        ...
    async for entry in reader.follow():  # what comes after, for ever
        ...
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator, Coroutine, Iterable, Iterator, Mapping
from types import TracebackType
from typing import Any, Literal, NamedTuple, Self, TypeVar

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaError

from ..codec import Kind
from ..refusals import Position, Refused
from ..topics import DEFAULT_PREFIX, full_name
from .complaints import Complaints
from .decoding import SKIPPED, Decode, decoder
from .errors import HeldBackError, NoTopicError, UnreachableError
from .security import Security

PATIENCE_S = 30.0
ANSWER_S = 10.0
NEWS_S = 3.0
"""A topic that was made just now may be known so much later."""
POLL_MS = 200
AT_ONCE = 2_000
"""Records that are taken out of the fetched ones at a time."""
_MAX_FETCH_BYTES = 8 << 20
_BACKOFF_S = 1.0

T = TypeVar("T")
_log = logging.getLogger(__name__)


class Entry(NamedTuple):
    """A record as it was read: which topic (without prefix), the event in it, its key and where it stands.

    `event` is None for a record without a value, which deletes its key from a compacted topic (`profiles`).
    """

    kind: Kind
    event: Any
    key: str | None
    position: Position


class Reader:
    """Reads committed records, in offset order within a partition; there is no order between partitions or topics.

    bootstrap: `host:port` of one or more brokers, comma-separated. kinds: topics, without prefix.
    run_id: only records whose body names this run (a bare record of any producer, whatever its key or headers).
    shapes: a Struct to decode a topic's records into instead of its events: with the fields that you need it costs a
    fraction, and what the events' own types would refuse elsewhere in the record is not looked at. With `run_id`, it
    has a field of that name.
    patience_s: so long without progress before `to_now` gives up.

    Memory is bounded by a few fetches (8 MiB a partition), however long the log. A record that does not decode is
    skipped and counted in `refused`; `read` counts all records seen. For one task; it has no consumer group and commits
    nothing.
    """

    def __init__(
        self,
        bootstrap: str,
        *kinds: Kind,
        run_id: str | None = None,
        prefix: str = DEFAULT_PREFIX,
        security: Security | None = None,
        shapes: Mapping[Kind, type[Any]] | None = None,
        patience_s: float = PATIENCE_S,
    ) -> None:
        self.refused = 0
        self.read = 0
        self._bootstrap = bootstrap
        self._security = security or Security()
        self._patience_s = patience_s
        self._kinds: dict[str, Kind] = {full_name(kind, prefix): kind for kind in kinds}
        self._decode: dict[str, Decode] = {
            topic: decoder(kind, (shapes or {}).get(kind), run_id) for topic, kind in self._kinds.items()
        }
        self._positions: dict[TopicPartition, int] = {}
        self._consumer: AIOKafkaConsumer | None = None
        self._complain = Complaints(_log, time.monotonic)

    async def __aenter__(self) -> Self:
        await self._connect()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """End the connection."""
        consumer, self._consumer = self._consumer, None
        if consumer is not None:
            await self._end(consumer)

    async def to_now(self) -> AsyncIterator[Entry]:
        """Everything from where this reader stands (at first the topics' beginning) to their ends as they are now.

        Raises UnreachableError where Kafka is away for `patience_s`, HeldBackError where records that are there stay
        uncommitted for so long.
        """
        consumer = await self._connect()
        ends = await self._ends()
        self._seek(consumer)
        moved_at = time.monotonic()
        while left := {p: end for p, end in ends.items() if self._positions[p] < end}:
            fetched = await consumer.getmany(*left, timeout_ms=POLL_MS, max_records=AT_ONCE)
            for partition, records in fetched.items():
                for entry in self._entries(partition, (r for r in records if r.offset < ends[partition])):
                    yield entry
            for partition in left:  # past transaction markers and what compaction took, too
                position = await self._within(consumer.position(partition))
                if position > self._positions[partition]:
                    self._positions[partition] = min(position, ends[partition])
                    moved_at = time.monotonic()
            if time.monotonic() - moved_at > self._patience_s:
                raise await self._stuck(left)

    async def follow(self) -> AsyncIterator[Entry]:
        """What comes from here on, for ever: through every absence of Kafka, which is logged."""
        while True:
            try:
                consumer = await self._connect()
                self._seek(consumer)
                while True:
                    fetched = await consumer.getmany(timeout_ms=POLL_MS, max_records=AT_ONCE)
                    for partition, records in fetched.items():
                        for entry in self._entries(partition, records):
                            yield entry
            except (KafkaError, OSError, UnreachableError, NoTopicError) as error:
                self._complain("away", "%s cannot be followed now, trying on: %s", ", ".join(self._kinds), error)
            await self.close()
            await asyncio.sleep(_BACKOFF_S)

    def _entries(self, partition: TopicPartition, records: Iterable[ConsumerRecord]) -> Iterator[Entry]:
        kind, decode = self._kinds[partition.topic], self._decode[partition.topic]
        for record in records:
            self.read += 1
            # Before the entry is handed out: whoever leaves off here has had it.
            self._positions[partition] = record.offset + 1
            try:
                key = None if record.key is None else record.key.decode()
                event = None if record.value is None and key else decode(record.value, record.headers)
            except (Refused, UnicodeDecodeError) as error:
                self.refused += 1
                self._complain(
                    "refused", "%s is skipped: %s", f"{partition.topic}-{partition.partition}-{record.offset}", error
                )
                continue
            if event is not SKIPPED:
                where = Position(partition.topic, partition.partition, record.offset, record.timestamp)
                yield Entry(kind, event, key, where)

    async def _connect(self) -> AIOKafkaConsumer:
        if self._consumer is None:
            consumer = self._client("read_committed")
            try:
                await self._within(consumer.start())
                partitions = [found for topic in self._kinds for found in await self._partitions(consumer, topic)]
                consumer.assign(partitions)
                for partition, first in (await self._within(consumer.beginning_offsets(partitions))).items():
                    # What retention took is gone; a reader that was away for so long goes on at what is left.
                    self._positions[partition] = max(first, self._positions.get(partition, 0))
            except BaseException:
                await self._end(consumer)
                raise
            self._consumer = consumer
        return self._consumer

    def _client(self, isolation: Literal["read_committed", "read_uncommitted"]) -> AIOKafkaConsumer:
        return AIOKafkaConsumer(
            bootstrap_servers=self._bootstrap,
            client_id="imageledger-sdk",
            enable_auto_commit=False,
            isolation_level=isolation,
            auto_offset_reset="earliest",
            fetch_max_wait_ms=POLL_MS,
            max_partition_fetch_bytes=_MAX_FETCH_BYTES,
            fetch_max_bytes=2 * _MAX_FETCH_BYTES,
            request_timeout_ms=int(ANSWER_S * 1e3),
            **self._security.options(),
        )

    async def _end(self, client: AIOKafkaConsumer) -> None:
        with contextlib.suppress(KafkaError, OSError, UnreachableError):
            await self._within(client.stop())

    async def _partitions(self, consumer: AIOKafkaConsumer, topic: str) -> list[TopicPartition]:
        consumer.assign([TopicPartition(topic, 0)])  # so that the client asks for this topic's metadata
        deadline = time.monotonic() + NEWS_S
        while time.monotonic() < deadline:
            numbers = consumer.partitions_for_topic(topic)
            if numbers:
                return [TopicPartition(topic, number) for number in sorted(numbers)]
            await asyncio.sleep(0.02)
        raise NoTopicError(f"the topic {topic} does not exist at {self._bootstrap}: run `imageledger migrate`")

    async def _ends(self) -> dict[TopicPartition, int]:
        """Where the log ends, committed or not: an open transaction must not hide what others wrote behind it."""
        asking = self._client("read_uncommitted")
        try:
            await self._within(asking.start())
            ends: dict[TopicPartition, int] = await self._within(asking.end_offsets(list(self._positions)))
        finally:
            await self._end(asking)
        return ends

    def _seek(self, consumer: AIOKafkaConsumer) -> None:
        for partition, position in self._positions.items():
            consumer.seek(partition, position)

    async def _stuck(self, left: Mapping[TopicPartition, int]) -> Exception:
        """Why nothing came: Kafka is away, or it holds records back."""
        await self._ends()  # raises where nobody answers
        where = ", ".join(f"{p.topic}-{p.partition} at {self._positions[p]} of {end}" for p, end in left.items())
        return HeldBackError(
            f"for {self._patience_s:g} s nothing could be read of {where}: a producer's open transaction holds these "
            "records back; end that producer, or wait until Kafka aborts its transaction, and try again"
        )

    async def _within(self, answer: Coroutine[Any, Any, T]) -> T:
        # A task of its own, and no wait_for: aiokafka swallows cancellations, as does wait_for before Python 3.12.
        task = asyncio.ensure_future(answer)
        try:
            await asyncio.wait({task}, timeout=ANSWER_S)
            if not task.done() or task.cancelled():  # aiokafka also cancels its own
                raise UnreachableError(f"Kafka at {self._bootstrap} does not answer within {ANSWER_S:g} s")
            return task.result()
        except (KafkaError, OSError) as error:
            raise UnreachableError(f"Kafka at {self._bootstrap} does not answer: {error!r}") from error
        finally:
            task.cancel()
