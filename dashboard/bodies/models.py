"""The bodies of S4's endpoints: how the models do, which one to take, feedback, experiments.

Rates and scores are 0-100, times are milliseconds, money is dollars. null: unknown, or nothing to divide by.
"""

from datetime import date
from typing import Any, Literal

from dashboard.bodies.live import Body

Basis = Literal["history", "rules"]


class CallFigures(Body, frozen=True, kw_only=True):
    """What is known of some calls (S4, Metrics & Scoring).

    `confidence`: how sure the quality score is; `avgConfidence`: how sure the models said they were.
    """

    total_calls: int
    avg_response_time: float | None
    success_rate: float | None
    satisfaction_rate: float | None
    avg_tokens: float | None
    speed_score: float | None
    quality_score: float | None
    confidence: float
    thumbs_up: int
    thumbs_down: int
    total_cost: float
    avg_cost: float | None
    unpriced_calls: int
    untimed_calls: int
    avg_confidence: float | None


class ModelFigures(CallFigures, frozen=True, kw_only=True):
    """A model of a provider."""

    model: str
    provider: str


class TaskFigures(CallFigures, frozen=True, kw_only=True):
    """A task type; `bestModel` by quality score, null below 5 calls of any model."""

    task_type: str
    best_model: str | None


class ProviderFigures(CallFigures, frozen=True, kw_only=True):
    """A provider."""

    provider: str


class UserTypeFigures(CallFigures, frozen=True, kw_only=True):
    """The calls of users of one type, as results say it in `attributes.user_type`; `bestModel` as of a task."""

    user_type: str
    best_model: str | None


class DayFigures(CallFigures, frozen=True, kw_only=True):
    """A model's calls of a day (UTC)."""

    date: date
    model: str
    provider: str


class TimeFigures(CallFigures, frozen=True, kw_only=True):
    """All calls of a day (UTC)."""

    date: date


class InsightBody(Body, frozen=True, kw_only=True):
    """A sentence with the numbers that it rests on. `level`: `success` to act on, `warning` to look into."""

    kind: Literal["faster", "more_reliable", "preferred", "slow_task", "low_satisfaction"]
    level: Literal["success", "warning"]
    text: str
    numbers: dict[str, Any]


class RecommendationMetrics(Body, frozen=True, kw_only=True):
    """The calls that a recommendation rests on."""

    avg_response_time: float | None
    success_rate: float | None
    satisfaction_rate: float | None
    quality_score: float | None
    avg_tokens: float | None
    avg_cost: float | None
    sample_size: int


class Alternative(Body, frozen=True, kw_only=True):
    """Another model with calls enough, next best first."""

    model: str
    provider: str
    confidence: float
    metrics: RecommendationMetrics


class RecommendationBody(Body, frozen=True, kw_only=True):
    """`GET /api/analytics/models/recommend` (S4, Model Recommender).

    `basis` is `rules` below 5 calls of every model for that task; `reason` says so, and `confidence` is then 0.
    `userType` is null where the answer rests on all users.
    """

    task_type: str
    priority: Literal["speed", "quality", "cost", "balanced"]
    user_type: str | None
    days: int
    basis: Basis
    model: str
    provider: str
    confidence: float
    reason: str
    metrics: RecommendationMetrics
    alternatives: list[Alternative]


class RouteBody(Body, frozen=True, kw_only=True):
    """`GET /api/analytics/models/route`: the model to ask next. `provider` null: no call of the model is known."""

    task_type: str
    priority: Literal["speed", "quality", "cost", "balanced"]
    model: str
    provider: str | None
    reason: str


class ModelAnalyticsBody(Body, frozen=True, kw_only=True):
    """`GET /api/analytics/models`. `groups` holds the rows of `groupBy` where that was asked for, else null.

    At most 200 models, tasks and types of users are named, those with the most calls; the rest is `__other__`.
    """

    days: int
    task_type: str | None
    model: str | None
    group_by: Literal["model", "task_type", "provider", "time"] | None
    summary: CallFigures
    by_model: list[ModelFigures]
    by_task_type: list[TaskFigures]
    by_provider: list[ProviderFigures]
    by_user_type: list[UserTypeFigures]
    trends: list[DayFigures]
    recommendations: list[InsightBody]
    best_by_task: list[RecommendationBody]
    groups: list[dict[str, Any]] | None


class FeedbackBody(Body, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The body of `POST /api/analytics/models/feedback`: one of the four ids, and 1, -1, or 0 (taken back)."""

    rating: Literal[1, 0, -1]
    conversation_id: str | None = None
    message_id: str | None = None
    image_id: str | None = None
    component_id: str | None = None
    run_id: str | None = None
    user_id: str | None = None
    comment: str | None = None


class FeedbackTaken(Body, frozen=True, kw_only=True):
    """The answer: the rating is in the log as the event `eventId`."""

    success: bool
    event_id: str
    rating: int


class VariantFigures(CallFigures, frozen=True, kw_only=True):
    """One variant."""

    variant: str


class ComparisonBody(Body, frozen=True, kw_only=True):
    """A variant against the control in one measure; `difference` = variant - control, in the measure's unit.

    `low` to `high`: the interval that holds however often one looks. `fixedPValue`: of the two-proportion or Welch
    test, true only for somebody who looks once, at `samplePerVariant` calls. `verdict` uses the former alone.
    """

    measure: Literal["success_rate", "satisfaction_rate", "response_time_ms", "confidence", "cost_usd"]
    unit: Literal["percent", "ms", "usd"]
    test: Literal["two_proportion", "welch"]
    control: str
    variant: str
    control_value: float | None
    variant_value: float | None
    difference: float | None
    low: float | None
    high: float | None
    fixed_p_value: float | None
    always_valid_p_value: float | None
    control_sample: int
    variant_sample: int
    sample_per_variant: int | None
    """Calls of each that show the difference as it looks now with 80 % power; null where there is none."""
    verdict: Literal["better", "worse", "undecided", "too_early"]
    text: str


class ExperimentBody(Body, frozen=True, kw_only=True):
    """The variants of one task. The control is `control` or `A` where a variant is so named, else the first by name."""

    task_type: str
    control: str
    variants: list[VariantFigures]
    comparisons: list[ComparisonBody]


class ExperimentsBody(Body, frozen=True, kw_only=True):
    """`GET /api/analytics/experiments`. `alpha`: the chance of a wrong verdict, over all looks, of one comparison."""

    days: int
    alpha: float
    power: float
    fewest_calls: int
    experiments: list[ExperimentBody]
