"""Refused records: what the DLQ says of them, what they were, and another try (DETAILS.md, Refused records).

A letter is known by its source position and may stand on the topic more than once. A record that was sent again gets
a second letter without a value, whose header `dlq.retried` says where it stands now.
"""

import time
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from typing import Literal, NamedTuple, cast

import msgspec
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaError, OffsetOutOfRangeError, RecordTooLargeError

from events.codec import Headers, Kind, decode
from events.refusals import Refused
from streams.cluster import Cluster
from streams.errors import TopicsMissing
from streams.recovery import started
from streams.topics import describe

RETRIED = "dlq.retried"
_READ_TIMEOUT_MS = 200
_ANSWER_S = 10.0
_RETRIED_TOPICS = frozenset({"results", "feedback", "runs", "heartbeats", "profiles"})


class Letter(msgspec.Struct, frozen=True, kw_only=True):
    """One refused record, without its bytes.

    `topic` (full name), `partition`, `offset`, `timestamp_ms`: of the record. `size` in bytes and `sha256` of the whole
    record where the DLQ keeps only its beginning. `retried`: where it was sent to again; None while it is open.
    `place`: partition and offset of the letter itself.
    """

    topic: str
    partition: int
    offset: int
    timestamp_ms: int
    reason: str
    detail: str
    size: int | None = None
    sha256: str | None = None
    retried: str | None = None
    place: tuple[int, int]

    @property
    def position(self) -> str:
        """`imageledger.results-3-17`: the DLQ's key, and the letter's name on the command line."""
        return f"{self.topic}-{self.partition}-{self.offset}"


class Content(NamedTuple):
    """What was refused. `source`: `log` (the original), or `letter` where retention took that: then without its key and
    headers, and of a record over 1 MiB only the beginning.
    """

    key: bytes | None
    value: bytes | None
    headers: Headers
    source: Literal["log", "letter"]


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What a retry did with a record: `sent` (`to` says where), `would_send` in a dry run, else why it was not sent."""

    position: str
    state: Literal["sent", "would_send", "refused_again", "gone", "failed"]
    detail: str = ""
    to: str | None = None


class DeadLetters:
    """The DLQ of one prefix. Made by `reading`."""

    def __init__(self, cluster: Cluster, reader: AIOKafkaConsumer, partitions: int) -> None:
        self._cluster = cluster
        self._reader = reader
        self._partitions = [TopicPartition(cluster.topic("dlq"), number) for number in range(partitions)]

    async def letters(self) -> list[Letter]:
        """Every refused record once, in the order in which the records arrived."""
        found: dict[str, Letter] = {}
        async for record in _committed(self._reader, self._partitions):
            letter = _letter(record)
            if letter is None:
                continue
            known = found.get(letter.position)
            if known is None or known.retried is not None:  # the one with the bytes comes first
                known = msgspec.structs.replace(letter, retried=known.retried) if known else letter
            elif letter.retried is not None:
                known = msgspec.structs.replace(known, retried=letter.retried)
            found[letter.position] = known
        return sorted(found.values(), key=lambda letter: (letter.timestamp_ms, letter.topic, letter.offset))

    async def content(self, letter: Letter) -> Content:
        """The record as it stands in the log, or else what the letter keeps of it."""
        record = await self._record_at(TopicPartition(letter.topic, letter.partition), letter.offset)
        if record is not None:
            return Content(record.key, record.value, record.headers, "log")
        number, offset = letter.place
        kept = await self._record_at(TopicPartition(self._cluster.topic("dlq"), number), offset)
        return Content(None, kept.value if kept else None, (), "letter")

    async def retry(
        self, letters: Iterable[Letter], mended: Mapping[str, bytes], *, dry_run: bool = False
    ) -> AsyncIterator[Outcome]:
        """Send the records to their topics again, each to its own partition with its own key; say what became of each.

        `mended`: position → another value than the original. What would be refused again is not sent.
        """
        async with started(producer := self._cluster.producer()):
            for letter in letters:
                yield await self._again(producer, letter, mended.get(letter.position), dry_run=dry_run)

    async def _again(
        self, producer: AIOKafkaProducer, letter: Letter, mended: bytes | None, *, dry_run: bool
    ) -> Outcome:
        def outcome(state: Literal["would_send", "refused_again", "gone", "failed"], detail: str = "") -> Outcome:
            return Outcome(position=letter.position, state=state, detail=detail)

        name = self._cluster.name(letter.topic)
        if name not in _RETRIED_TOPICS:
            return outcome("failed", f"{letter.topic} is written by the stream itself, not by producers")
        content = await self.content(letter)
        if content.source == "letter":
            return outcome("gone", "retention has taken the record, and with it the key that it needs")
        value = content.value if mended is None else mended
        try:
            decode(cast("Kind", name), value, content.headers)
        except Refused as refused:
            return outcome("refused_again", f"{refused.reason}: {refused.detail}")
        if dry_run:
            return outcome("would_send")
        try:
            # Its own partition, whatever its key hashes to: that is where the subject's other records are.
            sent = await producer.send_and_wait(
                letter.topic, value, content.key, letter.partition, headers=list(content.headers)
            )
            to = f"{sent.topic}-{sent.partition}-{sent.offset}"
            await producer.send_and_wait(
                self._cluster.topic("dlq"), b"", letter.position.encode(), headers=_retried_headers(letter, to)
            )
        except KafkaError as error:
            return outcome("failed", f"Kafka did not take it: {error!r}")
        return Outcome(position=letter.position, state="sent", to=to)

    async def _record_at(self, partition: TopicPartition, offset: int) -> ConsumerRecord | None:
        """The record at an offset; None where the log has none there any more."""
        reader = self._reader
        reader.assign([partition])
        start = (await reader.beginning_offsets([partition]))[partition]
        end = (await reader.end_offsets([partition]))[partition]
        if not start <= offset < end:
            return None
        reader.seek(partition, offset)
        deadline = time.monotonic() + _ANSWER_S
        while time.monotonic() < deadline:
            try:
                found = await reader.getmany(partition, timeout_ms=_READ_TIMEOUT_MS, max_records=1)
            except (OffsetOutOfRangeError, RecordTooLargeError):
                return None
            for record in found.get(partition, ()):
                return record if record.offset == offset else None
        return None


@asynccontextmanager
async def reading(cluster: Cluster) -> AsyncIterator[DeadLetters]:
    """The dead letters of a cluster, for the length of a block.

    Raises:
        KafkaUnreachable: no broker answers.
        TopicsMissing: there is no DLQ.
    """
    topic = cluster.topic("dlq")
    known = await describe(cluster, [topic])
    if topic not in known:
        raise TopicsMissing(f"Kafka at {cluster.bootstrap} has no {topic}: make the topics with `imageledger migrate`")
    async with started(reader := cluster.reader()):
        yield DeadLetters(cluster, reader, known[topic].partitions)


def chosen(
    letters: Iterable[Letter],
    *,
    positions: Iterable[str] = (),
    reason: str | None = None,
    topic: str | None = None,
    since_ms: int | None = None,
    settled: bool = False,
) -> list[Letter]:
    """Those letters that fit everything given; those sent again only where `positions` name them, or if `settled`."""
    wanted = set(positions)
    fits: list[Callable[[Letter], bool]] = [lambda letter: settled or letter.retried is None or bool(wanted)]
    if wanted:
        fits.append(lambda letter: letter.position in wanted)
    if reason is not None:
        fits.append(lambda letter: letter.reason == reason)
    if topic is not None:
        fits.append(lambda letter: letter.topic == topic)
    if since_ms is not None:
        fits.append(lambda letter: letter.timestamp_ms >= since_ms)
    return [letter for letter in letters if all(fit(letter) for fit in fits)]


async def _committed(reader: AIOKafkaConsumer, partitions: list[TopicPartition]) -> AsyncIterator[ConsumerRecord]:
    """What is committed in some partitions now; records behind an open transaction are not waited for."""
    reader.assign(partitions)
    await reader.seek_to_beginning(*partitions)
    ends = await reader.end_offsets(partitions)
    waiting = set(partitions)
    while waiting := {partition for partition in waiting if await reader.position(partition) < ends[partition]}:
        batches = await reader.getmany(*waiting, timeout_ms=_READ_TIMEOUT_MS)
        for batch in batches.values():
            for record in batch:
                yield record
        for partition in waiting - batches.keys():
            stable = reader.last_stable_offset(partition)
            if stable is not None and stable <= await reader.position(partition):
                ends[partition] = 0


def _letter(record: ConsumerRecord) -> Letter | None:
    """None for what is no letter of ours."""
    notes = {name: value.decode("utf-8", "replace") for name, value in record.headers}
    try:
        return Letter(
            topic=notes["dlq.topic"],
            partition=int(notes["dlq.partition"]),
            offset=int(notes["dlq.offset"]),
            timestamp_ms=int(notes["dlq.timestamp"]),
            reason=notes["dlq.reason"],
            detail=notes["dlq.detail"],
            size=int(notes["dlq.size"]) if "dlq.size" in notes else None,
            sha256=notes.get("dlq.sha256"),
            retried=notes.get(RETRIED),
            place=(record.partition, record.offset),
        )
    except (KeyError, ValueError):
        return None


def _retried_headers(letter: Letter, to: str) -> list[tuple[str, bytes]]:
    notes = {
        "dlq.reason": letter.reason,
        "dlq.detail": letter.detail,
        "dlq.topic": letter.topic,
        "dlq.partition": str(letter.partition),
        "dlq.offset": str(letter.offset),
        "dlq.timestamp": str(letter.timestamp_ms),
        RETRIED: to,
    }
    return [(name, text.encode()) for name, text in notes.items()]
