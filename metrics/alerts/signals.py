"""What alert rules look at: each a figure of a run at a moment, with the number of samples that it rests on.

A signal may have a *reference*, and a rule's threshold is then a multiple of it: the plan's price, a promise, or how
the same thing was before the window. Signals of a label (model, provider, score) read at most 20 values of it.
"""

import math
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from events.envelope import epoch_ms
from events.numbers import nano_usd
from events.snapshots import RunMetrics, Shift
from metrics.fold import buckets, wire
from metrics.fold.counters import add_counters
from metrics.fold.groups import OTHER, TOTALS
from metrics.registers import RunRegisters

NAMED = 20
"""Values of a label that a rule looks at: those with the most results in the window, then by name."""
ENOUGH_BEFORE = 20
"""Results that a comparison with how it was before needs."""
_NANO, _PPM, _MICRO = 1e9, 1e6, 1e6


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
    last result known is not the last there is.
    """

    def __init__(self, registers: RunRegisters, metrics: RunMetrics, as_of_ms: int, *, quiet: bool) -> None:
        self.registers = registers
        self.metrics = metrics
        self.as_of_ms = as_of_ms
        self.quiet = quiet
        self.plan = registers.lifecycle.plan
        self._rows: dict[int, dict[str, list[_Row]]] = {}
        self._windows: dict[tuple[int, str], dict[str, Sums]] = {}
        self._readings: dict[tuple[str, int], list[Reading]] = {}

    def read(self, signal: str, window_ms: int) -> list[Reading]:
        """A signal's readings, taken once."""
        readings = self._readings.get((signal, window_ms))
        if readings is None:
            readings = self._readings[signal, window_ms] = SIGNALS[signal].read(self, window_ms)
        return readings

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


class Signal(NamedTuple):
    """`unit` of the value, `docs`, what a reading's label is a value of (None: there is but one reading), and how."""

    unit: str
    docs: str
    label: str | None
    read: Callable[[Look, int], list[Reading]]


def _ratio(part: float, whole: float) -> float | None:
    return part / whole if whole else None


def _error_rate(look: Look, window_ms: int) -> list[Reading]:
    found = look.totals(window_ms)
    return [Reading(_ratio(found.get("failed", 0), found.get("results", 0)), found.get("results", 0))]


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
    if not images or not planned:
        return [Reading(None)]
    return [Reading(spent / images / _NANO, int(results), planned / images / _NANO)]


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
    return [Reading(_ratio(sum(models[model].results for model in set(cheap) & models.keys()), results), results)]


def _queue_depth(look: Look, _window_ms: int) -> list[Reading]:
    busy = look.metrics.operations
    return [Reading(float(busy.queue_depth) if busy.processors else None)]


def _mean(counters: Mapping[str, Any], total: str, count: str, scale: float = 1.0) -> float | None:
    return _ratio(counters.get(total, 0) / scale, counters.get(count, 0))


def _confidence(look: Look, window_ms: int) -> list[Reading]:
    found = look.totals(window_ms)
    return [Reading(_mean(found, "confidence_sum_ppm", "confidence_count", _PPM), found.get("confidence_count", 0))]


def _quality(look: Look, window_ms: int) -> list[Reading]:
    """S1's quality: confidence, success, validation and every score, against how they were before the window.

    Validation goes by the snapshot's shift, whatever the window: the last 10 min against the 50 before.
    """
    now, run = look.totals(window_ms), look.metrics.totals
    good, all_good = (dict(some) | {"good": some.get("results", 0) - some.get("failed", 0)} for some in (now, run))
    readings = [
        _against_before(now, run, "confidence_sum_ppm", "confidence_count", "confidence", _PPM),
        _against_before(good, all_good, "good", "results", "success"),
        _shifted(look.metrics.shifts.get("validation_rate"), "validation"),
    ]
    scores = now.get("scores", {})
    for name, score in sorted(run.get("scores", {}).items(), key=lambda one: (-one[1]["count"], one[0]))[:NAMED]:
        if name != OTHER:
            readings.append(_against_before(scores.get(name, {}), score, "sum_micro", "count", name, _MICRO))
    return readings


def _against_before(
    now: Mapping[str, Any], run: Mapping[str, Any], total: str, count: str, label: str, scale: float = 1.0
) -> Reading:
    """A mean in the window, its reference the mean of what came before the window."""
    before = {name: run.get(name, 0) - now.get(name, 0) for name in (total, count)}
    if before[count] < ENOUGH_BEFORE or before[total] <= 0:
        return Reading(None, 0, label=label)
    return Reading(_mean(now, total, count, scale), now.get(count, 0), before[total] / scale / before[count], label)


def _shifted(shift: Shift | None, label: str) -> Reading:
    """A shift's recent mean, its reference the mean before."""
    if shift is None or shift.before_count < ENOUGH_BEFORE or not shift.before:
        return Reading(None, 0, label=label)
    return Reading(shift.recent, shift.recent_count, shift.before, label)


def _cost_per_result(look: Look, window_ms: int) -> list[Reading]:
    """What results cost, against what those of the same tiers cost before, or should by the plan."""
    prices = {str(tier.tier): tier.unit_cost_usd for tier in (look.plan.tiers or [] if look.plan else [])}
    spent = expected = results = 0.0
    for tier, found in look.by("tier", window_ms).items():
        run = look.metrics.by_tier.get(tier, {})
        before = run.get("results", 0) - found.results
        usual = _ratio(run.get("cost_nano_usd", 0) - found.cost_nano_usd, before)
        if before < ENOUGH_BEFORE or usual is None:
            price = prices.get(tier)
            usual = None if price is None else float(nano_usd(price))
        if usual is not None:
            spent += found.cost_nano_usd
            expected += usual * found.results
            results += found.results
    if not results or expected <= 0:
        return [Reading(None)]
    return [Reading(spent / results / _NANO, int(results), expected / results / _NANO)]


def _model_success(look: Look, window_ms: int) -> list[Reading]:
    readings = []
    for model, now in look.largest("model", window_ms):
        run = look.metrics.by_model.get(model, {})
        before = run.get("results", 0) - now.results
        succeeded = before - (run.get("failed", 0) - now.failed)
        known = before >= ENOUGH_BEFORE and succeeded > 0
        value = _ratio(now.results - now.failed, now.results) if known else None
        readings.append(Reading(value, now.results, succeeded / before if known else 1.0, model))
    return readings


def _model_latency(look: Look, window_ms: int) -> list[Reading]:
    readings = []
    for model, now in look.largest("model", window_ms):
        lately = {"latency_ms_sum": now.latency_ms_sum, "latency_count": now.latency_count}
        run = look.metrics.by_model.get(model, {})
        readings.append(_against_before(lately, run, "latency_ms_sum", "latency_count", model))
    return readings


def _provider_error_rate(look: Look, window_ms: int) -> list[Reading]:
    return [
        Reading(_ratio(now.failed, now.results), now.results, label=provider)
        for provider, now in look.largest("provider", window_ms)
    ]


def _availability(look: Look, _window_ms: int) -> list[Reading]:
    run = look.metrics.totals
    minutes = run.get("minutes_with_result", 0)
    return [Reading(_ratio(run.get("minutes_with_success", 0), minutes), minutes)]


def _seconds_since_heartbeat(look: Look, _window_ms: int) -> list[Reading]:
    beats = [beat for beat in look.registers.heartbeats.values() if beat.event.state != "stopped"]
    if not beats or not _is_open(look) or not look.quiet:
        return [Reading(None)]
    return [Reading((look.as_of_ms - max(beat.effective_ms for beat in beats)) / 1000)]


def _budget_spent(look: Look, _window_ms: int) -> list[Reading]:
    return [Reading(look.metrics.budget.spent_fraction)]


def _budget_projected(look: Look, _window_ms: int) -> list[Reading]:
    projected, allocated = look.metrics.projection.projected_nano_usd, look.metrics.budget.allocated_nano_usd
    value = None if projected is None or not allocated else projected / allocated
    return [Reading(value, look.metrics.totals.get("results", 0))]


def _budget_runway(look: Look, window_ms: int) -> list[Reading]:
    """Seconds until nothing of the budget is left, where that is before the run's end."""
    left, until_end_s = look.metrics.budget.remaining_nano_usd, look.metrics.eta.seconds
    found = look.totals(window_ms)
    first_ms = look.registers.first_event_ms
    if left is None or left <= 0 or until_end_s is None or first_ms is None:
        return [Reading(None)]
    span_s = min(window_ms, look.as_of_ms - first_ms) / 1000
    runway_s = _ratio(left * span_s, found.get("cost_nano_usd", 0))
    ends_first = runway_s is not None and runway_s < until_end_s
    return [Reading(runway_s if ends_first else math.inf, found.get("results", 0))]


def _sla_latency(look: Look, window_ms: int) -> list[Reading]:
    promised = look.plan.sla.latency_ms if look.plan and look.plan.sla else None
    found = look.totals(window_ms)
    value = None if promised is None else _mean(found, "latency_ms_sum", "latency_count")
    return [Reading(value, found.get("latency_count", 0), promised or 0.0)]


def _sla_error_rate(look: Look, window_ms: int) -> list[Reading]:
    promised = look.plan.sla.error_rate if look.plan and look.plan.sla else None
    if promised is None:
        return [Reading(None)]
    return [reading._replace(reference=promised) for reading in look.read("error_rate", window_ms)]


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
    rate = _ratio(sum(failed for _, failed, _ in counted), samples)
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
    "cost_per_image": Signal("usd", "of the plan's price of the same tiers: cost / images", None, _cost_per_image),
    "seconds_since_result": Signal("s", "since the last result, while images are left", None, _seconds_since_result),
    "cheap_model_usage": Signal("fraction", "results of the plan's cheap models", None, _cheap_model_usage),
    "queue_depth": Signal("count", "images that wait, of all processors", None, _queue_depth),
    "confidence": Signal("fraction", "mean confidence", None, _confidence),
    "quality": Signal("score", "of what it was before: confidence, success, validation, scores", "score", _quality),
    "cost_per_result": Signal("usd", "of what it was before, by tier: cost / results", None, _cost_per_result),
    "model_success": Signal("fraction", "of what it was before: results not failed", "model", _model_success),
    "model_latency_ms": Signal("ms", "of what it was before: mean latency", "model", _model_latency),
    "provider_error_rate": Signal("fraction", "failed results / results", "provider", _provider_error_rate),
    "availability": Signal("fraction", "minutes with a success / minutes with a result, 24 h", None, _availability),
    "seconds_since_heartbeat": Signal(
        "s", "since any processor's, while images are left", None, _seconds_since_heartbeat
    ),
    "budget_spent": Signal("fraction", "spent / budget", None, _budget_spent),
    "budget_projected": Signal("fraction", "projected cost / budget", None, _budget_projected),
    "budget_runway_s": Signal("s", "until the budget ends, if before the run does", None, _budget_runway),
    "sla_latency_ms": Signal("ms", "of the promised latency: mean latency", None, _sla_latency),
    "sla_error_rate": Signal("fraction", "of the promised error rate: failed / results", None, _sla_error_rate),
    "seconds_past_deadline": Signal("s", "from the promised end to the expected one", None, _seconds_past_deadline),
    "rate_limit_headroom": Signal("fraction", "what is left of the limit", "provider", _rate_limit_headroom),
    "error_rate_forecast": Signal(
        "fraction", "the error rate one window ahead, by its trend", None, _error_rate_forecast
    ),
}
