"""The results of one run in one source partition: each counts once, in one elementary cell, and cells become rows.

A result is looked at once: it adds to the cell of its bucket and all its labels. At the end of a chunk each of the few
cells is added to the rows of its groups, for the whole run and for its buckets.
"""

from typing import NamedTuple

from events.numbers import micro
from events.partials import TOTAL, PartialRow
from events.results import AnyResult, ComponentResult, ImageResult, MessageResult, Result

from . import buckets, counters, histogram
from .context import band
from .groups import BUCKETED, FAMILIES, LABELS, TOTALS, Group, Names
from .identity import KeyTable, identity, keys
from .rows import Rows
from .segment import Segment
from .subjects import Subjects

_ADDITIVE = len(counters.ADDITIVE)
_SUBJECTS = _ADDITIVE  # position of `subjects` in a row; the other three follow
_FAILED_SUBJECTS = _ADDITIVE + 2
_SEEDS: dict[type[Result], int] = {ImageResult: 0, ComponentResult: 1, MessageResult: 2}
_WITH_LATENCY = (TOTALS, "model", "provider")


class Arrival(NamedTuple):
    """A result, when it counts, and whether that is its arrival because its own clock was ahead."""

    result: AnyResult
    effective_ms: int
    skewed: bool


class Cell:
    """What the results of one bucket with the same labels add up to."""

    __slots__ = ("counts", "groups", "latencies_ms", "named", "tier", "whole")

    def __init__(self, groups: tuple[Group, ...]) -> None:
        self.groups = groups
        self.counts = [0] * _ADDITIVE
        self.whole = [0, 0, 0, 0]
        self.tier = [0, 0, 0, 0]
        self.named: dict[str, int] = {}
        self.latencies_ms: list[int] = []


class Tally:
    """Everything known of a run's results in a source partition."""

    def __init__(self) -> None:
        self.watermark_ms = buckets.NEVER
        self.first_event_ms = buckets.NEVER
        self._ids = KeyTable()
        self._subjects = Subjects()
        self._names = Names()
        self._rows = Rows()
        self._cells: dict[tuple[int, int, tuple[object, ...]], Cell] = {}

    @property
    def truncated(self) -> list[str]:
        """The labels and families that had more values than are named."""
        return sorted(self._names.truncated)

    def take(self, arrivals: list[Arrival]) -> Segment:
        """Folds results in the order of their offsets; returns the rows, ids and subjects that changed."""
        ids = keys([identity(arrival.result.event_id) for arrival in arrivals])
        _, first = self._ids.admit(ids)
        is_first = first.tolist()
        fresh = [arrival.result for arrival, counts in zip(arrivals, is_first, strict=True) if counts]
        self._subjects.load([subject_identity(result) for result in fresh])
        nth = 0
        for (result, effective_ms, skewed), counts in zip(arrivals, is_first, strict=True):
            if counts:
                self._count(result, effective_ms, skewed, nth)
                nth += 1
            else:
                self._cell(TOTAL, 0, result).counts[counters.DUPLICATES] += 1
        self._spread()
        self._rows.expire(self.watermark_ms)
        return Segment(rows=self._rows.drain(), ids=ids[first].tobytes(), subjects=self._subjects.store())

    def restore(self, segment: Segment) -> None:
        """Takes a stored segment, in the order in which they were written."""
        self.watermark_ms, self.first_event_ms = segment.watermark_ms, segment.first_event_ms
        self._names.truncated.update(segment.truncated)
        self._ids.admit(keys(segment.ids))
        self._subjects.restore(segment.subjects)
        for row in segment.rows:
            if row.group in (TOTALS, *LABELS):
                self._rows.restore(row)
                self._restore_names(row)
        self._rows.expire(self.watermark_ms)

    def _count(self, result: Result, moment_ms: int, skewed: bool, nth: int) -> None:
        watermark_ms = self.watermark_ms
        late = buckets.is_late(moment_ms, watermark_ms)
        if late:
            cell = self._cell(TOTAL, 0, result)
            cell.counts[counters.LATE_EVENTS] += 1
        else:
            bucket_ms = moment_ms - moment_ms % buckets.BUCKET_MS
            if buckets.is_expired(bucket_ms, buckets.BUCKET_MS, watermark_ms):
                cell = self._cell(buckets.MINUTE_MS, moment_ms - moment_ms % buckets.MINUTE_MS, result)
            else:
                cell = self._cell(buckets.BUCKET_MS, bucket_ms, result)
        if moment_ms > watermark_ms:
            self.watermark_ms = moment_ms
        if moment_ms < self.first_event_ms or self.first_event_ms == buckets.NEVER:
            self.first_event_ms = moment_ms
        if skewed:
            cell.counts[counters.CLOCK_SKEWED_EVENTS] += 1
        latency_ms = counters.add(cell.counts, result)
        if latency_ms is not None:
            cell.latencies_ms.append(latency_ms)
        if result.scores or result.findings or result.tables:
            self._add_named(cell.named, result)
        self._step(cell, result, nth)

    def _cell(self, width_ms: int, bucket_ms: int, result: Result) -> Cell:
        component_type = result.component_type if isinstance(result, ComponentResult) else None
        score = result.context_score
        labels = (
            result.tier,
            result.model,
            result.provider,
            None if score is None else band(score),
            result.task_type,
            component_type,
            result.variant,
        )
        key = (width_ms, bucket_ms, labels)
        cell = self._cells.get(key)
        if cell is None:
            carried = [(label, str(value)) for label, value in zip(LABELS, labels, strict=True) if value or value == 0]
            named = [(label, self._names.admit(label, value)) for label, value in carried]
            cell = self._cells[key] = Cell(((TOTALS, ""), *named))
        return cell

    def _add_named(self, named: dict[str, int], result: Result) -> None:
        for name, score in (result.scores or {}).items():
            flat = f"scores.{self._names.admit('scores', name)}"
            named[f"{flat}.sum_micro"] = named.get(f"{flat}.sum_micro", 0) + micro(score)
            named[f"{flat}.count"] = named.get(f"{flat}.count", 0) + 1
        for family, amounts in (("findings", result.findings), ("records", result.tables)):
            for name, amount in (amounts or {}).items():
                if amount:
                    flat = f"{family}.{self._names.admit(family, name)}"
                    named[flat] = named.get(flat, 0) + amount

    def _step(self, cell: Cell, result: Result, nth: int) -> None:
        score = result.context_score
        scored = None if score is None else band(score)
        step = self._subjects.step(nth, result.status, result.final, result.tier, scored)
        for position in range(4):
            cell.whole[position] += step.whole[position]
            cell.tier[position] += step.tier[position]
        if step.entered_band is not None:
            self._rows.at(TOTAL, 0, ("band", step.entered_band)).fixed[_SUBJECTS] += 1
            if step.left_band is not None:
                self._rows.at(TOTAL, 0, ("band", step.left_band)).fixed[_SUBJECTS] -= 1

    def _spread(self) -> None:
        """Adds the cells to the rows of their groups."""
        for (width_ms, bucket_ms, _), cell in self._cells.items():
            counts = [(position, value) for position, value in enumerate(cell.counts) if value]
            bins = {f"latency_bin.{bin_}": n for bin_, n in histogram.bins(cell.latencies_ms).items()}
            for group in cell.groups:
                row = self._rows.at(TOTAL, 0, group)
                row.add(counts + _distinct(cell, group[0]), cell.named)
                if group[0] in _WITH_LATENCY:
                    row.add((), bins)
                if width_ms and group[0] in BUCKETED:
                    counted = counts + [(at, n) for at, n in _distinct(cell, group[0]) if at != _FAILED_SUBJECTS]
                    self._rows.at(buckets.MINUTE_MS, buckets.bucket_start(bucket_ms, buckets.MINUTE_MS), group).add(
                        counted, cell.named
                    )
                    if width_ms == buckets.BUCKET_MS:
                        self._rows.at(width_ms, bucket_ms, group).add(counted, cell.named)
        self._cells = {}

    def _restore_names(self, row: PartialRow) -> None:
        if row.width_ms == TOTAL and row.group != TOTALS:
            self._names.restore(row.group, row.value)
        elif row.width_ms == TOTAL:
            for flat in row.counters:
                family, _, name = flat.partition(".")
                if family in FAMILIES:
                    self._names.restore(family, name.rpartition(".")[0] if family == "scores" else name)


def _distinct(cell: Cell, group: str) -> list[tuple[int, int]]:
    if group == TOTALS:
        return list(enumerate(cell.whole, start=_SUBJECTS))
    return list(enumerate(cell.tier, start=_SUBJECTS)) if group == "tier" else []


def subject_identity(result: AnyResult) -> bytes:
    """A subject within a run and source partition: (event type, subject id)."""
    return identity(result.subject_id, _SEEDS[type(result)])
