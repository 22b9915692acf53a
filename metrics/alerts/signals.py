"""What alert rules look at: each a figure of a run at a moment, with the number of samples that it rests on.

A signal may have a *reference*, and a rule's threshold is then a multiple of it: the plan's price, a promise, or how
the same thing was before the window. Signals of a label (model, provider, score) read at most 20 values of it.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

from events.envelope import epoch_ms
from events.numbers import NANO_PER_USD, PPM, nano_usd
from metrics.fold.groups import TOTALS

from .comparisons import cost_per_result, model_latency, model_success, quality
from .look import NAMED, Look, Reading, mean, ratio


class Signal(NamedTuple):
    """`unit` of the value, `docs`, what a reading's label is a value of (None: there is but one reading), and how.

    `is_relative`: its readings have a reference, of which a rule's threshold is a multiple.
    """

    unit: str
    docs: str
    label: str | None
    read: Callable[[Look, int], list[Reading]]
    is_relative: bool = False


def read(look: Look, signal: str, window_ms: int) -> list[Reading]:
    """A signal's readings, taken once a look."""
    readings = look.readings.get((signal, window_ms))
    if readings is None:
        readings = look.readings[signal, window_ms] = SIGNALS[signal].read(look, window_ms)
    return readings


def _error_rate(look: Look, window_ms: int) -> list[Reading]:
    found = look.totals(window_ms)
    return [Reading(ratio(found.get("failed", 0), found.get("results", 0)), found.get("results", 0))]


def _cost_per_image(look: Look, window_ms: int) -> list[Reading]:
    """Images complete at a planned tier, each against that tier's own price: a later, dearer tier is no surprise."""
    prices = {str(tier.tier): tier.unit_cost_usd for tier in (look.plan.tiers or [] if look.plan else [])}
    spent = planned = images = results = 0.0
    for tier, found in look.by("tier", window_ms).items():
        price = prices.get(tier)
        if price is not None:
            spent += found.cost_nano_usd
            planned += found.processed_subjects * nano_usd(price)
            images += found.processed_subjects
            results += found.results
    if not planned:
        return [Reading(None)]
    return [Reading(spent / images / NANO_PER_USD, int(results), planned / images / NANO_PER_USD)]


def _is_open(look: Look) -> bool:
    """Whether results are to be expected: images are left, and nobody paused or finished the run."""
    return bool(look.metrics.progress.left) and look.registers.lifecycle.phase == "open"


def _seconds_since_result(look: Look, _window_ms: int) -> list[Reading]:
    last_ms = look.registers.last_event_ms
    if last_ms is None or not _is_open(look) or not look.quiet:
        return [Reading(None)]
    return [Reading((look.as_of_ms - last_ms) / 1000)]


def _cheap_model_usage(look: Look, window_ms: int) -> list[Reading]:
    cheap = look.plan.cheap_models if look.plan else None
    if not cheap:
        return [Reading(None)]
    models = look.by("model", window_ms)
    results = look.totals(window_ms).get("results", 0)
    return [Reading(ratio(sum(models[model].results for model in set(cheap) & models.keys()), results), results)]


def _queue_depth(look: Look, _window_ms: int) -> list[Reading]:
    busy = look.metrics.operations
    return [Reading(float(busy.queue_depth) if busy.processors else None)]


def _confidence(look: Look, window_ms: int) -> list[Reading]:
    found = look.totals(window_ms)
    return [Reading(mean(found, "confidence_sum_ppm", "confidence_count", PPM), found.get("confidence_count", 0))]


def _provider_error_rate(look: Look, window_ms: int) -> list[Reading]:
    return [
        Reading(ratio(now.failed, now.results), now.results, label=provider)
        for provider, now in look.largest("provider", window_ms)
    ]


def _availability(look: Look, _window_ms: int) -> list[Reading]:
    run = look.metrics.totals
    minutes = run.get("minutes_with_result", 0)
    return [Reading(ratio(run.get("minutes_with_success", 0), minutes), minutes)]


def _seconds_since_heartbeat(look: Look, _window_ms: int) -> list[Reading]:
    beats = [beat for beat in look.registers.heartbeats.values() if beat.event.state != "stopped"]
    if not beats or not _is_open(look) or not look.quiet:
        return [Reading(None)]
    return [Reading((look.as_of_ms - max(beat.effective_ms for beat in beats)) / 1000)]


def _budget_spent(look: Look, _window_ms: int) -> list[Reading]:
    return [Reading(look.metrics.budget.spent_fraction)]


def _budget_projected(look: Look, _window_ms: int) -> list[Reading]:
    return [Reading(look.metrics.budget.projected_fraction, look.metrics.totals.get("results", 0))]


def _budget_runway(look: Look, window_ms: int) -> list[Reading]:
    """Seconds until nothing of the budget is left, where that is before the run's end."""
    left, until_end_s = look.metrics.budget.remaining_nano_usd, look.metrics.eta.seconds
    found = look.totals(window_ms)
    first_ms = look.registers.first_event_ms
    if left is None or left <= 0 or until_end_s is None or first_ms is None:
        return [Reading(None)]
    span_s = min(window_ms, look.as_of_ms - first_ms) / 1000
    runway_s = ratio(left * span_s, found.get("cost_nano_usd", 0))
    ends_first = runway_s is not None and runway_s < until_end_s
    return [Reading(runway_s if ends_first else math.inf, found.get("results", 0))]


def _sla_latency(look: Look, window_ms: int) -> list[Reading]:
    promised = look.plan.sla.latency_ms if look.plan and look.plan.sla else None
    found = look.totals(window_ms)
    value = None if promised is None else mean(found, "latency_ms_sum", "latency_count")
    return [Reading(value, found.get("latency_count", 0), promised or 0.0)]


def _sla_error_rate(look: Look, window_ms: int) -> list[Reading]:
    promised = look.plan.sla.error_rate if look.plan and look.plan.sla else None
    if promised is None:
        return [Reading(None)]
    return [reading._replace(reference=promised) for reading in read(look, "error_rate", window_ms)]


def _seconds_past_deadline(look: Look, _window_ms: int) -> list[Reading]:
    """How long after its deadline the run ends by its present rate; at least how long it is over already."""
    deadline = look.plan.sla.deadline if look.plan and look.plan.sla else None
    if deadline is None:
        return [Reading(None)]
    end_ms = look.as_of_ms + (look.metrics.eta.seconds or 0.0) * 1000
    return [Reading((end_ms - epoch_ms(deadline)) / 1000)]


def _rate_limit_headroom(look: Look, _window_ms: int) -> list[Reading]:
    limits = list(look.metrics.operations.rate_limits.items())[:NAMED]
    return [Reading(limit.headroom, label=provider) for provider, limit in limits]


def _error_rate_forecast(look: Look, window_ms: int) -> list[Reading]:
    """The error rate one window ahead by the straight line through the window's buckets.

    Weighted least squares. A slope within twice its standard error says nothing: then it is the rate as it is.
    """
    points: dict[int, tuple[int, int]] = {}
    for start_ms, _, found in look.rows(TOTALS, window_ms):
        failed, results = points.get(start_ms, (0, 0))
        points[start_ms] = failed + found.get("failed", 0), results + found.get("results", 0)
    counted = [(start_ms, failed, results) for start_ms, (failed, results) in points.items() if results]
    samples = sum(results for _, _, results in counted)
    rate = ratio(sum(failed for _, failed, _ in counted), samples)
    if rate is None or len(counted) < 3:
        return [Reading(None)]
    middle = sum(start_ms * results for start_ms, _, results in counted) / samples
    spread = sum(results * (start_ms - middle) ** 2 for start_ms, _, results in counted)
    slope = sum(failed * (start_ms - middle) for start_ms, failed, _ in counted) / spread if spread else 0.0
    error = math.sqrt(rate * (1 - rate) / spread) if spread else math.inf
    ahead = slope * (look.as_of_ms + window_ms - middle) if slope > 2 * error else 0.0
    return [Reading(min(1.0, rate + ahead), samples)]


SIGNALS: dict[str, Signal] = {
    "error_rate": Signal("fraction", "failed results / results", None, _error_rate),
    "cost_per_image": Signal(
        "usd",
        "cost / images, compared with the plan's price of the same tiers",
        None,
        _cost_per_image,
        is_relative=True,
    ),
    "seconds_since_result": Signal(
        "s", "time since the last result, while images are left", None, _seconds_since_result
    ),
    "cheap_model_usage": Signal("fraction", "results of the plan's cheap models / results", None, _cheap_model_usage),
    "queue_depth": Signal("count", "images waiting at all processors", None, _queue_depth),
    "confidence": Signal("fraction", "mean confidence", None, _confidence),
    "quality": Signal(
        "score",
        "confidence, success, validation and each score, compared with before the window",
        "score",
        quality,
        is_relative=True,
    ),
    "cost_per_result": Signal(
        "usd", "cost / results, compared with before the window, tier by tier", None, cost_per_result, is_relative=True
    ),
    "model_success": Signal(
        "fraction",
        "results that did not fail / results, compared with before the window",
        "model",
        model_success,
        is_relative=True,
    ),
    "model_latency_ms": Signal(
        "ms", "mean latency, compared with before the window", "model", model_latency, is_relative=True
    ),
    "provider_error_rate": Signal("fraction", "failed results / results", "provider", _provider_error_rate),
    "availability": Signal(
        "fraction", "minutes with a success / minutes with a result, last 24 h", None, _availability
    ),
    "seconds_since_heartbeat": Signal(
        "s", "time since the last heartbeat of any processor, while images are left", None, _seconds_since_heartbeat
    ),
    "budget_spent": Signal("fraction", "spent / budget", None, _budget_spent),
    "budget_projected": Signal("fraction", "projected cost / budget", None, _budget_projected),
    "budget_runway_s": Signal(
        "s", "time until the budget is used up, where that is before the run ends", None, _budget_runway
    ),
    "sla_latency_ms": Signal(
        "ms", "mean latency, compared with the latency that the plan promises", None, _sla_latency, is_relative=True
    ),
    "sla_error_rate": Signal(
        "fraction",
        "failed results / results, compared with the error rate that the plan promises",
        None,
        _sla_error_rate,
        is_relative=True,
    ),
    "seconds_past_deadline": Signal(
        "s", "time from the deadline to the expected end of the run", None, _seconds_past_deadline
    ),
    "rate_limit_headroom": Signal(
        "fraction", "requests left / the provider's rate limit", "provider", _rate_limit_headroom
    ),
    "error_rate_forecast": Signal(
        "fraction", "the error rate that its trend leads to, one window ahead", None, _error_rate_forecast
    ),
}
