"""The bodies of what rests on history: S0's AnalyticsMetrics and vehicle metrics, and recommendations worth money.

Percentages and scores are 0-100, money is dollars. null: unknown, or nothing to divide by.
"""

from datetime import datetime
from typing import Any, Literal

from dashboard.bodies.live import Body
from metrics.fold.bands import BandName


class ModelComparison(Body, frozen=True, kw_only=True):
    """A model; `speed` is ms an image (the mean of the calls that said their time), `avgCost` of those with a price."""

    model: str
    provider: str
    results: int
    avg_confidence: float | None
    avg_cost: float | None
    consensus_agreement_rate: float | None
    speed: float | None


class ContextImpact(Body, frozen=True, kw_only=True):
    """Results asked at one context score (whole points), and on how many images."""

    context_score: int
    band: BandName
    avg_confidence: float | None
    avg_cost: float | None
    image_count: int


class TableFill(Body, frozen=True, kw_only=True):
    """A table; `fillRate` is records an image, `avgConfidence` of the answers that wrote to it.

    `valueScore`: records × the plan's value of one, in dollars; null where no plan says what one is worth.
    """

    table_name: str
    records_added: int
    fill_rate: float | None
    avg_confidence: float | None
    value_score: float | None


class CompletenessBand(Body, frozen=True, kw_only=True):
    """Vehicles by the band of their newest profile (`unknown` without one), all runs."""

    tier: Literal["rich", "good", "medium", "poor", "unknown"]
    vehicle_count: int
    avg_processing_cost: float | None


class CostPoint(Body, frozen=True, kw_only=True):
    """Dollars of a slice of time."""

    timestamp: datetime
    cost: float
    avg_cost_per_image: float | None


class QualityPoint(Body, frozen=True, kw_only=True):
    """Percent 0-100 of a slice's results."""

    timestamp: datetime
    avg_confidence: float | None
    error_rate: float | None


class EfficiencyPoint(Body, frozen=True, kw_only=True):
    """`cacheHitRate` 0-100."""

    timestamp: datetime
    tokens_per_image: float | None
    cache_hit_rate: float | None
    images: int


class Trends(Body, frozen=True, kw_only=True):
    """Slices of `stepSeconds` each, oldest first; a slice without results is left out."""

    step_seconds: int
    cost_trend: list[CostPoint]
    quality_trend: list[QualityPoint]
    efficiency_trend: list[EfficiencyPoint]


class AnalyticsBody(Body, frozen=True, kw_only=True):
    """`GET /api/metrics/analytics?timeRange=`: S0's AnalyticsMetrics of the results of [`from`, `to`)."""

    time_range: str
    start: datetime
    end: datetime
    results: int
    model_comparison: list[ModelComparison]
    context_impact: list[ContextImpact]
    table_fill: list[TableFill]
    completeness_distribution: list[CompletenessBand]
    trends: Trends


class Points(Body, frozen=True, kw_only=True):
    """What one kind of document brings to the context score; `count`: how many there are."""

    count: int
    points: int
    most: int


class Completeness(Body, frozen=True, kw_only=True):
    """Context score of the newest profile, its band, and what makes it up: `spid`, `factoryManual`, `receipts`, …"""

    score: int | None
    tier: BandName | None
    breakdown: dict[str, Points]


class Processing(Body, frozen=True, kw_only=True):
    """Over all runs."""

    total_cost: float
    images_processed: int
    total_images: int
    avg_cost_per_image: float | None
    avg_context_score: float | None
    last_processed_at: datetime | None
    next_suggested_reprocess: datetime | None


class VehicleQuality(Body, frozen=True, kw_only=True):
    """Over all runs."""

    avg_confidence: float | None
    validated_items: int
    consensus_items: int


class Outcomes(Body, frozen=True, kw_only=True):
    """What was found, by the newest result of each image and tier."""

    parts_identified: int
    modifications_found: int
    maintenance_alerts: int
    gaps_identified: int


class VehicleAdvice(Body, frozen=True, kw_only=True):
    """One thing to do; `costSavings`: what asking about all its images once more would cost less, null for nothing."""

    action: str
    impact: str
    cost_savings: float | None
    document: str | None
    count: int | None
    score_before: float | None
    score_after: int | None
    band_before: BandName | None
    band_after: BandName | None


class VehicleBody(Body, frozen=True, kw_only=True):
    """`GET /api/metrics/vehicle/{id}`."""

    vehicle_id: str
    completeness: Completeness
    processing: Processing
    quality: VehicleQuality
    outcomes: Outcomes
    recommendations: list[VehicleAdvice]


class VehicleRow(Body, frozen=True, kw_only=True):
    """A row of `GET /api/metrics/vehicles`."""

    vehicle_id: str
    score: int | None
    tier: BandName | None
    avg_context_score: float | None
    total_images: int
    images_processed: int
    total_cost: float
    avg_confidence: float | None
    gaps_identified: int
    last_processed_at: datetime | None
    next_suggested_reprocess: datetime | None


class VehiclesBody(Body, frozen=True, kw_only=True):
    """`GET /api/metrics/vehicles`: the costliest first; `nextCursor` is null on the last page."""

    vehicles: list[VehicleRow]
    next_cursor: str | None


class AdviceBody(Body, frozen=True, kw_only=True):
    """One recommendation; `evidence` holds the numbers that it rests on.

    `costSavings`: dollars, by what `savingsBasis` says; null where it is not about money.
    """

    kind: Literal["context", "routing", "batch_size", "capacity", "reprocess"]
    action: str
    impact: str
    cost_savings: float | None
    savings_basis: str | None
    evidence: dict[str, Any]


class RecommendationsBody(Body, frozen=True, kw_only=True):
    """`GET /api/recommendations`: the largest saving first. `pricesByBand`: dollars an image past tier 1.

    `savingsByKind` adds up one kind; kinds overlap (a cheaper model and a better document save on the same calls).
    Documents of one vehicle are alternatives, so of each vehicle the best one is named.
    """

    run: str | None
    days: int
    savings_by_kind: dict[str, float]
    prices_by_band: dict[str, float]
    prices_basis: Literal["measured", "list"]
    recommendations: list[AdviceBody]
