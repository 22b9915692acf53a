"""The log in the order in which it came: records of several topics and partitions, merged by their times."""

import asyncio
import heapq
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Any

from aiokafka import ConsumerRecord

from events.codec import Kind
from metrics.alerts.backtest import Arrived
from streams.cluster import Cluster
from streams.intake import decode_all
from streams.topics import require_topics

from .logs import log_ends
from .prefixes import prefix

TOPICS: tuple[Kind, ...] = ("results", "feedback", "runs", "heartbeats")


class _Lane:
    """One partition of a topic, a batch at a time."""

    def __init__(self, topic: Kind, partition: int, batches: AsyncIterator[list[ConsumerRecord[Any, Any]]]) -> None:
        self.topic = topic
        self.partition = partition
        self._batches = batches

    async def next(self) -> Iterator[Arrived] | None:
        """The accepted records of the next batch; None at the end. Refused ones count nowhere."""
        async for records in self._batches:
            accepted, _ = decode_all(self.topic, records)
            if accepted:
                return iter(
                    [Arrived(self.topic, self.partition, one.offset, one.timestamp, event) for one, event in accepted]
                )
        return None


async def arrivals(cluster: Cluster, topics: Sequence[Kind] = TOPICS) -> AsyncIterator[list[Arrived]]:
    """Everything that was there when this was asked, from offset 0, some thousands at a time. Raises StreamError."""
    known = await require_topics(cluster)
    ends = await log_ends(cluster, known["results"].partitions, topics)
    lanes = [
        _Lane(topic, number, prefix(cluster, topic, number, ends[topic, number]))
        for topic in topics
        for number in range(known[topic].partitions)
        if ends[topic, number] > 0
    ]
    # (time, lane number, record): the earliest record that each lane has left.
    heap: list[tuple[int, int, Arrived, Iterator[Arrived]]] = []
    for number, batch in enumerate(await asyncio.gather(*(lane.next() for lane in lanes))):
        if batch is not None:
            first = next(batch)
            heap.append((first.recorded_ms, number, first, batch))
    heapq.heapify(heap)
    ready: list[Arrived] = []
    while heap:
        _, number, record, batch = heap[0]
        ready.append(record)
        following = next(batch, None)
        if following is None:
            yield ready
            ready = []
            more = await lanes[number].next()
            if more is None:
                heapq.heappop(heap)
                continue
            batch, following = more, next(more)
        heapq.heapreplace(heap, (following.recorded_ms, number, following, batch))
    if ready:
        yield ready
