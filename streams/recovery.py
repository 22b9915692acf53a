"""Taking a partition over: shut the former owner out, then read what it has folded (DESIGN.md 5.3)."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import NamedTuple

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRecord, TopicPartition

from events.topics import Name

from .cluster import Cluster
from .entries import Head
from .errors import LogReplaced, LogTruncated

_READ_TIMEOUT_MS = 200

EXPIRING: frozenset[Name] = frozenset({"heartbeats"})
"""Source topics whose records lose their meaning with age; that retention took some is no loss."""


class Extent(NamedTuple):
    """A log's `topic` and `partition`, its first offset, and the one that its next record will have."""

    topic: str
    partition: int
    start: int
    end: int


class Logs:
    """What a partition reads when it is taken over; `extents`: how far each of the logs went when the fence was up."""

    def __init__(self, reader: AIOKafkaConsumer, extents: Mapping[TopicPartition, Extent]) -> None:
        self._reader = reader
        self.extents = extents

    async def records(self, partition: TopicPartition) -> AsyncIterator[list[ConsumerRecord]]:
        """All committed records of one of the logs, batch by batch."""
        extent = self.extents[partition]
        if extent.start >= extent.end:
            return
        self._reader.assign([partition])
        self._reader.seek(partition, extent.start)
        while await self._reader.position(partition) < extent.end:
            batches = await self._reader.getmany(partition, timeout_ms=_READ_TIMEOUT_MS)
            yield batches.get(partition, [])


@asynccontextmanager
async def taken_over(
    fence: AIOKafkaProducer, reader: AIOKafkaConsumer, partitions: Sequence[TopicPartition]
) -> AsyncIterator[Logs]:
    """Starts the fence, which stays up, and beside it a reader of `partitions`, which ends with the block.

    How far the logs go is asked when the fence is up: a read_committed reader's end offset is the last stable one, so
    what a former owner has in an open transaction, and all that comes after it, would be missed. It is asked of all at
    once, and before any is read, since the broker answers one after the other, and a fetch may wait; by a reader that
    was told of them before its start, since it waits a tenth of a second for each topic that is news to it.
    """
    reader.assign(partitions)
    reader.pause(*partitions)
    try:
        await asyncio.gather(fence.start(), reader.start())
        starts, ends = await asyncio.gather(reader.beginning_offsets(partitions), reader.end_offsets(partitions))
        yield Logs(reader, {at: Extent(at.topic, at.partition, starts[at], ends[at]) for at in partitions})
    finally:
        await reader.stop()


def require_same_topics(head: Head, topic_ids: Mapping[str, str], cluster: Cluster) -> None:
    """Raises LogReplaced if a source topic of the ledger has been deleted and made again since."""
    for name, topic_id in topic_ids.items():
        known = head.topic_ids.get(name, topic_id)
        if known != topic_id:
            raise LogReplaced(
                f"the topic {cluster.prefix}{name} was deleted and made again (it was {known}, now it is {topic_id}): "
                "the figures are the fold of a log that is gone. A new log is a new prefix: set IMAGELEDGER_PREFIX to "
                f"another than {cluster.prefix!r}, or delete every topic of this one and run `imageledger migrate`"
            )


def require_whole_log(head: Head, sources: Mapping[Name, Extent]) -> None:
    """Raises LogTruncated if a source log begins after the record to be folded next, or ends before it."""
    for name, extent in sources.items():
        expected = head.applied.get(name, -1) + 1
        require_start(name, extent, expected, extent.start)
        if extent.end < expected:
            raise LogTruncated(
                f"{extent.topic} partition {extent.partition} ends at offset {extent.end}, but offset "
                f"{expected - 1} is folded already: the cluster has lost records. Fold what is left into another "
                "prefix with `imageledger replay --into PREFIX`"
            )


def require_start(name: Name, partition: TopicPartition, expected: int, start: int) -> None:
    """Raises LogTruncated if retention has taken the record to be folded next."""
    if start > expected and name not in EXPIRING:
        raise LogTruncated(
            f"retention ate the log at {partition.topic} partition {partition.partition}: offset {expected} is to be "
            f"folded next, the log begins at {start}. Set the topic's retention.ms to -1, and fold what is left into "
            "another prefix with `imageledger replay --into PREFIX`"
        )


class Recoveries:
    """Which partitions of a worker are still being recovered: while one is, none of them folds.

    All share one core. Partitions that were recovered first folded what had piled up meanwhile, and the last one waited
    for most of a minute to read a ledger of 50 ms.
    """

    def __init__(self) -> None:
        self._under_way: set[object] = set()
        self._over = asyncio.Event()
        self._over.set()

    @property
    def over(self) -> bool:
        """Whether nobody has to wait."""
        return self._over.is_set()

    def begin(self, partition: object) -> None:
        """It has a ledger to read."""
        self._under_way.add(partition)
        self._over.clear()

    def end(self, partition: object) -> None:
        """It has read it, or is another worker's now; to say so twice is harmless."""
        self._under_way.discard(partition)
        if not self._under_way:
            self._over.set()

    async def wait(self) -> None:
        """Until everybody has read what he has to."""
        await self._over.wait()


@asynccontextmanager
async def started(client: AIOKafkaProducer | AIOKafkaConsumer) -> AsyncIterator[None]:
    """A client for the length of a block."""
    await client.start()
    try:
        yield
    finally:
        await client.stop()
