"""When: what is left of each tier over its rate, tiers in series or side by side as the plan says (DESIGN.md 4.3, ETA).

It is a range: n images counted in a window tell a rate within 1.96 / √n of itself (Poisson, 95 %), at most one half.
"""

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from events.runs import RunDeclared, TierPlan
from events.snapshots import Eta, Progress, State, TierProgress

from . import buckets
from .throughput import ENOUGH_RESULTS, Recent

STALLED_MS = 5 * buckets.MINUTE_MS
_WIDEST = 0.5
_TEXTS: dict[State, str] = {
    "warming_up": "warming up",
    "stalled": "stalled",
    "paused": "paused",
    "finished": "finished",
}


class Pace(NamedTuple):
    """Images done, and the time they took: `counted` images in `span_s` seconds."""

    counted: float
    span_s: float
    certain: bool = True
    """False where it is what somebody planned, or another tier's."""


class Range(NamedTuple):
    """Seconds: the middle, and what they may be as well."""

    seconds: float
    low: float
    high: float


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
    doing: State, plan: RunDeclared | None, progress: Progress, window: Recent, whole_run: Recent, as_of_ms: int
) -> Eta:
    """The run's end. Only a run that is running has one; of others `text` says why."""
    if doing != "running":
        return Eta(text=_TEXTS[doing])
    expected = _expected(plan, progress, window, whole_run)
    if expected is None:
        return Eta()
    return Eta(
        seconds=expected.seconds,
        seconds_low=expected.low,
        seconds_high=expected.high,
        completion=buckets.moment(as_of_ms + round(expected.seconds * 1000)),
        text=text(expected.seconds),
        range_text=f"{text(expected.low)} – {text(expected.high)}",  # noqa: RUF001 - an en dash is what a range takes
    )


def text(seconds: float) -> str:
    """To the nearest minute, as an operator reads it: "47m", "2h 15m", "<1m"."""
    minutes = math.floor(seconds / 60 + 0.5)
    if minutes < 1:
        return "<1m"
    return f"{minutes}m" if minutes < 60 else f"{minutes // 60}h {minutes % 60}m"


def remaining(left: int, paces: Sequence[Pace]) -> Range | None:
    """Time for `left` images at the first pace that is one; None without any."""
    for counted, span_s, certain in paces:
        if counted > 0 and span_s > 0:
            seconds = left * span_s / counted
            spread = min(_WIDEST, 1.96 / math.sqrt(counted)) if certain else _WIDEST
            return Range(seconds, seconds * (1 - spread), seconds * (1 + spread))
    return None


def _expected(plan: RunDeclared | None, progress: Progress, window: Recent, whole_run: Recent) -> Range | None:
    overall = _paces(window.counters, whole_run.counters, window, whole_run)
    planned = {tier.tier: tier for tier in (plan.tiers or [] if plan else [])}
    ranges = [
        remaining(tier.images - tier.complete, _tier_paces(tier, planned[tier.tier], overall, window, whole_run))
        for tier in progress.tiers
        if tier.tier in planned and tier.images is not None and tier.images > tier.complete
    ]
    if not ranges:
        return None if progress.left is None else remaining(progress.left, overall)
    known = [range_ for range_ in ranges if range_ is not None]
    if len(known) < len(ranges):
        return None
    if plan is not None and plan.tier_order == "parallel":
        return Range(*(max(bounds) for bounds in zip(*known, strict=True)))
    return Range(*(sum(bounds) for bounds in zip(*known, strict=True)))


def _tier_paces(
    tier: TierProgress, planned: TierPlan, overall: list[Pace], window: Recent, whole_run: Recent
) -> list[Pace]:
    """A tier's own pace: lately, else so far, else as planned; else the run's."""
    paces = _paces(window.by_tier.get(tier.tier, {}), whole_run.by_tier.get(tier.tier, {}), window, whole_run)
    if planned.batch_size and planned.batch_seconds:
        paces.append(Pace(planned.batch_size, planned.batch_seconds, certain=False))
    return paces + [pace._replace(certain=False) for pace in overall]


def _paces(lately: Mapping[str, int], so_far: Mapping[str, int], window: Recent, whole_run: Recent) -> list[Pace]:
    return [
        Pace(lately.get("processed_subjects", 0), window.span_ms / 1000),
        Pace(so_far.get("processed_subjects", 0), whole_run.span_ms / 1000),
    ]
