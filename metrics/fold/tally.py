"""The results of one run in one source partition: each event id counts once, whatever a chunk holds."""

from collections import defaultdict
from collections.abc import Sequence
from itertools import count
from operator import attrgetter
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from xxhash import xxh3_128_digest

from events.numbers import PPM, micro, nano_usd, whole_ms
from events.partials import TOTAL, PartialRow
from events.results import AnyResult, ComponentResult, ImageResult, MessageResult, Result

from . import buckets, histogram
from .bands import BANDS
from .cells import NOWHERE, TIER, WHOLE, WIDTH, Cells, Spread, places, row_counts
from .counters import CONFIDENCE_BIN, CONFIDENCE_STEP_PPM, LATENCY_BIN, POSITIONS
from .groups import FAMILIES, LABELS, SUMMED, TOTALS, Group, Names
from .identity import KeyTable, Positions, keys
from .rows import Rows
from .segment import Segment
from .subjects import BAND_CODES, STATUSES, Outcomes, Subjects

_SEEDS: dict[type[Result], int] = {ImageResult: 0, ComponentResult: 1, MessageResult: 2}
_WITH_LATENCY = (TOTALS, "model", "provider")
_WITH_CONFIDENCE = (TOTALS, "tier", "model")
_BAND_NAMES = dict(enumerate(["", *BAND_CODES]))
_BAND_EDGES = [lowest for _, lowest in reversed(BANDS[:-1])]
Bytes = npt.NDArray[np.uint8]


class Arrivals(NamedTuple):
    """Results in the order of their offsets, when each counts, and the places of those whose clock was ahead."""

    results: list[AnyResult]
    effective_ms: list[int]
    skewed: list[int]


class Tally:
    """Everything known of a run's results in a source partition."""

    def __init__(self) -> None:
        self.watermark_ms = buckets.NEVER
        self.first_event_ms = buckets.NEVER
        self._ids = KeyTable()
        self._subjects = Subjects()
        self._names = Names()
        self._rows = Rows()

    @property
    def truncated(self) -> list[str]:
        """The labels and families that had more values than are named."""
        return sorted(self._names.truncated)

    @property
    def nbytes(self) -> int:
        """Memory of the identities and states."""
        return self._ids.nbytes + self._subjects.nbytes

    def take(self, arrivals: Arrivals) -> Segment:
        """Folds results; returns the rows, ids and subjects that changed."""
        ids = keys([xxh3_128_digest(result.event_id.encode()) for result in arrivals.results])
        _, first = self._ids.admit(ids)
        chosen = np.flatnonzero(first)
        fresh = [arrivals.results[at] for at in chosen.tolist()]
        bands = _bands(arrivals.results)
        place, late = self._pass_time(np.array(arrivals.effective_ms, dtype=np.int64), chosen)
        labels, groups = self._labels(arrivals.results, bands)
        cells = Cells.of_results(labels, place)
        sums = cells.sums(fresh, chosen)
        for name, which in (
            ("late_events", np.flatnonzero(late)),
            ("clock_skewed_events", np.array(arrivals.skewed, dtype=np.intp)[first[arrivals.skewed]]),
            ("duplicates", np.flatnonzero(~first)),
        ):
            np.add.at(sums[:, POSITIONS[name]], cells.of[which], 1)
        moves = self._subjects.take(
            keys([subject_identity(result) for result in fresh]), _outcomes(fresh, bands[chosen])
        )
        np.add.at(sums[:, WHOLE:TIER], cells.of[chosen], moves.whole)
        np.add.at(sums[:, TIER:WIDTH], cells.of[chosen], moves.tier)
        spread = cells.spread(groups)
        for key, columns in zip(spread.keys, spread.dense(sums), strict=True):
            self._rows.at(key).add(row_counts(key, columns))
        self._add_named(spread, cells.of[chosen], fresh)
        self._add_latencies(spread, cells.of[chosen], fresh)
        self._add_confidences(spread, cells.of[chosen], fresh)
        self._add_spans(fresh, [arrivals.effective_ms[at] for at in chosen.tolist()])
        for code, gained in enumerate(moves.bands):
            if gained:
                self._rows.at((TOTAL, 0, "band", _BAND_NAMES[code])).fixed[POSITIONS["subjects"]] += gained
        self._rows.expire(self.watermark_ms)
        return Segment(rows=self._rows.drain(), ids=ids[first].tobytes(), subjects=moves.entries)

    def everything(self) -> Segment:
        """All rows, ids and subjects, as if one chunk had brought them."""
        return Segment(rows=self._rows.everything(), ids=self._ids.everything(), subjects=self._subjects.everything())

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

    def _pass_time(
        self, moments_ms: npt.NDArray[np.int64], chosen: Positions
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.bool_]]:
        """Moves the watermark over the chosen results; the place of every result, and which of them are late."""
        place = np.full(len(moments_ms), NOWHERE, dtype=np.int64)
        late = np.zeros(len(moments_ms), dtype=np.bool_)
        if not len(chosen):
            return place, late
        mine = moments_ms[chosen]
        passed = np.maximum.accumulate(np.concatenate(([self.watermark_ms], mine)))
        place[chosen], late[chosen] = places(mine, passed[:-1])
        self.watermark_ms = int(passed[-1])
        earliest_ms = int(mine.min())
        if earliest_ms < self.first_event_ms or self.first_event_ms == buckets.NEVER:
            self.first_event_ms = earliest_ms
        return place, late

    def _labels(self, results: Sequence[Result], bands: Bytes) -> tuple[Positions, list[tuple[Group, ...]]]:
        """Which combination of labels each result carries, and the groups of each combination, its names bounded."""
        combinations: defaultdict[tuple[object, ...], int] = defaultdict(count().__next__)
        columns = (
            [r.tier for r in results],
            [r.model for r in results],
            [r.provider for r in results],
            bands.tolist(),
            [r.task_type for r in results],
            [r.component_type if isinstance(r, ComponentResult) else None for r in results],
            [r.variant for r in results],
        )
        numbers = [combinations[combination] for combination in zip(*columns, strict=True)]
        carried: defaultdict[tuple[Group, ...], int] = defaultdict(count().__next__)  # unnamed values fall together
        groups_of = []
        for tier, model, provider, band, *others in combinations:
            values = (str(tier), model, provider, _BAND_NAMES[band], *others)  # type: ignore[index]
            said = [(label, str(value)) for label, value in zip(LABELS, values, strict=True) if value]
            named = ((label, self._names.admit(label, value)) for label, value in said)
            groups_of.append(carried[(TOTALS, ""), *named])
        return np.array(groups_of, dtype=np.intp)[numbers], list(carried)

    def _add_named(self, spread: Spread, cells: Positions, fresh: Sequence[Result]) -> None:
        """Adds what the results say under names of their own: scores, stages, findings, records."""
        numbers: defaultdict[str, int] = defaultdict(count().__next__)
        triples: list[tuple[int, int, int]] = []
        admit, in_cells = self._names.admit, cells.tolist()
        for family, unit, whole in (
            ("scores", "sum_micro", micro),
            ("stages", "ms_sum", whole_ms),
            ("stage_costs", "nano_usd_sum", nano_usd),
        ):
            columns: dict[str, tuple[int, int]] = {}
            for cell, amounts in zip(in_cells, map(attrgetter(family), fresh), strict=True):
                for name, amount in amounts.items() if amounts else ():
                    if name not in columns:
                        flat = f"{family}.{admit(family, name)}"
                        columns[name] = numbers[f"{flat}.{unit}"], numbers[f"{flat}.count"]
                    total, said = columns[name]
                    triples.append((cell, total, whole(amount)))
                    triples.append((cell, said, 1))
        for family, field in (("findings", "findings"), ("records", "tables")):
            counted: dict[str, int] = {}
            for cell, counts in zip(in_cells, map(attrgetter(field), fresh), strict=True):
                for name, n in counts.items() if counts else ():
                    if n:
                        if name not in counted:
                            counted[name] = numbers[f"{family}.{admit(family, name)}"]
                        triples.append((cell, counted[name], n))
        if triples:
            names = list(numbers)
            for row, found in spread.sparse(*np.array(triples, dtype=np.int64).T).items():
                self._rows.at(spread.keys[row]).add_named({names[number]: n for number, n in found.items()})

    def _add_latencies(self, spread: Spread, cells: Positions, fresh: Sequence[Result]) -> None:
        """Adds the latencies to the histograms of the run, its models and its providers."""
        latencies = np.array([result.latency_ms for result in fresh], dtype=np.float64)
        said = np.flatnonzero(~np.isnan(latencies))
        bins = histogram.bins_of(np.rint(latencies[said]))
        chosen = spread.whole_run(_WITH_LATENCY)
        for row, counts in chosen.sparse(cells[said], bins, np.ones(len(said), dtype=np.int64)).items():
            self._rows.at(spread.keys[row]).add_named({f"{LATENCY_BIN}{bin_}": n for bin_, n in counts.items()})

    def _add_confidences(self, spread: Spread, cells: Positions, fresh: Sequence[Result]) -> None:
        """Adds the steps of confidence to the rows of the run, its tiers and its models."""
        said = np.array([result.confidence for result in fresh], dtype=np.float64)
        known = np.flatnonzero(~np.isnan(said))
        steps = np.rint(said[known] * PPM).astype(np.int64) // CONFIDENCE_STEP_PPM
        chosen = spread.whole_run(_WITH_CONFIDENCE)
        for row, counts in chosen.sparse(cells[known], steps, np.ones(len(known), dtype=np.int64)).items():
            self._rows.at(spread.keys[row]).add_named({f"{CONFIDENCE_BIN}{step}": n for step, n in counts.items()})

    def _add_spans(self, fresh: Sequence[Result], moments_ms: Sequence[int]) -> None:
        """Notes each tier's first and last result."""
        tiers = np.array([result.tier for result in fresh], dtype=np.intp)
        moments = np.array(moments_ms, dtype=np.int64)
        for tier in np.unique(tiers).tolist():
            mine = moments[tiers == tier]
            self._rows.at((TOTAL, 0, "tier", str(tier))).widen(int(mine.min()), int(mine.max()))

    def _restore_names(self, row: PartialRow) -> None:
        if row.width_ms == TOTAL and row.group != TOTALS:
            self._names.restore(row.group, row.value)
        elif row.width_ms == TOTAL:
            for flat in row.counters:
                family, _, name = flat.partition(".")
                if family in FAMILIES:
                    self._names.restore(family, name.rpartition(".")[0] if family in SUMMED else name)


def subject_identity(result: AnyResult) -> bytes:
    """A subject within a run and source partition: (event type, subject id)."""
    return xxh3_128_digest(result.subject_id.encode(), _SEEDS[type(result)])


def _bands(results: Sequence[Result]) -> Bytes:
    """Band codes of the context scores; 0 where a result has none."""
    scores = np.array([result.context_score for result in results], dtype=np.float64)
    codes = len(BANDS) - np.digitize(scores, _BAND_EDGES)
    return np.where(np.isnan(scores), 0, codes).astype(np.uint8)


def _outcomes(results: Sequence[Result], bands: Bytes) -> Outcomes:
    return Outcomes(
        np.array([result.tier for result in results], dtype=np.uint64),
        np.array([STATUSES[result.status] for result in results], dtype=np.intp),
        np.array([result.final for result in results], dtype=np.bool_),
        bands,
    )
