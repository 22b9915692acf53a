"""The last 10 min against the 50 min before: what degradation and spikes are told by (S1, Trend analysis).

Means of the run's own 10 s buckets. An alert asks for a change and for enough of a sample; both counts are there.
"""

import math
from collections.abc import Mapping
from typing import NamedTuple

from events.numbers import PPM
from events.snapshots import Shift
from metrics.fold import buckets
from metrics.fold.counters import add_counters
from metrics.fold.groups import TOTALS
from metrics.registers import RunRegisters

from .throughput import WINDOW_10M_MS

Counters = Mapping[str, int]


class Measure(NamedTuple):
    """A mean: the sum of `amounts` over `of`, all counters; `scale` parts of the unit. A share has a standard error."""

    amounts: tuple[str, ...]
    of: str
    scale: int = 1
    share: bool = False


MEASURES = {
    "error_rate": Measure(("failed",), "results", share=True),
    "cache_hit_rate": Measure(("cache_hits",), "results", share=True),
    # Of the results alone, whose buckets these are: feedback comes hours later and is in totals only.
    "validation_rate": Measure(("validated_receipt", "validated_user", "validated_expert"), "answers", share=True),
    "confidence": Measure(("confidence_sum_ppm",), "confidence_count", PPM),
    "latency_ms": Measure(("latency_ms_sum",), "latency_count"),
    "cost_nano_usd": Measure(("cost_nano_usd",), "results"),
}


def shifts(registers: RunRegisters, as_of_ms: int) -> dict[str, Shift]:
    """Measure → its shift; `score.<name>` for each score of the last hour. Measures without a result are left out."""
    split_ms = as_of_ms - WINDOW_10M_MS
    recent: dict[str, int] = {}
    before: dict[str, int] = {}
    for start_ms, (group, _), counters in registers.bucket_rows(
        buckets.BUCKET_MS, as_of_ms - buckets.HOUR_MS, as_of_ms
    ):
        if group == TOTALS:
            add_counters(recent if start_ms > split_ms else before, counters)
    scores = {
        f"score.{flat[len('scores.') : -len('.count')]}": Measure((f"{flat[: -len('.count')]}.sum_micro",), flat, PPM)
        for flat in sorted(recent.keys() | before.keys())
        if flat.startswith("scores.") and flat.endswith(".count")
    }
    found = {name: shift(measure, recent, before) for name, measure in (MEASURES | scores).items()}
    return {name: one for name, one in found.items() if one.recent_count or one.before_count}


def shift(measure: Measure, recent: Counters, before: Counters) -> Shift:
    """One measure in two spans."""
    now, then = _mean(measure, recent), _mean(measure, before)
    counts = recent.get(measure.of, 0), before.get(measure.of, 0)
    known = now is not None and then is not None
    return Shift(
        recent=now,
        before=then,
        recent_count=counts[0],
        before_count=counts[1],
        change=(now - then) / abs(then) if now is not None and then else None,
        z=_z(measure, recent, before) if known and measure.share else None,
    )


def _mean(measure: Measure, counters: Counters) -> float | None:
    count = counters.get(measure.of, 0)
    return _amount(measure, counters) / count / measure.scale if count else None


def _amount(measure: Measure, counters: Counters) -> int:
    return sum(counters.get(name, 0) for name in measure.amounts)


def _z(measure: Measure, recent: Counters, before: Counters) -> float | None:
    """The two-proportion z statistic with the pooled share; None where all or none are hit."""
    (hits, n), (hits_before, n_before) = ((_amount(measure, c), c[measure.of]) for c in (recent, before))
    pooled = (hits + hits_before) / (n + n_before)
    error = math.sqrt(pooled * (1 - pooled) * (1 / n + 1 / n_before))
    return (hits / n - hits_before / n_before) / error if error else None
