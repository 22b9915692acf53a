"""Elementary cells: results of one bucket with the same labels, added up once and then spread over the rows.

A chunk of thousands of results has some hundred cells, and a cell adds to at most sixteen rows: the whole run's of each
of its labels, and the buckets' of the few labels that have them.
"""

from collections import defaultdict
from collections.abc import Collection, Sequence
from itertools import count
from typing import Any, NamedTuple, cast

import numpy as np
import numpy.typing as npt

from events.partials import TOTAL

from . import buckets
from .counters import ADDITIVE, OF_ANSWERS, OF_RESULTS, POSITIONS, Column
from .groups import BUCKETED, TOTALS, Group
from .identity import Positions
from .rows import RowKey

Integers = npt.NDArray[np.int64]
Sums = npt.NDArray[Any]
"""One line a cell, one column a counter; int64, or Python integers where a sum might pass 64 bits."""

WHOLE = len(ADDITIVE)
TIER = WHOLE + 4
WIDTH = WHOLE + 8
"""Columns of a cell: the additive counters, then the four of subjects for the run, then the four for the tier."""
_FAILED_SUBJECTS = POSITIONS["failed_subjects"]

NOWHERE = buckets.NEVER
"""Place of a result that counts in no bucket."""
_MINUTE_ONLY = 1


def places(moments_ms: Integers, before_ms: Integers) -> tuple[Integers, npt.NDArray[np.bool_]]:
    """The bucket of each result and whether it is late, given the watermark before it.

    A place is the start of a 10 s bucket; of one that has left, the start of its minute + 1; or `NOWHERE`.
    """
    late = moments_ms < buckets.late_before(before_ms)
    finest = buckets.bucket_start(moments_ms, buckets.BUCKET_MS)
    minutes = buckets.bucket_start(moments_ms, buckets.MINUTE_MS)
    expired = finest <= buckets.last_expired(buckets.BUCKET_MS, before_ms)
    return np.where(late, NOWHERE, np.where(expired, minutes + _MINUTE_ONLY, finest)), late


class Cells(NamedTuple):
    """Which cell each result is in, and of each cell its labels (an index into the chunk's) and its place."""

    of: Positions
    labels: list[int]
    places: list[int]

    @staticmethod
    def of_results(labels: Positions, places_: Integers) -> "Cells":
        """The cells of results with these labels in these places."""
        distinct_places, place = np.unique(places_, return_inverse=True)
        distinct, cell = np.unique(labels * len(distinct_places) + place, return_inverse=True)
        label, at = np.divmod(distinct, max(1, len(distinct_places)))
        return Cells(cell, label.tolist(), distinct_places[at].tolist())

    def sums(self, results: Sequence[Any], chosen: Positions) -> Sums:
        """What the results add to the cells; `chosen` are their places among those that have cells."""
        cells = self.of[chosen]
        columns = _columns(OF_RESULTS, results, cells)
        owners = [at for at, result in enumerate(results) if result.answers]
        if owners:
            lists = [results[at].answers for at in owners]
            answers = [answer for said in lists for answer in said]
            columns += _columns(OF_ANSWERS, answers, np.repeat(cells[owners], [len(said) for said in lists]))
        small = all(_within_64_bits(values) for _, values, _ in columns)
        sums = np.zeros((WIDTH, len(self.labels)), dtype=np.int64 if small else object)
        for name, values, into in columns:
            np.add.at(sums[POSITIONS[name]], into, values)
        return sums.T

    def spread(self, groups: Sequence[Sequence[Group]]) -> "Spread":
        """The rows that the cells add to; `groups`: of each combination of labels."""
        numbers: defaultdict[RowKey, int] = defaultdict(count().__next__)
        rows: list[int] = []
        ends = []
        for label, place in zip(self.labels, self.places, strict=True):
            for group in groups[label]:
                rows.append(numbers[TOTAL, 0, *group])
                if place == NOWHERE or group[0] not in BUCKETED:
                    continue
                rows.append(numbers[buckets.MINUTE_MS, buckets.bucket_start(place, buckets.MINUTE_MS), *group])
                if place % buckets.BUCKET_MS != _MINUTE_ONLY:
                    rows.append(numbers[buckets.BUCKET_MS, place, *group])
            ends.append(len(rows))
        return Spread(list(numbers), np.array(rows, dtype=np.intp), np.array([0, *ends], dtype=np.intp))


class Spread(NamedTuple):
    """Which rows each cell adds to: cell n's are `rows[bounds[n] : bounds[n + 1]]`, as places in `keys`."""

    keys: list[RowKey]
    rows: Positions
    bounds: Positions

    def whole_run(self, groups: Collection[str]) -> "Spread":
        """The same cells spread over the rows of the whole run of these groups alone."""
        wanted = np.array([key[0] == TOTAL and key[2] in groups for key in self.keys], dtype=np.bool_)[self.rows]
        before = np.concatenate(([0], np.cumsum(wanted)))
        return Spread(self.keys, self.rows[wanted], before[self.bounds])

    def dense(self, sums: Sums) -> list[list[int]]:
        """The columns of each row, given the columns of each cell."""
        spread = np.zeros((len(self.keys), sums.shape[1]), dtype=sums.dtype)
        np.add.at(spread, self.rows, np.repeat(sums, np.diff(self.bounds), axis=0))
        return cast("list[list[int]]", spread.tolist())

    def sparse(self, cells: Positions, names: Positions, amounts: Integers) -> dict[int, dict[int, int]]:
        """Row number → name → sum, given (cell, name, amount) triples."""
        size = int(names.max(initial=0)) + 1
        merged, into = np.unique(cells * size + names, return_inverse=True)
        cells, names = np.divmod(merged, size)
        counts = np.diff(self.bounds)[cells]
        nth = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
        rows = self.rows[np.repeat(self.bounds[cells], counts) + nth]
        exact = np.int64 if _within_64_bits(amounts) else object
        per_cell = np.zeros(len(merged), dtype=exact)
        np.add.at(per_cell, into, amounts)
        merged, into = np.unique(rows * size + np.repeat(names, counts), return_inverse=True)
        totals = np.zeros(len(merged), dtype=exact)
        np.add.at(totals, into, np.repeat(per_cell, counts))
        found: dict[int, dict[int, int]] = {}
        for row_and_name, total in zip(merged.tolist(), totals.tolist(), strict=True):
            row, name = divmod(row_and_name, size)
            found.setdefault(row, {})[name] = total
        return found


def _within_64_bits(amounts: Integers) -> bool:
    """Whether no sum of some of them can pass 64 bits."""
    return bool(np.abs(amounts, dtype=np.float64).sum() < 1 << 62)


def _columns(
    columns: Sequence[Column], items: Sequence[Any], cells: Positions
) -> list[tuple[str, Integers, Positions]]:
    """(counter, values, cells) of the columns that are not all zero."""
    found = []
    for column in columns:
        values = column.values(items)
        if np.any(values) if isinstance(values, np.ndarray) else any(values):  # type: ignore[arg-type]
            found.append((column.metric.name, np.asarray(values, dtype=np.int64), cells))
    return found


def row_counts(key: RowKey, sums: Sequence[int]) -> list[int]:
    """A row's counters, in the order of `counters.NAMES`, from the columns of its cells."""
    own = {TOTALS: WHOLE, "tier": TIER}.get(key[2])
    counts = list(sums[:WHOLE])
    counts += sums[own : own + 4] if own is not None else (0, 0, 0, 0)
    if key[0] != TOTAL:
        counts[_FAILED_SUBJECTS] = 0
    return counts
