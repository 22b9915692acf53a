"""Counters from the store → S0's AnalyticsMetrics. Pure."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Literal, NamedTuple

from dashboard.bodies.analytics import (
    AnalyticsBody,
    CompletenessBand,
    ContextImpact,
    CostPoint,
    EfficiencyPoint,
    ModelComparison,
    QualityPoint,
    TableFill,
    Trends,
)
from dashboard.live.figures import percent, usd
from events.numbers import NANO_PER_USD, PPM
from metrics.fold.bands import BANDS, BandName, band
from sinks.reading.analytics import Band, Counters, Score, Table

SLICES = 60
"""A trend has at most about so many."""
_STEPS = (10, 60, 300, 900, 3_600, 6 * 3_600, 86_400, 7 * 86_400, 28 * 86_400)


class Stored(NamedTuple):
    """What the store said of the chosen results."""

    models: Mapping[tuple[str, str], Counters]
    scores: Sequence[Score]
    tables: Sequence[Table]
    images: int
    bands: Sequence[Band]
    slices: Mapping[datetime, Counters]


def step_s(width: timedelta) -> int:
    """The width of a trend's slices, in whole seconds."""
    return next((step for step in _STEPS if width.total_seconds() / step <= SLICES), _STEPS[-1])


def analytics_body(time_range: str, start: datetime, end: datetime, step: int, found: Stored) -> AnalyticsBody:
    """S0's AnalyticsMetrics, models with the most results first."""
    return AnalyticsBody(
        time_range=time_range,
        start=start,
        end=end,
        results=sum(group["results"] for group in found.models.values()),
        model_comparison=sorted(
            (_model(model, provider, group) for (model, provider), group in found.models.items()),
            key=lambda row: (-row.results, row.model, row.provider),
        ),
        context_impact=[_impact(score) for score in found.scores],
        table_fill=[_fill(table, found.images) for table in found.tables],
        completeness_distribution=_completeness(found.bands),
        trends=_trends(found.slices, step),
    )


def _model(model: str, provider: str, group: Counters) -> ModelComparison:
    priced, timed = group["results"] - group["unpriced"], group["latency_count"]
    return ModelComparison(
        model=model,
        provider=provider,
        results=group["results"],
        avg_confidence=_confidence(group),
        avg_cost=usd(group["cost_nano_usd"]) / priced if priced else None,
        consensus_agreement_rate=percent(group["consensus_agreed"], group["consensus_asked"]),
        speed=group["latency_ms_sum"] / timed if timed else None,
    )


def _impact(score: Score) -> ContextImpact:
    return ContextImpact(
        context_score=score.context_score,
        band=band(score.context_score),
        avg_confidence=None if score.confidence is None else 100 * score.confidence,
        avg_cost=score.cost_nano_usd / NANO_PER_USD,
        image_count=score.images,
    )


def _fill(table: Table, images: int) -> TableFill:
    return TableFill(
        table_name=table.name,
        records_added=table.records,
        fill_rate=table.records / images if images else None,
        avg_confidence=None if table.confidence is None else 100 * table.confidence,
        value_score=table.value_usd,
    )


def _completeness(bands: Sequence[Band]) -> list[CompletenessBand]:
    """The four bands whether or not a vehicle is in them; `unknown` where one is."""
    found = {band.tier or "unknown": band for band in bands}
    names: list[BandName | Literal["unknown"]] = [name for name, _ in BANDS]
    if "unknown" in found:
        names.append("unknown")
    return [
        CompletenessBand(
            tier=name,
            vehicle_count=found[name].vehicles if name in found else 0,
            avg_processing_cost=found[name].cost_usd if name in found else None,
        )
        for name in names
    ]


def _trends(slices: Mapping[datetime, Counters], step: int) -> Trends:
    cost, quality, efficiency = [], [], []
    for at, group in slices.items():
        images, tokens = group["subjects"], group["input_tokens"] + group["output_tokens"]
        spent = usd(group["cost_nano_usd"])
        cost.append(CostPoint(timestamp=at, cost=spent, avg_cost_per_image=spent / images if images else None))
        quality.append(
            QualityPoint(
                timestamp=at, avg_confidence=_confidence(group), error_rate=percent(group["failed"], group["results"])
            )
        )
        efficiency.append(
            EfficiencyPoint(
                timestamp=at,
                tokens_per_image=tokens / images if images else None,
                cache_hit_rate=percent(group["cache_hits"], group["results"]),
                images=images,
            )
        )
    return Trends(step_seconds=step, cost_trend=cost, quality_trend=quality, efficiency_trend=efficiency)


def _confidence(group: Counters) -> float | None:
    return percent(group["confidence_sum_ppm"], group["confidence_count"] * PPM)
