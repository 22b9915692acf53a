"""The body of `GET /api/quality` (S1). Percentages are 0-100, money is dollars, times are ms. null: unknown."""

from datetime import datetime
from typing import Literal

from dashboard.bodies.live import Body


class ComponentFigures(Body, frozen=True, kw_only=True):
    """Some components' results. `scores`: each score's mean in percent, by its name (`code_quality`, …)."""

    results: int
    components: int
    success_rate: float | None
    cache_hit_rate: float | None
    cost: float
    cost_per_component: float | None
    mean_latency: float | None
    p50: float | None
    p95: float | None
    p99: float | None
    scores: dict[str, float]


class TypeFigures(ComponentFigures, frozen=True, kw_only=True):
    """A component type."""

    component_type: str


class ModelFigures(ComponentFigures, frozen=True, kw_only=True):
    """A model."""

    model: str


class Point(ComponentFigures, frozen=True, kw_only=True):
    """A slice of time from `at` on."""

    at: datetime


class StageFigures(Body, frozen=True, kw_only=True):
    """A stage: its mean time, its part of all time and of all cost."""

    stage: str
    mean_ms: float | None
    time_share: float | None
    cost: float
    cost_share: float | None


class StageCost(Body, frozen=True, kw_only=True):
    """What a stage costs a component of one type on average."""

    component_type: str
    stage: str
    cost: float
    cost_per_result: float | None


class Heat(Body, frozen=True, kw_only=True):
    """A component type in each hour of the day (UTC): 24 mean latencies, results, and error rates."""

    component_type: str
    latency: list[float | None]
    results: list[int]
    error_rate: list[float | None]


class Spending(Body, frozen=True, kw_only=True):
    """`perDay`: what the chosen results cost a day over the time they span; `monthly` is 30 of them.

    `runwayDays`: how long the run's `budget` lasts at that; null without a run, a budget, or spending.
    """

    per_day: float | None
    monthly: float | None
    budget: float | None
    spent: float | None
    runway_days: float | None


class Change(Body, frozen=True, kw_only=True):
    """The later half of the chosen time against the earlier: `change` in percent of it; `verdict` by what is better."""

    measure: str
    unit: Literal["percent", "ms", "usd"]
    before: float
    after: float
    change: float
    verdict: Literal["better", "worse", "steady"]


class Advice(Body, frozen=True, kw_only=True):
    """Where money could be saved, in words; `saving`: dollars of the chosen time, where that is known."""

    text: str
    saving: float | None


class QualityBody(Body, frozen=True, kw_only=True):
    """Components of [`from`, `to`), null without any; `points` are slices of `stepSeconds`."""

    start: datetime | None
    end: datetime | None
    totals: ComponentFigures
    by_component_type: list[TypeFigures]
    by_model: list[ModelFigures]
    step_seconds: int
    points: list[Point]
    stages: list[StageFigures]
    stage_costs: list[StageCost]
    heat: list[Heat]
    spending: Spending
    changes: list[Change]
    opportunities: list[Advice]
