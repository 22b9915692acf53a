"""Taking a partition over: shut the former owner out, then read what it has folded (DESIGN.md 5.3)."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRecord, TopicPartition

from events.topics import Name

from .cluster import Cluster
from .entries import Head
from .errors import LogReplaced, LogTruncated
from .ledger import P

_READ_TIMEOUT_MS = 200
TOGETHER = 32
"""Segments of 64 kB, mostly: decoded they take some 15 MB."""

EXPIRING: frozenset[Name] = frozenset({"heartbeats"})
"""Source topics whose records lose their meaning with age; that retention took some is no loss."""


async def records_to_end(reader: AIOKafkaConsumer, partition: TopicPartition) -> AsyncIterator[list[ConsumerRecord]]:
    """All committed records of a partition, batch by batch.

    The partition's fence must be up before: a read_committed reader's end offset is the last stable one, so what a
    former owner has in an open transaction, and all that comes after it, would be missed.
    """
    reader.assign([partition])
    await reader.seek_to_beginning(partition)
    end = (await reader.end_offsets([partition]))[partition]
    while await reader.position(partition) < end:
        batches = await reader.getmany(partition, timeout_ms=_READ_TIMEOUT_MS)
        yield batches.get(partition, [])


def by_run(finals: Iterable[tuple[str, P]]) -> Iterator[tuple[str, list[P]]]:
    """Segments of the same run together, in their order, while no more than TOGETHER are held."""
    held: defaultdict[str, list[P]] = defaultdict(list)
    for number, (run_id, segment) in enumerate(finals, start=1):
        held[run_id].append(segment)
        if number % TOGETHER == 0:
            yield from held.items()
            held.clear()
    yield from held.items()


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


async def require_whole_log(reader: AIOKafkaConsumer, head: Head, sources: Mapping[Name, TopicPartition]) -> None:
    """Raises LogTruncated if a source log begins after the record to be folded next, or ends before it."""
    starts = await reader.beginning_offsets(list(sources.values()))
    ends = await reader.end_offsets(list(sources.values()))
    for name, partition in sources.items():
        expected = head.applied.get(name, -1) + 1
        require_start(name, partition, expected, starts[partition])
        if ends[partition] < expected:
            raise LogTruncated(
                f"{partition.topic} partition {partition.partition} ends at offset {ends[partition]}, but offset "
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
