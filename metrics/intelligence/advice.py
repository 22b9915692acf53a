"""What is worth doing: cheaper models, a better batch size, the right concurrency (S0, Predictive metrics). Pure.

Each piece of advice carries the numbers that it rests on; too few of them give none.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from statistics import fmean, median
from typing import NamedTuple

from metrics.intelligence.models import Calls
from metrics.intelligence.recommendation import Model

FEWEST_TO_REROUTE = 20
"""Calls of a model for a task before money follows it."""
WORSE_POINTS = 2.0 + 1e-9
"""A cheaper model may be two percentage points worse in success, confidence and satisfaction (rounding apart)."""
FEWEST_RATINGS = 5
FEWEST_BATCHES, FEWEST_MINUTES = 3, 3
WORTH_RATE = 1.05
"""A rate that is so much higher is worth changing something for."""
LITTLE_HEADROOM = 0.1
"""Below this share of a provider's rate limit no more is asked of it."""


class Route(NamedTuple):
    """A task's calls that a cheaper model would do as well; `saved_nano_usd` over the calls as they were."""

    task_type: str
    model: Model
    cheaper: Model
    calls: Calls
    cheaper_calls: Calls
    saved_nano_usd: int


def cheaper_routes(tasks: Mapping[str, Mapping[Model, Calls]]) -> list[Route]:
    """For each task and model the cheapest other one that is no worse, the largest saving first."""
    found = [route for task, models in tasks.items() for route in _routes(task, models)]
    return sorted(found, key=lambda route: (-route.saved_nano_usd, route.task_type, route.model))


def _routes(task: str, models: Mapping[Model, Calls]) -> Iterable[Route]:
    known = {model: calls for model, calls in models.items() if calls.priced >= FEWEST_TO_REROUTE}
    by_cost = sorted(known, key=lambda model: (known[model].mean_nano_usd or 0.0, model))
    for model, calls in known.items():
        cheaper = next((other for other in by_cost if other != model and no_worse(known[other], calls)), None)
        if cheaper is None:
            continue
        saved = calls.priced * ((calls.mean_nano_usd or 0.0) - (known[cheaper].mean_nano_usd or 0.0))
        if saved >= 1:
            yield Route(task, model, cheaper, calls, known[cheaper], round(saved))


def no_worse(one: Calls, other: Calls) -> bool:
    """In success, and in confidence and satisfaction where both are known, but for WORSE_POINTS."""
    pairs = [(one.success_rate, other.success_rate), (one.mean_confidence, other.mean_confidence)]
    if min(one.ratings, other.ratings) >= FEWEST_RATINGS:
        pairs.append((one.satisfaction_rate, other.satisfaction_rate))
    return all(a is None or b is None or 100 * (b - a) <= WORSE_POINTS for a, b in pairs)


class Batch(NamedTuple):
    """A batch of a tier as it went: images, and the seconds from its first call's begin to its last result."""

    tier: int
    images: int
    seconds: float


class BatchSize(NamedTuple):
    """The size with the most images a minute against the one that is used most."""

    tier: int
    used: int
    best: int
    used_per_minute: float
    best_per_minute: float
    used_batches: int
    best_batches: int


def best_batch_sizes(batches: Iterable[Batch]) -> list[BatchSize]:
    """For each tier that was run in several sizes, where another one than the usual was faster (S0.50)."""
    tiers: defaultdict[int, defaultdict[int, list[Batch]]] = defaultdict(lambda: defaultdict(list))
    for batch in batches:
        if batch.images > 0 and batch.seconds > 0:
            tiers[batch.tier][batch.images].append(batch)
    found = []
    for tier, sizes in sorted(tiers.items()):
        measured = {size: some for size, some in sizes.items() if len(some) >= FEWEST_BATCHES}
        if len(measured) < 2:
            continue
        rates = {size: 60 * size * len(some) / sum(b.seconds for b in some) for size, some in measured.items()}
        used = max(measured, key=lambda size: (len(measured[size]), -size))
        best = max(rates, key=lambda size: (rates[size], -size))
        if rates[best] >= WORTH_RATE * rates[used]:
            counts = len(measured[used]), len(measured[best])
            found.append(BatchSize(tier, used, best, rates[used], rates[best], *counts))
    return found


class Minute(NamedTuple):
    """A minute of a run: requests under way, results a minute, latency, and the share of the rate limit left."""

    active: int
    results_per_minute: float
    p95_ms: float | None
    headroom: float | None


class Capacity(NamedTuple):
    """The least concurrency that gives (nearly) the most results, against what is usual.

    `limited`: the provider's rate limit, not our concurrency, holds the rate down.
    """

    usual: int
    best: int
    usual_per_minute: float
    best_per_minute: float
    usual_p95_ms: float | None
    best_p95_ms: float | None
    headroom: float | None
    limited: bool


def best_concurrency(minutes: Iterable[Minute]) -> Capacity | None:
    """From minutes at different concurrency: throughput against latency and rate limit (S0.49).

    None where fewer than two levels were held for FEWEST_MINUTES, or nothing is to be gained.
    """
    levels: defaultdict[int, list[Minute]] = defaultdict(list)
    for minute in minutes:
        if minute.active > 0:
            levels[minute.active].append(minute)
    held = {active: some for active, some in levels.items() if len(some) >= FEWEST_MINUTES}
    if len(held) < 2:
        return None
    rates = {active: fmean(m.results_per_minute for m in some) for active, some in held.items()}
    most = max(rates.values())
    best = min(active for active, rate in rates.items() if rate * WORTH_RATE >= most)
    usual = max(held, key=lambda active: (len(held[active]), active))
    headrooms = [m.headroom for m in held[max(held)] if m.headroom is not None]
    headroom = median(headrooms) if headrooms else None
    limited = headroom is not None and headroom < LITTLE_HEADROOM
    if not (best < usual if limited else best != usual):
        return None
    return Capacity(usual, best, rates[usual], rates[best], _p95(held[usual]), _p95(held[best]), headroom, limited)


def _p95(minutes: Iterable[Minute]) -> float | None:
    known = [minute.p95_ms for minute in minutes if minute.p95_ms is not None]
    return median(known) if known else None
