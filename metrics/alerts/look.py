"""A run at a moment, as alert rules look at it: its snapshot, and sums over a rule's own window of event time."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from events.snapshots import RunMetrics
from metrics.fold import buckets, wire
from metrics.fold.counters import add_counters
from metrics.fold.groups import OTHER, TOTALS
from metrics.registers import RunRegisters

NAMED = 20
"""Values of a label that a rule looks at: those with the most results in the window, then by name."""


class Reading(NamedTuple):
    """A figure. `value` None: not known. `samples` None: it needs no minimum. `label`: whose it is."""

    value: float | None
    samples: int | None = None
    reference: float = 1.0
    label: str = ""


class Sums:
    """Those counters of a label's value that signals read. It is made and added to for every value at every look."""

    __slots__ = ("cost_nano_usd", "failed", "latency_count", "latency_ms_sum", "processed_subjects", "results")

    def __init__(self) -> None:
        self.results = self.failed = self.cost_nano_usd = self.processed_subjects = 0
        self.latency_ms_sum = self.latency_count = 0

    def add(self, counters: Mapping[str, int]) -> None:
        """The counters of a bucket."""
        get = counters.get
        self.results += get("results", 0)
        self.failed += get("failed", 0)
        self.cost_nano_usd += get("cost_nano_usd", 0)
        self.processed_subjects += get("processed_subjects", 0)
        self.latency_ms_sum += get("latency_ms_sum", 0)
        self.latency_count += get("latency_count", 0)


_Row = tuple[int, str, dict[str, int]]


class Look:
    """A run at a moment, as signals read it.

    `quiet`: the log has told nothing new of the run for some seconds of the clock. While a backlog is being folded, the
    last result known is not the last there is. `readings`: signal and window → what `signals.read` found.
    """

    def __init__(self, registers: RunRegisters, metrics: RunMetrics, as_of_ms: int, *, quiet: bool) -> None:
        self.registers = registers
        self.metrics = metrics
        self.as_of_ms = as_of_ms
        self.quiet = quiet
        self.plan = registers.lifecycle.plan
        self._rows: dict[int, dict[str, list[_Row]]] = {}
        self._windows: dict[tuple[int, str], dict[str, Sums]] = {}
        self.readings: dict[tuple[str, int], list[Reading]] = {}

    def rows(self, label: str, window_ms: int) -> list[_Row]:
        """(start, value, counters) of the label's 10 s buckets that begin after `as_of` − window."""
        rows = self._rows.get(window_ms)
        if rows is None:
            rows = self._rows[window_ms] = {}
            after_ms = self.as_of_ms - window_ms
            for start_ms, (group, value), counters in self.registers.bucket_rows(
                buckets.BUCKET_MS, after_ms, self.as_of_ms
            ):
                rows.setdefault(group, []).append((start_ms, value, counters))
        return rows.get(label, [])

    def by(self, label: str, window_ms: int) -> Mapping[str, Sums]:
        """Value of the label → its counters in the window."""
        found = self._windows.get((window_ms, label))
        if found is None:
            found = self._windows[window_ms, label] = {}
            for _, value, counters in self.rows(label, window_ms):
                sums = found.get(value)
                if sums is None:
                    sums = found[value] = Sums()
                sums.add(counters)
        return found

    def totals(self, window_ms: int) -> Mapping[str, Any]:
        """Of the whole run in the window, as a snapshot shows counters."""
        shown = {60_000: self.metrics.window_60s, 600_000: self.metrics.window_10m}.get(window_ms)
        if shown is not None:
            return shown.counters
        summed: dict[str, int] = {}
        for _, _, counters in self.rows(TOTALS, window_ms):
            add_counters(summed, counters)
        return wire.nested(summed, wire.known_names(summed))

    def largest(self, label: str, window_ms: int) -> list[tuple[str, Sums]]:
        """The values of a label with the most results in the window."""
        found = [(value, one) for value, one in self.by(label, window_ms).items() if value != OTHER]
        return sorted(found, key=lambda one: (-one[1].results, one[0]))[:NAMED]


def ratio(part: float, whole: float) -> float | None:
    """A quotient; None of nothing."""
    return part / whole if whole else None


def mean(counters: Mapping[str, Any], total: str, count: str, scale: int = 1) -> float | None:
    """The mean of a counter `total` over a counter `count`, in units of `scale`."""
    return ratio(counters.get(total, 0) / scale, counters.get(count, 0))
