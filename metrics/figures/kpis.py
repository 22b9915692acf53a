"""S3's fifteen indicators: formula, unit, target and category side by side; attainment, status, trend and scores.

The values are those of DETAILS.md, KPIs; the targets are S3's ("Key Performance Indicators"), and an event of the run
may set others (`targets` of `run.declared` and `run.updated`). Formulas are over `derived.figures`, so that SQL tells
the same of a stored snapshot (metrics.views.kpis).
"""

from collections.abc import Mapping
from typing import Literal, NamedTuple

from events.numbers import NANO_PER_USD
from events.runs import RunDeclared
from events.snapshots import Attained, Kpi, KpiScores, Velocity
from metrics.fold.counters import NAMES

from .cost import COST
from .efficiency import TOKENS
from .formula import Figures, Formula, least, n
from .throughput import ENOUGH_RESULTS
from .value import VALUE

Category = Literal["performance", "cost", "quality", "user_experience", "system_health"]
CATEGORIES: tuple[Category, ...] = ("performance", "cost", "quality", "user_experience", "system_health")
Better = Literal["higher", "lower", "near"]
Unit = Literal["ratio", "usd", "stars"]

NEAR_TARGET = 0.8
"""From this attainment on an indicator is near its target."""
ON_TARGET: dict[Better, float] = {"higher": 1.0, "lower": 1.0, "near": 0.9}
STEADY = 0.05
"""A trend is steady while the last 10 min are within 5 % of what was before."""


IN_WINDOW = frozenset(NAMES) - {"failed_subjects"}
"""Counters that a window has as the whole run has them."""
OF_PLAN = frozenset({"baseline_latency_ms", "baseline_unit_nano_usd", "total_images", "budget_nano_usd"})
"""Figures that are the same at any time."""


class Indicator(NamedTuple):
    """`target`: S3's own, None for none. `better`: which side of it; `near`: as close to it as can be."""

    name: str
    category: Category
    unit: Unit
    formula: Formula
    target: float | None
    docs: str
    better: Better = "higher"


def _mean_score(name: str) -> Formula:
    return n(f"scores.{name}.sum_micro") / n(f"scores.{name}.count") / 1_000_000


_WORK = least(1, n("processed_subjects") / n("total_images"))
_SPENT = COST / n("budget_nano_usd")

INDICATORS = (
    Indicator(
        "token_reduction_rate",
        "performance",
        "ratio",
        n("tokens_saved") / (TOKENS + n("tokens_saved")),
        0.6,
        "Tokens saved / (sent + received + saved).",
    ),
    Indicator("cache_hit_rate", "performance", "ratio", n("cache_hits") / n("results"), 0.8, "Cache hits / results."),
    Indicator(
        "response_time_improvement",
        "performance",
        "ratio",
        1 - n("latency_ms_sum") / n("latency_count") / n("baseline_latency_ms"),
        0.3,
        "1 - mean latency / the baseline's latency in the plan.",
    ),
    Indicator(
        "daily_cost_savings",
        "cost",
        "usd",
        (n("day_processed_subjects") * n("baseline_unit_nano_usd") - n("day_cost_nano_usd")) / NANO_PER_USD,
        50.0,
        "Images processed in the last 24 h * the baseline's price - what was spent in them.",
    ),
    Indicator("roi_percentage", "cost", "ratio", (VALUE - COST) / COST, 3.0, "(Value delivered - cost) / cost."),
    Indicator(
        "budget_utilization_efficiency",
        "cost",
        "ratio",
        least(1, _WORK / _SPENT),
        None,
        "Share of the work done / share of the budget spent, at most 1.",
    ),
    Indicator(
        "compression_quality",
        "quality",
        "ratio",
        _mean_score("compression_quality"),
        0.85,
        "Mean of the score of that name.",
    ),
    Indicator(
        "content_integrity",
        "quality",
        "ratio",
        _mean_score("content_integrity"),
        0.95,
        "Mean of the score of that name.",
    ),
    Indicator(
        "system_accuracy",
        "quality",
        "ratio",
        n("confirmed") / (n("confirmed") + n("rejected")),
        None,
        "Answers confirmed / confirmed or rejected.",
    ),
    Indicator(
        "user_satisfaction",
        "user_experience",
        "stars",
        n("thumbs_up") * 5 / (n("thumbs_up") + n("thumbs_down")),
        4.0,
        "5 * rated up / rated.",
    ),
    Indicator(
        "task_completion_rate",
        "user_experience",
        "ratio",
        n("processed_subjects") / n("subjects"),
        0.95,
        "Images whose plan is done / images.",
    ),
    Indicator(
        "system_responsiveness",
        "user_experience",
        "ratio",
        n("within_sla") / n("latency_count"),
        None,
        "Results within the plan's `sla.latency_ms` / results with a latency.",
    ),
    Indicator(
        "system_availability",
        "system_health",
        "ratio",
        n("minutes_with_success") / n("minutes_with_result"),
        0.995,
        "Minutes with a success / minutes with a result, last 24 h.",
    ),
    Indicator("error_rate", "system_health", "ratio", n("failed") / n("results"), 0.01, "Failed / results.", "lower"),
    Indicator(
        "resource_utilization",
        "system_health",
        "ratio",
        n("active_requests") / n("capacity"),
        0.7,
        "Calls under way / capacity.",
        "near",
    ),
)


def kpis(figures: Figures, window: Mapping[str, int], plan: RunDeclared | None) -> list[Kpi]:
    """All fifteen. `figures` of the run (`derived.figures`); `window`: the flat counters of its last 10 min."""
    wanted, baselines = targets(plan), (plan.baselines if plan else None) or {}
    return [_kpi(one, figures, window, wanted.get(one.name), baselines.get(one.name)) for one in INDICATORS]


def targets(plan: RunDeclared | None) -> dict[str, float]:
    """Indicator → its target: the plan's, else S3's."""
    defaults = {indicator.name: indicator.target for indicator in INDICATORS if indicator.target is not None}
    own = (plan.targets if plan else None) or {}
    return defaults | {indicator.name: own[indicator.name] for indicator in INDICATORS if indicator.name in own}


def scores(found: list[Kpi]) -> KpiScores:
    """The mean attainment of each category, and the mean of these, * 100."""
    categories = {category: _mean([k.attainment for k in found if k.category == category]) for category in CATEGORIES}
    overall = _mean(list(categories.values()))
    return KpiScores(
        overall=_percent(overall), categories={category: _percent(mean) for category, mean in categories.items()}
    )


def attainment(value: float | None, target: float | None, better: Better) -> float | None:
    """How much of a target is reached, 0-1; None without value or target, or where a target of 0 says nothing."""
    if value is None or target is None:
        return None
    if better == "lower":
        return 1.0 if value <= target else max(0.0, target / value)
    if target <= 0:
        return None
    reached = value / target if better == "higher" else 1 - abs(value - target) / target
    return min(1.0, max(0.0, reached))


def status(reached: float | None, better: Better) -> Attained | None:
    """An attainment in words."""
    if reached is None:
        return None
    if reached >= ON_TARGET[better]:
        return "on_target"
    return "near_target" if reached >= NEAR_TARGET else "off_target"


def trend(recent: float | None, before: float | None) -> Velocity | None:
    """Where a value goes: steady within 5 % of what it was before."""
    if recent is None or before is None:
        return None
    if abs(recent - before) <= STEADY * abs(before):
        return "steady"
    return "up" if recent > before else "down"


def _kpi(
    indicator: Indicator, figures: Figures, window: Mapping[str, int], target: float | None, baseline: float | None
) -> Kpi:
    value = indicator.formula.value(figures)
    reached = attainment(value, target, indicator.better)
    return Kpi(
        name=indicator.name,
        category=indicator.category,
        unit=indicator.unit,
        value=value,
        target=target,
        attainment=reached,
        status=status(reached, indicator.better),
        trend=_trend(indicator, figures, window),
        baseline=baseline,
    )


def has_trend(indicator: Indicator) -> bool:
    """Whether its figures are known of the last 10 min: what feedback, heartbeats and the last 24 h say is not."""
    return all(name in IN_WINDOW or name in OF_PLAN or name.startswith("scores.") for name in indicator.formula.names)


def _trend(indicator: Indicator, figures: Figures, window: Mapping[str, int]) -> Velocity | None:
    if not has_trend(indicator):
        return None
    names = {*indicator.formula.names, "results"} - OF_PLAN
    of_plan = {name: figures.get(name) for name in OF_PLAN}
    recent: Figures = of_plan | {name: window.get(name, 0) for name in names}
    before: Figures = of_plan | {name: (figures.get(name) or 0) - window.get(name, 0) for name in names}
    if any((span["results"] or 0) < ENOUGH_RESULTS for span in (recent, before)):
        return None
    return trend(indicator.formula.value(recent), indicator.formula.value(before))


def _mean(amounts: list[float | None]) -> float | None:
    known = [amount for amount in amounts if amount is not None]
    return sum(known) / len(known) if known else None


def _percent(share: float | None) -> float | None:
    return None if share is None else 100 * share
