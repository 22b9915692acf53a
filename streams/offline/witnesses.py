"""What the stages have written: the newest snapshots and partials, and both ledgers, read as anybody may read them.

Nothing here takes a fence: a running worker goes on writing. So each witness stands at offsets of its own, which it
names; `verify` asks the refold for just these.
"""

from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, TypeVar

import msgspec
from aiokafka import ConsumerRecord, TopicPartition

from events.alerts import AnyAlert
from events.partials import PartialRow, Partials
from events.snapshots import RunMetrics
from events.topics import Name
from metrics.fold.refold import Growing
from metrics.fold.segment import Segment, is_kept, row_key
from metrics.newest import StoredRow
from metrics.registers import RunRegisters, RunSegment
from streams.cluster import Cluster
from streams.entries import HEAD_KEY, PARTS, Head, decode_head, decode_key
from streams.errors import LedgerUnreadable
from streams.recovery import started
from streams.runs import ALL_RUNS, home_of

from .deadletters import RETRIED

_READ_TIMEOUT_MS = 500
PARTIALS_READ = 50_000
"""How many records of a partition of `partials` are looked at, from its end: what is newest stands there."""

P = TypeVar("P")
RowKey = tuple[int, int, str, str]


class At(NamedTuple):
    """A record of the log; `topic` without prefix."""

    topic: str
    partition: int
    offset: int


class Unreadable(NamedTuple):
    """A record that is not what a stage writes."""

    at: At
    reason: str


class Shown(NamedTuple):
    """A run's newest snapshot."""

    metrics: RunMetrics
    at: At


@dataclass
class Said:
    """Of one run in one source partition: its newest partials, and of each row the newest value and who said it."""

    newest: Partials
    rows: dict[RowKey, tuple[int, PartialRow, At]] = field(default_factory=dict)

    def take(self, partials: Partials, at: At) -> None:
        """The next message about this run and partition; one with an older sequence changes nothing newer."""
        if partials.sequence >= self.newest.sequence:
            self.newest = partials
        for row in partials.rows:
            known = self.rows.get(row_key(row))
            if known is None or partials.sequence >= known[0]:
                self.rows[row_key(row)] = (partials.sequence, row, at)

    def kept(self) -> Iterable[tuple[PartialRow, At]]:
        """The rows that are not expired."""
        for _, row, at in self.rows.values():
            if is_kept(row, self.newest.watermark_ms, []):
                yield row, at


@dataclass
class CombineLedger:
    """What `ledger.combine` holds: heads by partition; by (run, partition) its digest and where it was written."""

    heads: dict[int, Head] = field(default_factory=dict)
    runs: dict[tuple[str, int], Segment] = field(default_factory=dict)
    rows_at: dict[tuple[str, int], dict[RowKey, At]] = field(default_factory=dict)
    last_at: dict[tuple[str, int], At] = field(default_factory=dict)
    unreadable: list[Unreadable] = field(default_factory=list)


@dataclass
class RunLedger:
    """What `ledger.run` holds: registers by run, and where each of their rows, and the last of all, was written."""

    runs: dict[str, RunRegisters] = field(default_factory=dict)
    rows_at: dict[str, dict[tuple[int, RowKey], At]] = field(default_factory=dict)
    last_at: dict[str, At] = field(default_factory=dict)
    unreadable: list[Unreadable] = field(default_factory=list)


async def read_snapshots(cluster: Cluster, partitions: int) -> dict[str, Shown]:
    """Each run's newest snapshot."""
    newest: dict[bytes, ConsumerRecord] = {}
    for number in range(partitions):
        async for record in _records(cluster, "metrics", number):
            newest[record.key or b""] = record
    shown = {}
    for record in newest.values():
        metrics = msgspec.json.decode(record.value or b"", type=RunMetrics)
        shown[metrics.run_id or ""] = Shown(metrics, At("metrics", record.partition, record.offset))
    return shown


async def read_partials(cluster: Cluster, partitions: int) -> tuple[dict[tuple[str, int], Said], list[Unreadable]]:
    """(run, source partition) → the newest rows said, and records that are none."""
    found: dict[tuple[str, int], Said] = {}
    unreadable = []
    for number in range(partitions):
        async for record in _records(cluster, "partials", number, last=PARTIALS_READ):
            at = At("partials", number, record.offset)
            try:
                partials = _PARTIALS.decode(record.value or b"")
            except msgspec.MsgspecError as error:
                if not _is_passed_on(record.value or b""):
                    unreadable.append(Unreadable(at, str(error)))
                continue
            said = found.setdefault((partials.run_id, partials.source_partition), Said(partials))
            said.take(partials, at)
    return found, unreadable


async def read_combine_ledger(cluster: Cluster, partitions: int) -> CombineLedger:
    """Every partition of `ledger.combine`."""
    found = CombineLedger()
    for number in range(partitions):
        kept = await _compacted(cluster, "ledger.combine", number, found.unreadable)
        found.heads[number] = kept.head
        for run_id, segments in kept.runs.items():
            growing, rows_at = Growing(), found.rows_at.setdefault((run_id, number), {})
            for segment, at in _decoded(segments, Segment.decode, found.unreadable):
                growing.take(segment)
                rows_at.update((row_key(row), at) for row in segment.rows)
                found.last_at[run_id, number] = at
            if (run_id, number) in found.last_at:
                found.runs[run_id, number] = growing.digest()
    return found


async def read_run_ledger(cluster: Cluster, partitions: int) -> RunLedger:
    """Every partition of `ledger.run`."""
    found = RunLedger()
    for number in range(partitions):
        kept = await _compacted(cluster, "ledger.run", number, found.unreadable)
        if number != home_of(ALL_RUNS, partitions):
            kept.runs.pop(ALL_RUNS, None)  # every partition has it; one is looked at
        for run_id, segments in kept.runs.items():
            rows_at = found.rows_at.setdefault(run_id, {})
            for segment, at in _decoded(segments, _opened, found.unreadable):
                found.runs.setdefault(run_id, RunRegisters(run_id)).restore(segment)
                rows_at.update((stored_key(stored), at) for stored in segment.rows)
                found.last_at[run_id] = at
    return found


def _opened(value: bytes) -> RunSegment:
    return RunSegment.decode(value).opened()


def stored_key(stored: StoredRow) -> tuple[int, RowKey]:
    """The source partition of a stored row, and what it replaces."""
    return stored.source_partition, row_key(stored.row)


async def read_dead_letters(cluster: Cluster, partitions: int) -> Counter[At]:
    """How often each refused record stands on the DLQ, by its own place; what was sent again is left out."""
    found: Counter[At] = Counter()
    for number in range(partitions):
        async for record in _records(cluster, "dlq", number):
            notes = dict(record.headers)
            if "dlq.topic" in notes and RETRIED not in notes:
                topic = cluster.name(notes["dlq.topic"].decode())
                found[At(topic, int(notes["dlq.partition"]), int(notes["dlq.offset"]))] += 1
    return found


async def read_alerts(cluster: Cluster, partitions: int) -> list[tuple[AnyAlert, At]]:
    """Every alert that was said."""
    return [
        (_ALERTS.decode(record.value), At("alerts", number, record.offset))
        for number in range(partitions)
        async for record in _records(cluster, "alerts", number)
        if record.value is not None
    ]


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
        for number in range(partitions):
            at = TopicPartition(cluster.topic(topic), number)
            reader.assign([at])
            begin = (await reader.beginning_offsets([at]))[at]
            await reader.seek_to_beginning(at)
            records = (await reader.getmany(at, timeout_ms=_READ_TIMEOUT_MS, max_records=1)).get(at, [])
            found[number] = Begin(begin, records[0].timestamp if records else None)
    return found


_PARTIALS = msgspec.json.Decoder(Partials)
_ALERTS = msgspec.json.Decoder(AnyAlert)


def _is_passed_on(value: bytes) -> bool:
    return value.startswith(b'{"event_type":"run.passed_on"')


@dataclass
class _Compacted:
    """A ledger partition as compaction leaves it: the newest value of each segment, and where that stands."""

    head: Head = field(default_factory=Head)
    runs: dict[str, dict[int, tuple[bytes, At]]] = field(default_factory=dict)


async def _compacted(cluster: Cluster, topic: Name, number: int, unreadable: list[Unreadable]) -> _Compacted:
    kept = _Compacted()
    parts: list[bytes] = []
    async for record in _records(cluster, topic, number):
        at = At(topic, number, record.offset)
        try:
            if record.key == HEAD_KEY:
                kept.head = decode_head(record.value or b"")
                continue
            run_id, segment, part = decode_key(record.key or b"")
            segments = kept.runs.setdefault(run_id, {})
            if record.value is None:
                segments.pop(segment, None)
                continue
            if part == 0:
                parts = []
            if part != len(parts):
                continue  # as in `streams.ledger`: its first parts are gone already
            parts.append(record.value)
            if len(parts) == int(dict(record.headers)[PARTS]):
                segments[segment] = b"".join(parts), at
                parts = []
        except (LedgerUnreadable, KeyError, ValueError) as error:
            unreadable.append(Unreadable(at, str(error)))
    return kept


def _decoded(
    segments: Mapping[int, tuple[bytes, At]], decode: Callable[[bytes], P], unreadable: list[Unreadable]
) -> Iterator[tuple[P, At]]:
    """A run's segments in order; what cannot be read is noted and left out."""
    for _, (value, at) in sorted(segments.items()):
        try:
            yield decode(value), at
        except (msgspec.MsgspecError, ValueError, TypeError) as error:
            unreadable.append(Unreadable(at, str(error)))


async def _records(
    cluster: Cluster, topic: Name, number: int, *, last: int | None = None
) -> AsyncIterator[ConsumerRecord]:
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
            records = (await reader.getmany(partition, timeout_ms=_READ_TIMEOUT_MS)).get(partition, [])
            for record in records:
                yield record
            stable = reader.last_stable_offset(partition)
            if not records and stable is not None and stable <= position:
                return
