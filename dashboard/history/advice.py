"""What the store says of models, batches, minutes and vehicles → `GET /api/recommendations`. Pure."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from dashboard.bodies.analytics import AdviceBody, RecommendationsBody
from dashboard.live.figures import usd
from events.numbers import NANO_PER_USD
from metrics.fold.bands import BandName, band
from metrics.intelligence.advice import (
    Batch,
    BatchSize,
    Capacity,
    Minute,
    Route,
    best_batch_sizes,
    best_concurrency,
    cheaper_routes,
)
from metrics.intelligence.context import Addition, additions, context_score, promise, request
from metrics.intelligence.models import Calls
from metrics.intelligence.recommendation import Model
from sinks.reading.advice import Documented
from sinks.reading.prices import Prices

NAMED = 50
"""Vehicles that are named one by one, those that save most."""
_MONTHLY = "the calls of these days, asked of the cheaper model instead"
_AGAIN = "asking about the vehicle's images past tier 1 once more, at the better band's price"


class Known(NamedTuple):
    """What the store says; `parts`: vehicle → what is to be seen on its photographs."""

    models: Mapping[str, Mapping[Model, Calls]]
    batches: Sequence[Batch]
    minutes: Sequence[Minute]
    vehicles: Sequence[Documented]
    prices: Prices
    parts: Mapping[str, Sequence[str]]


def recommendations_body(known: Known, run: str | None, days: int) -> RecommendationsBody:
    """Everything worth doing; advice without money comes last."""
    capacity = best_concurrency(known.minutes)
    wanted = list(_documents(known))
    found = [
        *(_route(route) for route in cheaper_routes(known.models)),
        *_together(wanted),
        *(advice for advice, _ in wanted[:NAMED]),
        *_reprocess(known),
        *(_batch_size(size) for size in best_batch_sizes(known.batches)),
        *([] if capacity is None else [_capacity(capacity)]),
    ]
    savings: defaultdict[str, float] = defaultdict(float)
    for advice in (*found, *(advice for advice, _ in wanted[NAMED:])):
        savings[advice.kind] += advice.cost_savings or 0.0
    return RecommendationsBody(
        run=run,
        days=days,
        savings_by_kind={kind: saved for kind, saved in savings.items() if saved},
        prices_by_band={name: usd(nano) for name, nano in known.prices.by_band_nano_usd.items()},
        prices_basis=known.prices.basis,
        recommendations=sorted(found, key=lambda advice: -_worth(advice)),
    )


def _worth(advice: AdviceBody) -> float:
    """Dollars by which it is listed: of advice for many vehicles together what it saves for all of them."""
    together: float | None = advice.evidence.get("costSavings")
    return advice.cost_savings or together or 0.0


def _route(route: Route) -> AdviceBody:
    cost, cheaper_cost = (usd_of(calls.mean_nano_usd) for calls in (route.calls, route.cheaper_calls))
    return AdviceBody(
        kind="routing",
        action=f"Ask {route.cheaper.model} for {route.task_type} instead of {route.model.model}",
        impact=f"${cost:.6g} → ${cheaper_cost:.6g} a call, no worse in success, confidence and satisfaction",
        cost_savings=usd(route.saved_nano_usd),
        savings_basis=_MONTHLY,
        evidence={
            "taskType": route.task_type,
            "model": route.model.model,
            "cheaperModel": route.cheaper.model,
            "calls": route.calls.calls,
            "cheaperCalls": route.cheaper_calls.calls,
            "avgCost": cost,
            "cheaperAvgCost": cheaper_cost,
            "successRate": _percent(route.calls.success_rate),
            "cheaperSuccessRate": _percent(route.cheaper_calls.success_rate),
            "avgConfidence": _percent(route.calls.mean_confidence),
            "cheaperAvgConfidence": _percent(route.cheaper_calls.mean_confidence),
        },
    )


def receipts_for(vehicles: Sequence[Documented], prices_nano_usd: Mapping[BandName, int]) -> list[str]:
    """Vehicles of which a receipt is asked for, among those that are named one by one."""
    named = _best_documents(vehicles, prices_nano_usd)[:NAMED]
    return [vehicle.profile.vehicle_id for vehicle, best in named if best.document == "receipt"]


def _best_documents(
    vehicles: Sequence[Documented], prices_nano_usd: Mapping[BandName, int]
) -> list[tuple[Documented, Addition]]:
    """For each vehicle the document that saves most, the largest saving first."""
    found = []
    for vehicle in vehicles:
        best = next(iter(additions(vehicle.profile, prices_nano_usd)), None)
        if best is not None and best.saved_nano_usd > 0:
            found.append((vehicle, best))
    return sorted(found, key=lambda one: (-one[0].images * one[1].saved_nano_usd, one[0].profile.vehicle_id))


def _documents(known: Known) -> Iterable[tuple[AdviceBody, str]]:
    """The same as advice; beside it the document's name."""
    prices, confidence = known.prices.by_band_nano_usd, known.prices.confidence
    for vehicle, best in _best_documents(known.vehicles, prices):
        asked = request(best.document, best.how_many, known.parts.get(vehicle.profile.vehicle_id, ()))
        advice = AdviceBody(
            kind="context",
            action=f"{asked} {promise(best.score_before, best.score_after, prices, confidence)}",
            impact=f"vehicle {vehicle.profile.vehicle_id}: context score {best.score_before} → {best.score_after} "
            f"({band(best.score_before)} → {band(best.score_after)})",
            cost_savings=usd(vehicle.images * best.saved_nano_usd),
            savings_basis=_AGAIN,
            evidence={
                "vehicleId": vehicle.profile.vehicle_id,
                "document": best.document,
                "count": best.how_many,
                "images": vehicle.images,
                "scoreBefore": best.score_before,
                "scoreAfter": best.score_after,
                "unitCostBefore": usd(prices[band(best.score_before)]),
                "unitCostAfter": usd(prices[band(best.score_after)]),
            },
        )
        yield advice, best.document


def _together(wanted: Sequence[tuple[AdviceBody, str]]) -> Iterable[AdviceBody]:
    """The same by document: "Add SPID photo to 12 vehicles" (S2's prompts to all owners)."""
    by_document: defaultdict[str, list[AdviceBody]] = defaultdict(list)
    for advice, document in wanted:
        by_document[document].append(advice)
    for document, advices in by_document.items():
        if len(advices) == 1:
            continue
        images = sum(advice.evidence["images"] for advice in advices)
        saved = sum(advice.cost_savings or 0.0 for advice in advices)
        yield AdviceBody(
            kind="context",
            action=f"Add {document}s to {len(advices)} vehicles",
            impact=f"moves {images:,} images to a better band and saves ${saved:,.2f} in all; vehicle by vehicle below",
            cost_savings=None,
            savings_basis=None,
            evidence={
                "document": document,
                "vehicles": len(advices),
                "images": images,
                "costSavings": saved,
            },
        )


def _reprocess(known: Known) -> list[AdviceBody]:
    """Vehicles whose profile is in a better band than their images were asked at."""
    prices = known.prices.by_band_nano_usd
    found = []
    for vehicle in known.vehicles:
        score = context_score(vehicle.profile)
        if vehicle.asked_at is None or vehicle.asked_at >= score or band(vehicle.asked_at) == band(score):
            continue
        before, after = prices[band(vehicle.asked_at)], prices[band(score)]
        found.append(
            AdviceBody(
                kind="reprocess",
                action=f"Ask about the {vehicle.images:,} images of vehicle {vehicle.profile.vehicle_id} again",
                impact=f"documented as {band(score)} now, asked as {band(vehicle.asked_at)}: again for "
                f"${usd(vehicle.images * after):.4f}",
                cost_savings=usd(vehicle.images * (before - after)) if before > after else None,
                savings_basis="against what asking them cost at the former band",
                evidence={
                    "vehicleId": vehicle.profile.vehicle_id,
                    "images": vehicle.images,
                    "scoreBefore": vehicle.asked_at,
                    "scoreAfter": score,
                    "cost": usd(vehicle.images * after),
                    "since": vehicle.profile.event_time,
                },
            )
        )
    return sorted(found, key=lambda one: (-(one.cost_savings or 0.0), one.action))[:NAMED]


def _batch_size(found: BatchSize) -> AdviceBody:
    return AdviceBody(
        kind="batch_size",
        action=f"Use batches of {found.best} images for tier {found.tier}",
        impact=f"{found.used_per_minute:.1f} → {found.best_per_minute:.1f} images a minute a batch",
        cost_savings=None,
        savings_basis=None,
        evidence={
            "tier": found.tier,
            "usualSize": found.used,
            "bestSize": found.best,
            "usualImagesPerMinute": found.used_per_minute,
            "bestImagesPerMinute": found.best_per_minute,
            "usualBatches": found.used_batches,
            "bestBatches": found.best_batches,
        },
    )


def _capacity(found: Capacity) -> AdviceBody:
    more = found.best > found.usual
    why = "more results a minute" if more else "as many results a minute with less waiting"
    return AdviceBody(
        kind="capacity",
        action=f"Set the concurrency to {found.best}",
        impact=f"{why}: {found.usual_per_minute:.0f} at {found.usual}, {found.best_per_minute:.0f} at {found.best}",
        cost_savings=None,
        savings_basis=None,
        evidence={
            "usualConcurrency": found.usual,
            "bestConcurrency": found.best,
            "usualResultsPerMinute": found.usual_per_minute,
            "bestResultsPerMinute": found.best_per_minute,
            "usualP95Ms": found.usual_p95_ms,
            "bestP95Ms": found.best_p95_ms,
            "rateLimitHeadroom": _percent(found.headroom),
            "rateLimited": found.limited,
        },
    )


def usd_of(nano: float | None) -> float:
    """Dollars of a mean."""
    return (nano or 0.0) / NANO_PER_USD


def _percent(fraction: float | None) -> float | None:
    return None if fraction is None else 100 * fraction
