"""When: what is left of each tier over its rate, tiers in series or side by side as the plan says (DESIGN.md 4.3, ETA).

It is a range that should hold the true end in 80 of 100 cases. How far it reaches follows from how much the rate varied
from minute to minute lately: that makes both the measured rate and what is still to come uncertain. Where it went one
way for a while, it may go on or turn back. On top of it a rate may change for reasons that no past shows.
`benchmarks/eta_backtest.py` holds the range against simulated runs.
"""

import itertools
import math
import statistics
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from events.runs import RunDeclared
from events.snapshots import Eta, Progress, State, TierProgress
from metrics.figures.throughput import ENOUGH_RESULTS, Minutes, Recent
from metrics.fold import buckets
from metrics.fold.counters import FIRST_MS

STALLED_MS = 5 * buckets.MINUTE_MS
Z_80 = 1.2816
"""80 % of a normal distribution lie within so many standard deviations."""
DRIFT = 0.12
"""Relative standard deviation that no variance of the past tells: rates change."""
PLANNED = 0.3
"""That of a pace which is only planned, or another tier's."""
_WIDEST = 0.9
_WIDTH, _FEWEST = 5, 3
"""Minutes that are looked at together; of fewer spans a variance says nothing."""
_TEXTS: dict[State, str] = {
    "warming_up": "warming up",
    "stalled": "stalled",
    "paused": "paused",
    "finished": "finished",
}


class Pace(NamedTuple):
    """`counted` images in `span_s` seconds; `minutes`: images of each whole minute of the last 30, newest first.

    `certain` is False where it is what somebody planned, or another tier's.
    """

    counted: float
    span_s: float
    minutes: Sequence[int] = ()
    certain: bool = True


class Expected(NamedTuple):
    """Seconds, and their standard deviation."""

    seconds: float
    deviation: float


def state(phase: str, left: int | None, results: int, last_event_ms: int | None, as_of_ms: int) -> State:
    """What the run does. Stalled: no result for 5 min while work is known to be left; warming up: below 20 results."""
    if phase == "finished" or left == 0:
        return "finished"
    if phase == "paused":
        return "paused"
    if left and last_event_ms is not None and as_of_ms - last_event_ms > STALLED_MS:
        return "stalled"
    return "warming_up" if results < ENOUGH_RESULTS else "running"


def eta(
    doing: State,
    plan: RunDeclared | None,
    progress: Progress,
    window: Recent,
    whole_run: Recent,
    minutes: Minutes,
    as_of_ms: int,
) -> Eta:
    """The run's end. Only a run that is running has one; of others `text` says why."""
    if doing != "running":
        return Eta(text=_TEXTS[doing])
    expected = _expected(progress, Paces(plan, window, whole_run, minutes, as_of_ms))
    if expected is None:
        return Eta()
    seconds = expected.seconds
    reach = min(_WIDEST * seconds, Z_80 * expected.deviation)
    low, high = seconds - reach, seconds + reach
    return Eta(
        seconds=seconds,
        seconds_low=low,
        seconds_high=high,
        completion=buckets.moment(as_of_ms + round(seconds * 1000)),
        text=text(seconds),
        range_text=f"{text(low)} – {text(high)}",  # noqa: RUF001 - an en dash is what a range takes
    )


def text(seconds: float) -> str:
    """To the nearest minute, as an operator reads it: "47m", "2h 15m", "<1m"."""
    minutes = math.floor(seconds / 60 + 0.5)
    if minutes < 1:
        return "<1m"
    return f"{minutes}m" if minutes < 60 else f"{minutes // 60}h {minutes % 60}m"


def remaining(left: int, paces: Sequence[Pace]) -> Expected | None:
    """Time for `left` images at the first pace that is one; None without any."""
    for pace in paces:
        if pace.counted > 0 and pace.span_s > 0:
            seconds = left * pace.span_s / pace.counted
            spread = math.hypot(DRIFT, noise(pace, seconds)) if pace.certain else PLANNED
            return Expected(seconds, seconds * spread)
    return None


def noise(pace: Pace, seconds: float) -> float:
    """The relative standard deviation of a time to come: of the rate as measured, of the minutes ahead, of a trend."""
    per_minute = pace.counted * 60 / pace.span_s
    variance = _variance(pace.minutes)
    if variance is None:
        variance = 4 * per_minute
    by_chance = variance * (60 / pace.span_s + 60 / max(60.0, seconds))
    return math.sqrt(by_chance + _wander(pace.minutes)) / per_minute


def _variance(minutes: Sequence[int]) -> float | None:
    """Variance of a minute's images, at least that of chance; None of too few.

    Where minutes follow their neighbours, sums of five vary more than five times as much: that counts then.
    """
    found = [
        statistics.variance(counts) / width
        for width, counts in ((1, minutes), (_WIDTH, _sums(minutes)))
        if len(counts) >= _FEWEST
    ]
    return max(*found, statistics.mean(minutes)) if found else None


def _wander(minutes: Sequence[int]) -> float:
    """What the minute's images of five minutes vary more than those of neighbouring five do, squared: a trend's part.

    Half the mean square of successive differences is the variance but for a trend (von Neumann 1941).
    """
    fives = [count / _WIDTH for count in _sums(minutes)]
    if len(fives) < _FEWEST:
        return 0.0
    successive = statistics.mean((one - other) ** 2 for one, other in itertools.pairwise(fives)) / 2
    return max(0.0, statistics.variance(fives) - successive)


def _sums(minutes: Sequence[int]) -> list[int]:
    """Of five minutes each, as many as are whole."""
    return [sum(minutes[at : at + _WIDTH]) for at in range(0, len(minutes) - _WIDTH + 1, _WIDTH)]


class Paces:
    """How fast the run and its tiers go: lately, else so far."""

    def __init__(
        self, plan: RunDeclared | None, window: Recent, whole_run: Recent, minutes: Minutes, as_of_ms: int
    ) -> None:
        self.planned = {tier.tier: tier for tier in (plan.tiers or [] if plan else [])}
        self.parallel = plan is not None and plan.tier_order == "parallel"
        self._spans = (window, whole_run)
        self._minutes = minutes
        self._as_of_ms = as_of_ms

    def of_run(self) -> list[Pace]:
        """The run's paces, the best first."""
        minutes = _whole(self._minutes.run, self._spans[1].span_ms)
        return [_pace(one.counters, one.span_ms, minutes) for one in self._spans]

    def of_tier(self, tier: int) -> list[Pace]:
        """A tier's own pace since it began: lately, else so far, else as planned; else the run's."""
        began_ms = self._spans[1].by_tier.get(tier, {}).get(FIRST_MS)
        since_ms = math.inf if began_ms is None else max(0, self._as_of_ms - began_ms)
        minutes = _whole(self._minutes.by_tier.get(tier, []), min(self._spans[1].span_ms, since_ms))
        paces = [_pace(one.by_tier.get(tier, {}), min(one.span_ms, since_ms), minutes) for one in self._spans]
        planned = self.planned[tier]
        if planned.batch_size and planned.batch_seconds:
            paces.append(Pace(planned.batch_size, planned.batch_seconds, certain=False))
        return paces + [pace._replace(certain=False) for pace in self.of_run()]


def _whole(minutes: Sequence[int], span_ms: float) -> Sequence[int]:
    """Those that lie wholly within a span that ends now."""
    return minutes[: int(span_ms // buckets.MINUTE_MS)]


def _pace(counters: Mapping[str, int], span_ms: float, minutes: Sequence[int]) -> Pace:
    return Pace(counters.get("processed_subjects", 0), span_ms / 1_000, minutes)


def _expected(progress: Progress, paces: Paces) -> Expected | None:
    open_tiers = [tier for tier in progress.tiers if tier.tier in paces.planned and _left(tier)]
    if not open_tiers:
        return None if progress.left is None else remaining(progress.left, paces.of_run())
    found = [remaining(_left(tier), paces.of_tier(tier.tier)) for tier in open_tiers]
    known = [one for one in found if one is not None]
    if len(known) < len(found):
        return None
    if paces.parallel:
        return max(known)
    return Expected(sum(one.seconds for one in known), math.hypot(*(one.deviation for one in known)))


def _left(tier: TierProgress) -> int:
    return 0 if tier.images is None else max(0, tier.images - tier.complete)
