"""The bodies of the HTTP API, camelCase as S0 writes its interfaces ("Core Dashboard Metrics", "Real-Time Monitoring").

Percentages are 0-100, money is dollars, durations are seconds unless the name says `Ms`. null: unknown, or a ratio with
nothing to divide by. Every field that S0 names is there under S0's name; the others are ours.
"""

from datetime import datetime
from typing import Literal

import msgspec

from events.snapshots import State, Velocity

Mark = Literal["red", "yellow", "green", "blue"]
"""S0's marks: act now, look at this, a target is met, good to know."""


class Body(msgspec.Struct, rename="camel", frozen=True, kw_only=True):
    """A JSON object of the API."""


class Current(Body, frozen=True, kw_only=True):
    """Right now: the last 10 minutes, or since the first result if that is younger."""

    images_per_minute: float
    cost_per_minute: float
    active_requests: int
    queue_depth: int
    images_per_minute_60s: float
    images_per_second: float
    images_per_hour: float
    results_per_minute: float
    processors: int
    """How many said so in the last 2 minutes; with 0, nobody knows `activeRequests` and `queueDepth`."""
    capacity: int
    velocity: Velocity | None


class Tier(Body, frozen=True, kw_only=True):
    """A step of the plan; `percent` is of its own planned images."""

    tier: int
    name: str | None
    total: int | None
    complete: int
    failed: int
    percent: float | None
    images_per_minute: float
    requests_per_second: float
    batches: int | None
    batches_complete: int | None
    eta_seconds: float | None


class Progress(Body, frozen=True, kw_only=True):
    """How far and when; `total` is null where no plan was declared."""

    total: int | None
    processed: int
    tier1_complete: int
    tier2_complete: int
    tier3_complete: int
    percent_complete: float | None
    eta: str | None
    eta_range: str | None
    eta_seconds: float | None
    estimated_completion: datetime | None
    remaining: int | None
    failed: int
    failed_percent: float | None
    tiers: list[Tier]


class ModelCost(Body, frozen=True, kw_only=True):
    """A row of "By Model". `images` are the model's results; `unitCost` is over those whose price is known."""

    model: str
    images: int
    unit_cost: float | None
    cost: float
    percent: float
    unpriced: int


class Costs(Body, frozen=True, kw_only=True):
    """Dollars. `projectedTotal` is spent + what each tier still has to do at its own recent price."""

    total_spent: float
    projected_total: float | None
    avg_cost_per_image: float | None
    cost_by_tier: dict[str, float]
    cost_by_model: dict[str, float]
    budget_remaining: float | None
    budget_total: float | None
    budget_spent_percent: float | None
    budget_projected_percent: float | None
    baseline_name: str | None
    baseline_total: float | None
    savings: float | None
    by_model: list[ModelCost]


class Quality(Body, frozen=True, kw_only=True):
    """Percent 0-100."""

    avg_confidence: float | None
    validation_rate: float | None
    consensus_rate: float | None
    error_rate: float | None
    reprocessing_rate: float | None


class Distribution(Body, frozen=True, kw_only=True):
    """Images by the context score of their latest result: rich ≥ 60, good ≥ 30, medium ≥ 10, poor below."""

    rich: int
    good: int
    medium: int
    poor: int


class Efficiency(Body, frozen=True, kw_only=True):
    """What context buys. Model usage is null where the plan calls no model cheap.

    S0 calls the distribution `contextScoreDistribution` in its interface and `contextDistribution` in its endpoint.
    """

    cheap_model_usage: float | None
    expensive_model_usage: float | None
    context_score_distribution: Distribution
    context_distribution: Distribution
    poor_context_percent: float | None
    tokens_per_image: float | None


class Band(Body, frozen=True, kw_only=True):
    """A band of context quality: its images, their share of all scored ones, and what a result there costs."""

    band: str
    images: int
    percent: float
    unit_cost: float | None


class Doubts(Body, frozen=True, kw_only=True):
    """What a reader must know before trusting the figures."""

    unpriced: int
    untimed: int
    duplicates: int
    late_events: int
    clock_skewed_events: int
    after_seal: int
    retries: int
    truncated: list[str]


class Table(Body, frozen=True, kw_only=True):
    """A table that results wrote to: records added, `percent` of all records added, records an image."""

    table: str
    records: int
    percent: float
    per_image: float | None


class Notice(Body, frozen=True):
    """A sentence of ALERTS & RECOMMENDATIONS; `key` names what it is about."""

    key: str
    mark: Mark
    text: str


class DashboardBody(Body, frozen=True, kw_only=True):
    """`GET /api/metrics/dashboard`: S0's DashboardMetrics, with what the page needs beside it."""

    run_id: str
    name: str | None
    strategy: str | None
    state: State
    as_of: datetime
    started_at: datetime | None
    last_event_at: datetime | None
    results: int
    current: Current
    progress: Progress
    costs: Costs
    quality: Quality
    efficiency: Efficiency
    context: list[Band]
    tables: list[Table]
    doubts: Doubts
    notices: list[Notice] = []
    firing: int = 0
    """Alerts that fire and that nobody silenced."""


class RunRow(Body, frozen=True, kw_only=True):
    """A row of `GET /api/runs`. `state` is null where no snapshot was made, `percentComplete` also for stored runs.

    `firing`: alerts of the run that fire and that nobody silenced; 0 for stored runs.
    """

    run_id: str
    name: str | None
    state: State | None
    as_of: datetime | None
    started_at: datetime | None
    percent_complete: float | None
    results: int
    total_spent: float
    firing: int = 0


class Activity(Body, frozen=True, kw_only=True):
    """One result as the feed shows it. `confidence` is percent, `cost` dollars, `result` a few words."""

    timestamp: datetime
    run_id: str
    image_id: str
    short_id: str
    vehicle_id: str | None
    tier: int
    model: str
    status: str
    result: str
    confidence: float | None
    cost: float | None
    context_score: float | None
    questions_answered: int


class RecentError(Body, frozen=True, kw_only=True):
    """A failed result of the feed."""

    timestamp: datetime
    image_id: str
    error: str
    tier: int
    retry_count: int
    resolved: bool


class Performance(Body, frozen=True, kw_only=True):
    """Milliseconds of the run's results (within 1 %); `timeoutRate` in percent."""

    p50_response_time: float | None
    p95_response_time: float | None
    p99_response_time: float | None
    timeout_rate: float | None


class ProviderHealth(Body, frozen=True, kw_only=True):
    """A provider over the run: `ok`, `degraded` (over 5 % failed), `down` (over half) or `unknown`."""

    status: str
    latency: float | None
    error_rate: float | None


class RealtimeBody(Body, frozen=True, kw_only=True):
    """`GET /api/metrics/realtime`: S0's RealtimeMetrics. The feed is a sample, at most 20 results a second."""

    run_id: str
    as_of: datetime
    images_per_minute: float
    results_per_minute: float
    cost_per_minute: float
    recent_activity: list[Activity]
    recent_errors: list[RecentError]
    performance: Performance
    api_health: dict[str, ProviderHealth]


class CostProjection(Body, frozen=True, kw_only=True):
    """`GET /api/metrics/cost-projection`: `breakdown` (tier1, tier2, …, other) adds up to `projectedTotal`."""

    current_spend: float
    projected_total: float | None
    remaining_images: int | None
    estimated_completion: datetime | None
    breakdown: dict[str, float]
