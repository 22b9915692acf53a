"""Signals that compare the window with how the same thing was before it, which is then the reading's reference."""

from collections.abc import Mapping
from typing import Any

from events.numbers import NANO_PER_USD, PPM, nano_usd
from events.snapshots import Shift
from metrics.fold.groups import OTHER

from .look import NAMED, Look, Reading, mean, ratio

ENOUGH_BEFORE = 20
"""Results that a comparison with how it was before needs."""


def quality(look: Look, window_ms: int) -> list[Reading]:
    """S1's quality: confidence, success, validation and every score, against how they were before the window.

    Validation goes by the snapshot's shift, whatever the window: the last 10 min against the 50 before.
    """
    now, run = look.totals(window_ms), look.metrics.totals
    good, all_good = (dict(some) | {"good": some.get("results", 0) - some.get("failed", 0)} for some in (now, run))
    readings = [
        _against_before(now, run, "confidence_sum_ppm", "confidence_count", "confidence", PPM),
        _against_before(good, all_good, "good", "results", "success"),
        _shifted(look.metrics.shifts.get("validation_rate"), "validation"),
    ]
    scores = now.get("scores", {})
    for name, score in sorted(run.get("scores", {}).items(), key=lambda one: (-one[1]["count"], one[0]))[:NAMED]:
        if name != OTHER:
            readings.append(_against_before(scores.get(name, {}), score, "sum_micro", "count", name, PPM))
    return readings


def cost_per_result(look: Look, window_ms: int) -> list[Reading]:
    """What results cost, against what those of the same tiers cost before, or should by the plan."""
    prices = {str(tier.tier): tier.unit_cost_usd for tier in (look.plan.tiers or [] if look.plan else [])}
    spent = expected = results = 0.0
    for tier, found in look.by("tier", window_ms).items():
        run = look.metrics.by_tier.get(tier, {})
        before = run.get("results", 0) - found.results
        usual = ratio(run.get("cost_nano_usd", 0) - found.cost_nano_usd, before)
        if before < ENOUGH_BEFORE or usual is None:
            price = prices.get(tier)
            usual = None if price is None else float(nano_usd(price))
        if usual is not None:
            spent += found.cost_nano_usd
            expected += usual * found.results
            results += found.results
    if not results or expected <= 0:
        return [Reading(None)]
    return [Reading(spent / results / NANO_PER_USD, int(results), expected / results / NANO_PER_USD)]


def model_success(look: Look, window_ms: int) -> list[Reading]:
    """Results that did not fail, by model."""
    readings = []
    for model, now in look.largest("model", window_ms):
        run = look.metrics.by_model.get(model, {})
        before = run.get("results", 0) - now.results
        succeeded = before - (run.get("failed", 0) - now.failed)
        known = before >= ENOUGH_BEFORE and succeeded > 0
        value = ratio(now.results - now.failed, now.results) if known else None
        readings.append(Reading(value, now.results, succeeded / before if known else 1.0, model))
    return readings


def model_latency(look: Look, window_ms: int) -> list[Reading]:
    """Mean latency in ms, by model."""
    readings = []
    for model, now in look.largest("model", window_ms):
        lately = {"latency_ms_sum": now.latency_ms_sum, "latency_count": now.latency_count}
        run = look.metrics.by_model.get(model, {})
        readings.append(_against_before(lately, run, "latency_ms_sum", "latency_count", model))
    return readings


def _against_before(
    now: Mapping[str, Any], run: Mapping[str, Any], total: str, count: str, label: str, scale: int = 1
) -> Reading:
    """A mean in the window, its reference the mean of what came before the window."""
    before = {name: run.get(name, 0) - now.get(name, 0) for name in (total, count)}
    if before[count] < ENOUGH_BEFORE or before[total] <= 0:
        return Reading(None, 0, label=label)
    return Reading(mean(now, total, count, scale), now.get(count, 0), before[total] / scale / before[count], label)


def _shifted(shift: Shift | None, label: str) -> Reading:
    """A shift's recent mean, its reference the mean before."""
    if shift is None or shift.before_count < ENOUGH_BEFORE or not shift.before:
        return Reading(None, 0, label=label)
    return Reading(shift.recent, shift.recent_count, shift.before, label)
