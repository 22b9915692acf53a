"""The numbers of one run that its own pages add: the run, its indicators, what it cost by label."""

# ruff: noqa: S608 - these texts are made of this package's own constants; no input reaches them

from dashboard.definitions.definition import (
    ALL,
    NEWEST,
    ONE_RUN,
    Definition,
    in_snapshot,
    of_group,
    of_minute,
    of_totals,
)
from dashboard.definitions.live import LIVE, NOW
from metrics.figures.kpis import CATEGORIES

_MINUTE = "the newest minute that is stored"


def _indicator(title: str, unit: str, means: str, column: str) -> Definition:
    sql = (
        f"SELECT name, {column} AS value FROM kpi_results {ONE_RUN}\n"
        f"AND as_of = (SELECT max(as_of) FROM kpi_results {ONE_RUN})"
    )
    return Definition(title, unit, _MINUTE, means, sql)


def _labelled(title: str, unit: str, means: str, expression: str) -> Definition:
    sql = f"SELECT environment, {expression} AS value\nFROM run_results {ONE_RUN} GROUP BY environment"
    return Definition(title, unit, ALL, f"{means} The SQL is of the environment.", sql)


_ALIKE = {
    "progress.percent": "progress.percentComplete",
    "progress.processed": "progress.processed",
    "progress.total": "progress.total",
    "progress.failed": "progress.failed",
    "eta.text": "progress.eta",
    "eta.range_text": "progress.etaRange",
    "totals.retries": "doubts.retries",
    "projection.spent_nano_usd": "costs.totalSpent",
    "projection.projected_nano_usd": "costs.projectedTotal",
    "projection.savings_nano_usd": "costs.savings",
    "budget.remaining_nano_usd": "costs.budgetRemaining",
    "budget.allocated_nano_usd": "costs.budgetTotal",
    "operations.active_requests": "current.activeRequests",
    "operations.queue_depth": "current.queueDepth",
}
"""Path in the snapshot → the number of the command centre that is the same."""
_REPORTED = {
    "summary.totalImages": "progress.total",
    "summary.processedSuccessfully": "progress.processed",
    "summary.failed": "progress.failed",
    "summary.totalCost": "costs.totalSpent",
    "summary.avgCostPerImage": "costs.avgCostPerImage",
    **{
        f"quality.{name}": f"quality.{name}"
        for name in ("avgConfidence", "validationRate", "consensusRate", "errorRate")
    },
    "models[].count": "costs.byModel[].images",
    "models[].cost": "costs.byModel[].cost",
    "bands[].count": "context[].images",
}
"""The same of the report's body."""


def _tier(title: str, unit: str, means: str, column: str) -> Definition:
    return of_group("plan_against_actual", "tier", title, unit, means, column)


def _phase(title: str, unit: str, planned: str, actual: str, column: str, scale: str = "") -> dict[str, Definition]:
    """A tier as planned and as it went: `<planned|actual>_<column>` of `plan_against_actual`."""
    return {
        "planned": _tier(f"{title}, planned", unit, planned, f"planned_{column}{scale}"),
        "actual": _tier(f"{title}, so far", unit, actual, f"actual_{column}{scale}"),
    }


_PHASES = {
    "seconds": _phase(
        "Time", "duration", "Its batches by the seconds of one.", "From its first result to its last.",
        "minutes", " * 60",
    ),
    "cost_nano_usd": _phase(
        "Cost", "USD", "Its images by the planned price of one.", "All its results, retries too.", "usd"
    ),
    "unit_cost_nano_usd": _phase(
        "Cost of an image", "USD", "As the plan says.", "Its cost / its images complete.", "unit_cost_usd"
    ),
    "images_per_minute": {
        "planned": _tier(
            "Rate, planned", "images a minute", "Its images / its planned minutes.", "planned_images / planned_minutes"
        ),
        "actual": _tier(
            "Rate, so far", "images a minute", "Its images complete / its minutes.",
            "if(actual_minutes > 0, actual_images / actual_minutes, NULL)",
        ),
    },
}  # fmt: skip

RUN: dict[str, Definition] = {
    **{f"run:{path}": LIVE[key] for path, key in _ALIKE.items()},
    **{f"report:{path}": LIVE[key] for path, key in _REPORTED.items()},
    "report:outcomes.insightsGenerated": of_totals("Insights", "insights", "Insights of the results.", "insights"),
    "report:outcomes.gapsIdentified": of_totals("Gaps", "documents", "Missing documents that results named.", "gaps"),
    "report:tiers[].count": of_group("run_by_tier", "tier", "Calls", "results", "Results of the tier.", "results"),
    "report:tiers[].cost": of_group("run_by_tier", "tier", "Cost", "USD", "Of its results.", "cost_nano_usd / 1e9"),
    "report:bands[].cost": of_group("run_by_band", "band", "Cost", "USD", "Of its results.", "cost_nano_usd / 1e9"),
    "run:operations.capacity": of_minute(
        "Capacity", "calls", NOW, "Calls that the processors may make at once, added up.",
        in_snapshot("operations.capacity"),
    ),
    **{
        f"run:phases[].{side}.{name}": definition
        for name, sides in _PHASES.items()
        for side, definition in sides.items()
    },
    **{
        f"run:latency.totals.p{n}": Definition(
            f"{n} of 100 calls took less", "ms, within 1 %", ALL, "Of the results with a duration.",
            f"SELECT quantileDD(0.01, 0.{n})(latency_ms) AS value FROM run_results {ONE_RUN}",
        )
        for n in (50, 95, 99)
    },
    "run:budget.runway_seconds": of_minute(
        "Runway", "duration", "the last 24 hours, or since the first result if that is younger",
        "How long the budget left lasts at that spending; none once the run is finished.",
        in_snapshot("budget.runway_seconds"),
    ),
    "run:phases[].actual.images": _tier(
        "Images complete at the tier", "images", "Distinct images done there.", "actual_images"
    ),
    "run:phases[].planned.images": _tier(
        "Images planned for the tier", "images", "`images` of the tier in the declaration.", "planned_images"
    ),
    "costs:rows[].results": _labelled("Results", "results", "Results that carry the label.", "count()"),
    "costs:rows[].cost": _labelled("Cost", "USD", "Cost of the results that carry it.", "sum(cost_nano_usd) / 1e9"),
    "costs:rows[].percent": _labelled(
        "Share", "percent", "Of the run's cost.", "100 * sum(cost_nano_usd) / sum(sum(cost_nano_usd)) OVER ()"
    ),
    "kpis:health.score": of_minute(
        "Health", "0 to 100", _MINUTE, "Mean of its parts that are known; healthy from 90, degraded from 70.",
        in_snapshot("health.score"),
    ),
    **{
        f"kpis:kpi_scores.categories.{name}": Definition(
            "Score of the category", "0 to 100", _MINUTE, "Mean attainment of its indicators.",
            f"SELECT category_scores['{name}'] AS value FROM kpi_scores {NEWEST}",
        )
        for name in CATEGORIES
    },
    "kpis:kpi_scores.overall": Definition(
        "Overall score", "0 to 100", _MINUTE, "Mean of the categories' scores.",
        f"SELECT overall_score AS value FROM kpi_scores {NEWEST}",
    ),
    "kpis:kpis[].value": _indicator("Value", "the indicator's own", "What it measures: docs/metrics.md.", "value"),
    "kpis:kpis[].target": _indicator("Target", "the indicator's own", "What was set for it.", "target"),
    "kpis:kpis[].attainment": _indicator(
        "Attained", "percent", "Value / target, where lower is better target / value; at most 100 %.", "attainment"
    ),
}  # fmt: skip
