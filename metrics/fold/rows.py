"""The absolute rows of one run in one source partition: the whole run's, and those of buckets that are still kept."""

from collections.abc import Mapping, Sequence
from operator import add

from events.partials import TOTAL, PartialRow

from . import buckets
from .counters import FIRST_MS, LAST_MS, NAMES, POSITIONS, SPAN, add_counters
from .groups import Group

RowKey = tuple[int, int, str, str]
"""`width_ms`, `bucket_ms`, group, value."""


class Row:
    """Counters: the fixed ones in the order of `counters.NAMES`, the named families by flat name."""

    __slots__ = ("fixed", "named")

    def __init__(self) -> None:
        self.fixed = [0] * len(NAMES)
        self.named: dict[str, int] = {}

    def add(self, counts: Sequence[int]) -> None:
        """Adds fixed counters."""
        self.fixed = list(map(add, self.fixed, counts))

    def add_named(self, counters: Mapping[str, int]) -> None:
        """Adds counters of the named families."""
        add_counters(self.named, counters)

    def widen(self, first_ms: int, last_ms: int) -> None:
        """Takes in the times of some results."""
        self.named[FIRST_MS] = min(first_ms, self.named.get(FIRST_MS, first_ms))
        self.named[LAST_MS] = max(last_ms, self.named.get(LAST_MS, last_ms))

    def counters(self) -> dict[str, int]:
        """The nonzero counters by flat name, and the span of a tier's results."""
        found = {name: value for name, value in zip(NAMES, self.fixed, strict=True) if value}
        if self.named:
            found.update((name, value) for name, value in self.named.items() if value or name in SPAN)
        return found


class Rows:
    """Rows by key; remembers which were touched since the last `drain`."""

    def __init__(self) -> None:
        self._buckets: dict[tuple[int, int], dict[Group, Row]] = {(TOTAL, 0): {}}
        self._touched: dict[RowKey, Row] = {}

    def at(self, key: RowKey) -> Row:
        """The row, made if need be, and marked as touched."""
        row = self._touched.get(key)
        if row is None:
            bucket = self._buckets.setdefault(key[:2], {})
            row = bucket.get(key[2:]) or bucket.setdefault(key[2:], Row())
            self._touched[key] = row
        return row

    def expire(self, watermark_ms: int) -> None:
        """Lets go of the buckets behind what is kept."""
        for width_ms, bucket_ms in [key for key in self._buckets if key[0] != TOTAL]:
            if buckets.is_expired(bucket_ms, width_ms, watermark_ms):
                for group in self._buckets.pop((width_ms, bucket_ms)):
                    self._touched.pop((width_ms, bucket_ms, *group), None)

    def drain(self) -> list[PartialRow]:
        """The touched rows, absolute."""
        drained = [PartialRow(*key, row.counters()) for key, row in self._touched.items()]
        self._touched = {}
        return drained

    def everything(self) -> list[PartialRow]:
        """All rows, absolute."""
        return [
            PartialRow(*bucket, *group, row.counters())
            for bucket, by_group in self._buckets.items()
            for group, row in by_group.items()
        ]

    def restore(self, stored: PartialRow) -> None:
        """Puts back an absolute row."""
        row = Row()
        for name, value in stored.counters.items():
            position = POSITIONS.get(name)
            if position is None:
                row.named[name] = value
            else:
                row.fixed[position] = value
        self._buckets.setdefault((stored.width_ms, stored.bucket_ms), {})[stored.group, stored.value] = row
