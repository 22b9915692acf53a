"""The newest row of each group and bucket, by source partition: what a run's figures add up (DESIGN.md 5.6)."""

from collections.abc import Iterator
from typing import NamedTuple

import msgspec

from events.partials import TOTAL, PartialRow
from metrics.fold import buckets
from metrics.fold.groups import TOTALS, Group


class Source(msgspec.Struct, array_like=True, frozen=True):
    """What the newest partials of a source partition say beside their rows; `whole`: all of their rows have come."""

    sequence: int
    source_offsets: dict[str, int]
    watermark_ms: int
    recorded_ms: int
    first_event_ms: int
    truncated: list[str]
    whole: bool = True


class StoredRow(msgspec.Struct, array_like=True, frozen=True):
    """A row of a source partition, and the sequence of the partials that it came with."""

    source_partition: int
    sequence: int
    row: PartialRow


class _Held(NamedTuple):
    sequence: int
    counters: dict[str, int]


class NewestRows:
    """Rows of a run, and of each source partition what its newest partials said beside them."""

    def __init__(self) -> None:
        self.sources: dict[int, Source] = {}
        self._rows: dict[int, dict[tuple[int, int], dict[Group, _Held]]] = {}

    def take_source(self, partition: int, source: Source) -> None:
        """What the partition says now; buckets that its watermark has left behind go."""
        self.sources[partition] = source
        by_bucket = self._rows.setdefault(partition, {})
        for bucket in [bucket for bucket in by_bucket if self._is_expired(partition, *bucket)]:
            del by_bucket[bucket]

    def take(self, stored: StoredRow) -> bool:
        """Whether the row is newer than what is held of it, and of use."""
        row = stored.row
        minutes_of_group = row.width_ms == buckets.MINUTE_MS and row.group != TOTALS  # no figure reads these
        if minutes_of_group or self._is_expired(stored.source_partition, row.width_ms, row.bucket_ms):
            return False
        by_bucket = self._rows.setdefault(stored.source_partition, {})
        rows = by_bucket.setdefault((row.width_ms, row.bucket_ms), {})
        held = rows.get((row.group, row.value))
        if held is not None and held.sequence >= stored.sequence:
            return False
        rows[row.group, row.value] = _Held(stored.sequence, row.counters)
        return True

    def everything(self) -> list[StoredRow]:
        """All rows, as they were taken."""
        return [
            StoredRow(partition, held.sequence, PartialRow(*bucket, *group, held.counters))
            for partition, by_bucket in self._rows.items()
            for bucket, by_group in by_bucket.items()
            for group, held in by_group.items()
        ]

    def whole_run(self) -> Iterator[tuple[Group, dict[str, int]]]:
        """(group, counters) of each partition's rows of the whole run."""
        for by_bucket in self._rows.values():
            for group, held in by_bucket.get((TOTAL, 0), {}).items():
                yield group, held.counters

    def of_run(self, group: Group) -> Iterator[dict[str, int]]:
        """The counters of each partition's row of the whole run of this group."""
        for by_bucket in self._rows.values():
            held = by_bucket.get((TOTAL, 0), {}).get(group)
            if held is not None:
                yield held.counters

    def of_buckets(self, width_ms: int, after_ms: int, until_ms: int) -> list[tuple[int, Group, dict[str, int]]]:
        """(start, group, counters) of each partition's buckets with `after_ms` < start ≤ `until_ms`."""
        first_ms = buckets.bucket_start(after_ms, width_ms) + width_ms
        found: list[tuple[int, Group, dict[str, int]]] = []
        for by_bucket in self._rows.values():
            for bucket_ms in range(first_ms, until_ms + 1, width_ms):
                by_group = by_bucket.get((width_ms, bucket_ms))
                if by_group is not None:
                    found += [(bucket_ms, group, held.counters) for group, held in by_group.items()]
        return found

    def _is_expired(self, partition: int, width_ms: int, bucket_ms: int) -> bool:
        source = self.sources.get(partition)
        return width_ms != TOTAL and source is not None and buckets.is_expired(bucket_ms, width_ms, source.watermark_ms)
