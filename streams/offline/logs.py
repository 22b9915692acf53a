"""A log as anybody may read it, beside the workers: where it begins and ends, and what is committed of it.

Nothing here takes a fence: a running worker goes on writing.
"""

from collections.abc import AsyncGenerator, Iterable
from contextlib import aclosing
from typing import NamedTuple

from aiokafka import ConsumerRecord, TopicPartition

from events.topics import Name
from streams.cluster import Cluster
from streams.recovery import started

_READ_TIMEOUT_MS = 50
"""Most partitions end with a transaction marker, of which the client says nothing: so long it is waited for in vain."""


class At(NamedTuple):
    """A record of the log; `topic` without prefix."""

    topic: str
    partition: int
    offset: int


class Unreadable(NamedTuple):
    """A record that is not what a stage writes."""

    at: At
    reason: str


async def records(
    cluster: Cluster, topic: Name, number: int, *, last: int | None = None
) -> AsyncGenerator[ConsumerRecord]:
    """The committed records of a partition up to its present end; only about the `last` ones where that is given.

    What stands behind an open transaction is not waited for: it is no witness's word yet.
    """
    partition = TopicPartition(cluster.topic(topic), number)
    async with started(reader := cluster.reader()):
        reader.assign([partition])
        start = (await reader.beginning_offsets([partition]))[partition]
        end = (await reader.end_offsets([partition]))[partition]
        reader.seek(partition, start if last is None else max(start, end - last))
        while (position := await reader.position(partition)) < end:
            batch = (await reader.getmany(partition, timeout_ms=_READ_TIMEOUT_MS)).get(partition, [])
            for record in batch:
                yield record
            stable = reader.last_stable_offset(partition)
            if not batch and stable is not None and stable <= position:
                return


async def log_ends(cluster: Cluster, partitions: int, topics: Iterable[Name]) -> dict[tuple[str, int], int]:
    """(topic, partition) → the offset past its last record."""
    async with started(reader := cluster.reader()):
        places = {TopicPartition(cluster.topic(name), n): (str(name), n) for name in topics for n in range(partitions)}
        return {places[at]: end for at, end in (await reader.end_offsets(list(places))).items()}


class Begin(NamedTuple):
    """Where a log begins: its first offset, and the time of that record; None of an empty log."""

    offset: int
    timestamp_ms: int | None


async def log_begins(cluster: Cluster, topic: Name, partitions: int) -> dict[int, Begin]:
    """Of each partition."""
    found = {}
    async with started(reader := cluster.reader()):
        places = [TopicPartition(cluster.topic(topic), number) for number in range(partitions)]
        for at, begin in (await reader.beginning_offsets(places)).items():
            async with aclosing(records(cluster, topic, at.partition)) as committed:
                first = await anext(committed, None)
            found[at.partition] = Begin(begin, first.timestamp if first else None)
    return found
