"""The absolute rows of one run in one source partition: the whole run's, and those of buckets that are still kept."""

from collections.abc import Iterable, Mapping

from events.partials import TOTAL, PartialRow

from . import buckets
from .counters import NAMES, add_counters
from .groups import Group

RowKey = tuple[int, int, str, str]
"""`width_ms`, `bucket_ms`, group, value."""

_POSITIONS = {name: position for position, name in enumerate(NAMES)}


class Row:
    """Counters: the fixed ones in the order of `counters.NAMES`, the named families by flat name."""

    __slots__ = ("fixed", "named")

    def __init__(self) -> None:
        self.fixed = [0] * len(NAMES)
        self.named: dict[str, int] = {}

    def add(self, fixed: Iterable[tuple[int, int]], named: Mapping[str, int]) -> None:
        """Adds (position, value) pairs and named counters."""
        counts = self.fixed
        for position, value in fixed:
            counts[position] += value
        if named:
            add_counters(self.named, named)

    def counters(self) -> dict[str, int]:
        """The nonzero counters by flat name."""
        found = {name: value for name, value in zip(NAMES, self.fixed, strict=True) if value}
        if self.named:
            found.update((name, value) for name, value in self.named.items() if value)
        return found


class Rows:
    """Rows by key; remembers which were touched since the last `drain`."""

    def __init__(self) -> None:
        self._buckets: dict[tuple[int, int], dict[Group, Row]] = {(TOTAL, 0): {}}
        self._touched: dict[RowKey, Row] = {}

    def at(self, width_ms: int, bucket_ms: int, group: Group) -> Row:
        """The row, made if need be, and marked as touched."""
        key = (width_ms, bucket_ms, *group)
        row = self._touched.get(key)
        if row is None:
            bucket = self._buckets.setdefault((width_ms, bucket_ms), {})
            row = bucket.setdefault(group, Row())
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

    def restore(self, stored: PartialRow) -> None:
        """Puts back an absolute row."""
        row = Row()
        for name, value in stored.counters.items():
            position = _POSITIONS.get(name)
            if position is None:
                row.named[name] = value
            else:
                row.fixed[position] = value
        self._buckets.setdefault((stored.width_ms, stored.bucket_ms), {})[stored.group, stored.value] = row
