"""How fast: the counters of the last 60 s and 10 min, the rates that follow, and whether they go up or down.

A window is the 10 s buckets whose start lies after `as_of` − window, the current one included. Its span is the time
from the start of the first such bucket to `as_of`, or from the run's first event if that is later (DESIGN.md 4.3).
"""

from typing import NamedTuple

from events.snapshots import Day, Velocity
from metrics.fold import buckets
from metrics.fold.counters import add_counters
from metrics.fold.groups import TOTALS
from metrics.registers import RunRegisters

WINDOW_60S_MS = 60_000
WINDOW_10M_MS = 600_000
MINUTES = 30
"""So far back goes what the variance of a rate is told by."""
ENOUGH_RESULTS = 20
"""Below that many results a trend or an ETA says nothing."""
_OF_DAY = ("results", "failed", "processed_subjects", "cost_nano_usd")
_STEADY = 0.1
_FEWEST_BUCKETS = 6


class Recent(NamedTuple):
    """Counters of a window: of the run, and of each tier. `span_ms` is the time that they took, 0 before any."""

    span_ms: int
    counters: dict[str, int]
    by_tier: dict[int, dict[str, int]]

    def per_minute(self, amount: int) -> float:
        """An amount of this window as a rate."""
        return amount * buckets.MINUTE_MS / self.span_ms if self.span_ms > 0 else 0.0


def recent(registers: RunRegisters, as_of_ms: int, window_ms: int) -> Recent:
    """The run's counters in the window that ends at `as_of`."""
    after_ms = as_of_ms - window_ms
    totals: dict[str, int] = {}
    by_tier: dict[int, dict[str, int]] = {}
    for _, (group, value), counters in registers.bucket_rows(buckets.BUCKET_MS, after_ms, as_of_ms):
        if group == TOTALS:
            add_counters(totals, counters)
        elif group == "tier":
            add_counters(by_tier.setdefault(int(value), {}), counters)
    start_ms = _first_start(after_ms)
    if registers.first_event_ms is not None:
        start_ms = max(start_ms, registers.first_event_ms)
    return Recent(max(0, as_of_ms - start_ms), totals, by_tier)


class Minutes(NamedTuple):
    """Images that became processed in each whole minute that ends at `as_of`, newest first; half an hour at most."""

    run: list[int]
    by_tier: dict[int, list[int]]


def minutes(registers: RunRegisters, as_of_ms: int) -> Minutes:
    """Minute by minute, from 10 s buckets: the last one ends with the bucket before the current one."""
    end_ms = buckets.bucket_start(as_of_ms, buckets.BUCKET_MS)
    run = [0] * MINUTES
    by_tier: dict[int, list[int]] = {}
    after_ms = end_ms - MINUTES * buckets.MINUTE_MS - 1
    for start_ms, (group, value), counters in registers.bucket_rows(buckets.BUCKET_MS, after_ms, end_ms - 1):
        if group == TOTALS:
            counts = run
        elif group == "tier":
            counts = by_tier.setdefault(int(value), [0] * MINUTES)
        else:
            continue
        counts[(end_ms - 1 - start_ms) // buckets.MINUTE_MS] += counters.get("processed_subjects", 0)
    return Minutes(run, by_tier)


def velocity(registers: RunRegisters, as_of_ms: int) -> Velocity | None:
    """The slope of results per bucket over the last 10 min, in words: steady within ± 10 % of the mean over the window.

    Least squares over whole buckets since the run began; None with fewer than 6 of them or 20 results.
    """
    first_ms = _first_start(as_of_ms - WINDOW_10M_MS)
    if registers.first_event_ms is not None:
        first_ms = max(first_ms, buckets.bucket_start(registers.first_event_ms, buckets.BUCKET_MS))
    count = (as_of_ms - first_ms) // buckets.BUCKET_MS
    if count < _FEWEST_BUCKETS:
        return None
    results = [0] * count
    for bucket_ms, (group, _), counters in registers.bucket_rows(buckets.BUCKET_MS, first_ms - 1, as_of_ms):
        nth = (bucket_ms - first_ms) // buckets.BUCKET_MS
        if group == TOTALS and nth < count:
            results[nth] += counters.get("results", 0)
    total = sum(results)
    if total < ENOUGH_RESULTS:
        return None
    middle = (count - 1) / 2
    slope = sum((nth - middle) * n for nth, n in enumerate(results)) / sum((nth - middle) ** 2 for nth in range(count))
    change = slope * (count - 1) / (total / count)
    return "steady" if abs(change) <= _STEADY else "up" if change > 0 else "down"


def last_day(registers: RunRegisters, as_of_ms: int) -> tuple[Day, dict[str, int]]:
    """The last 24 h, and `minutes_with_result` and `minutes_with_success` of them: buckets of whole minutes."""
    after_ms = as_of_ms - buckets.DAY_MS
    sums = dict.fromkeys(_OF_DAY, 0)
    with_result, with_success = set(), set()
    for minute_ms, (group, _), counters in registers.bucket_rows(buckets.MINUTE_MS, after_ms, as_of_ms):
        if group == TOTALS:
            with_result.add(minute_ms)
            if counters.get("success"):
                with_success.add(minute_ms)
            for name in _OF_DAY:
                sums[name] += counters.get(name, 0)
    start_ms = buckets.bucket_start(after_ms, buckets.MINUTE_MS) + buckets.MINUTE_MS
    if registers.first_event_ms is not None:
        start_ms = max(start_ms, registers.first_event_ms)
    minutes = {"minutes_with_result": len(with_result), "minutes_with_success": len(with_success)}
    return Day(span_ms=max(0, as_of_ms - start_ms), **sums), minutes


def _first_start(after_ms: int) -> int:
    """The first bucket start after a moment."""
    return buckets.bucket_start(after_ms, buckets.BUCKET_MS) + buckets.BUCKET_MS
