"""A copy of the log under another prefix, for `replay` (docs/decisions/0009-replay.md).

Record for record and partition for partition, with the record's own time. Each copy says in a header where it comes
from, so that a copy that was interrupted goes on behind its last record; also where producers write to the copy already
(docs/decisions/0025).
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from typing import NamedTuple

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaError

from events.refusals import MAX_RECORD_BYTES
from events.topics import MAX_REQUEST_BYTES, Name
from streams.cluster import Cluster
from streams.errors import NotCopied
from streams.recovery import started
from streams.topics import describe

COPIED: tuple[Name, ...] = ("results", "feedback", "runs", "heartbeats", "profiles", "alerts")
"""The topics that are no fold of others, but for `commands`: nobody should obey these twice."""
DECIDED: Name = "alerts"
"""Its decisions are copied before a worker folds the copy; from then on that worker takes its own: an episode that both
decide would begin twice.
"""
SOURCE = "replay.source"
_READ_TIMEOUT_MS = 500
_LOOKED_AT = 2_000
_LARGEST_BYTES = MAX_REQUEST_BYTES - (1 << 16)
"""Room for the key, headers and the batch around a value."""


class Copied(NamedTuple):
    """Of one topic: how many records were copied, and how many offsets retention (or nobody) has left empty before."""

    records: int
    missing: int


async def copy(
    source: Cluster, target: Cluster, partitions: Mapping[Name, int], moved: Callable[[int], None]
) -> dict[Name, Copied]:
    """Copy all topics of COPIED up to their present ends, or those that still are copied.

    `moved` is told how many records it was so far.

    The topics of `target` must be there, with `partitions` each, and take a record's time as it is (CreateTime).

    Raises:
        NotCopied: a target partition holds records, but no copy of the source, or Kafka refuses a record.
    """
    copied: dict[Name, Copied] = {}
    done = 0
    async with started(reader := source.reader()), started(producer := target.producer()):
        for name in await _still_copied(reader, target):
            records = missing = 0
            for number in range(partitions[name]):
                part = _Part(reader, producer, source, target, name, number)
                begin = await part.begin()
                missing += part.missing
                async for count in part.copy(begin):
                    records += count
                    done += count
                    moved(done)
            copied[name] = Copied(records, missing)
    return copied


async def _still_copied(reader: AIOKafkaConsumer, target: Cluster) -> tuple[Name, ...]:
    """All of COPIED, but no decisions once a worker folds `target`: its run stage, which decides, wrote its ledger."""
    found = await describe(target, [target.topic("ledger.run")])
    ledger = [TopicPartition(name, number) for name, topic in found.items() for number in range(topic.partitions)]
    folded = bool(ledger) and any((await reader.end_offsets(ledger)).values())
    return tuple(name for name in COPIED if not (folded and name == DECIDED))


async def waiting(source: Cluster, target: Cluster, partitions: Mapping[Name, int]) -> int:
    """How many offsets of the source lie behind what is copied, about: what `copy` would have to do."""
    async with started(reader := source.reader()):
        names = await _still_copied(reader, target)
        places = [(name, number) for name in names for number in range(partitions[name])]
        here = [TopicPartition(source.topic(name), number) for name, number in places]
        there = [TopicPartition(target.topic(name), number) for name, number in places]
        starts, ends = await reader.beginning_offsets(here), await reader.end_offsets(here)
        copied = await reader.end_offsets(there)
    offsets: int = sum(ends.values()) - sum(starts.values()) - sum(copied.values())
    return max(0, offsets)


async def is_in_use(source: Cluster, target: Cluster, partitions: Mapping[Name, int]) -> bool:
    """Whether others than `copy` have written behind the copies in `target`. Raises NotCopied as `copy` does."""
    async with started(reader := source.reader()), started(producer := target.producer()):
        parts = [
            _Part(reader, producer, source, target, name, number)
            for name in COPIED
            for number in range(partitions[name])
        ]
        for part in parts:
            await part.begin()
    return any(part.others for part in parts)


class _Part:
    """One partition of one topic. After `begin`: how many offsets are `missing`, and whether `others` wrote here."""

    def __init__(
        self,
        reader: AIOKafkaConsumer,
        producer: AIOKafkaProducer,
        source: Cluster,
        target: Cluster,
        name: Name,
        number: int,
    ) -> None:
        self.missing = 0
        self.others = False
        self._decided = name == DECIDED
        self._reader = reader
        self._producer = producer
        self._source = TopicPartition(source.topic(name), number)
        self._target = TopicPartition(target.topic(name), number)

    async def begin(self) -> int:
        """The source offset to go on from: behind the last copy, or where the log begins."""
        start = int((await self._reader.beginning_offsets([self._source]))[self._source])
        last = await self._last_copy()
        if last is None:
            self.missing = start
            return start
        if self._decided and _place(last) is None:
            self.others = True
            return int((await self._reader.end_offsets([self._source]))[self._source])
        place = _place(last) or "nothing"
        topic, _, offset = place.rpartition("-")
        if topic != f"{self._source.topic}-{self._source.partition}":
            raise NotCopied(
                f"{self._target.topic} partition {self._target.partition} holds records that are no copies of "
                f"{self._source.topic} (the last says {place}): give a prefix that nothing else uses"
            )
        self.missing = max(0, start - int(offset) - 1)
        return max(start, int(offset) + 1)

    async def _last_copy(self) -> ConsumerRecord | None:
        """The last record that says where it comes from; without one the last of all; None of an empty partition."""
        end = (await self._reader.end_offsets([self._target]))[self._target]
        start = (await self._reader.beginning_offsets([self._target]))[self._target]
        if end == 0:
            return None
        if start == end:
            raise NotCopied(f"{self._target.topic} partition {self._target.partition} has lost its copies: start anew")
        last: ConsumerRecord | None = None
        for until in range(end, start, -_LOOKED_AT):
            for record in reversed([record async for record in self._between(max(start, until - _LOOKED_AT), until)]):
                last = last or record
                if _place(record) is not None:
                    self.others = record is not last
                    return record
        return last

    async def _between(self, begin: int, until: int) -> AsyncIterator[ConsumerRecord]:
        self._reader.assign([self._target])
        self._reader.seek(self._target, begin)
        while await self._reader.position(self._target) < until:
            found = await self._reader.getmany(self._target, timeout_ms=_READ_TIMEOUT_MS)
            for record in found.get(self._target, []):
                if record.offset < until:
                    yield record
        self._reader.unsubscribe()

    async def copy(self, begin: int) -> AsyncIterator[int]:
        """Copy up to the present end, batch by batch; says how many records each had, once Kafka has taken them."""
        end = (await self._reader.end_offsets([self._source]))[self._source]
        if begin >= end:
            return  # a fetch at the end would hold up the next question on its connection, for as long as it waits
        self._reader.assign([self._source])
        self._reader.seek(self._source, begin)
        while await self._reader.position(self._source) < end:
            found = await self._reader.getmany(self._source, timeout_ms=_READ_TIMEOUT_MS)
            records = found.get(self._source, [])
            try:
                sent = [await self._send(record) for record in records]
                await asyncio.gather(*sent)
            except KafkaError as error:
                raise NotCopied(
                    f"{self._target.topic} partition {self._target.partition} does not take a copy ({error!r}); call "
                    "`imageledger replay` again to go on"
                ) from error
            yield len(records)
        self._reader.unsubscribe()

    async def _send(self, record: ConsumerRecord) -> "asyncio.Future[object]":
        value = record.value
        if value is not None and len(value) > _LARGEST_BYTES:
            value = value[: MAX_RECORD_BYTES + 1]  # refused as too large, as the whole is
        if value is None and record.key is None:
            value = b""  # refused as no JSON, as a null is; the client sends no record that is null twice
        place = f"{record.topic}-{record.partition}-{record.offset}".encode()
        headers = [*(header for header in record.headers if header[0] != SOURCE), (SOURCE, place)]
        sent: asyncio.Future[object] = await self._producer.send(
            self._target.topic,
            value,
            record.key,
            partition=self._target.partition,
            timestamp_ms=record.timestamp,
            headers=headers,
        )
        return sent


def _place(record: ConsumerRecord) -> str | None:
    """Where a copy comes from; None of a record that is none."""
    place = dict(record.headers).get(SOURCE)
    return None if place is None else place.decode()
