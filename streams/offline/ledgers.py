"""What both ledgers hold, where each row of it was written, and what in them cannot be read."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

import msgspec

from events.topics import Name
from metrics.fold.refold import Growing
from metrics.fold.segment import Segment, row_key
from metrics.newest import StoredRow
from metrics.registers import RunRegisters, RunSegment
from streams.cluster import Cluster
from streams.entries import HEAD_KEY, PARTS, Head, decode_head, decode_key
from streams.errors import LedgerUnreadable
from streams.runs import ALL_RUNS, home_of

from .logs import At, Unreadable, records

P = TypeVar("P")
RowKey = tuple[int, int, str, str]


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


@dataclass
class _Compacted:
    """A ledger partition as compaction leaves it: the newest value of each segment, and where that stands."""

    head: Head = field(default_factory=Head)
    runs: dict[str, dict[int, tuple[bytes, At]]] = field(default_factory=dict)


async def _compacted(cluster: Cluster, topic: Name, number: int, unreadable: list[Unreadable]) -> _Compacted:
    kept = _Compacted()
    parts: list[bytes] = []
    async for record in records(cluster, topic, number):
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
