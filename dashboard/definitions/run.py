"""The numbers of one run that its own pages add: the run, its indicators, what it cost by label."""

# ruff: noqa: S608 - these texts are made of this package's own constants; no input reaches them

from dashboard.definitions.definition import NEWEST, ONE_RUN, Definition
from dashboard.definitions.live import LIVE

_MINUTE = "the newest minute that is stored"


def _indicator(title: str, unit: str, means: str, column: str) -> Definition:
    sql = (
        f"SELECT name, {column} AS value FROM kpi_results {ONE_RUN}\n"
        f"AND as_of = (SELECT max(as_of) FROM kpi_results {ONE_RUN})"
    )
    return Definition(title, unit, _MINUTE, means, sql)


def _labelled(title: str, unit: str, means: str, expression: str) -> Definition:
    sql = f"SELECT environment, {expression} AS value\nFROM run_results {ONE_RUN} GROUP BY environment"
    return Definition(title, unit, "the whole run so far", f"{means} The SQL is of the environment.", sql)


def _planned(title: str, unit: str, means: str, column: str) -> Definition:
    sql = f"SELECT toString(tier) AS tier, {column} AS value FROM plan_against_actual {ONE_RUN} ORDER BY tier"
    return Definition(title, unit, "the whole run so far", means, sql)


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

RUN: dict[str, Definition] = {
    **{f"run:{path}": LIVE[key] for path, key in _ALIKE.items()},
    **{
        f"run:latency.totals.p{n}": Definition(
            f"{n} of 100 calls took less", "ms, within 1 %", "the whole run so far", "Of the results with a duration.",
            f"SELECT quantileDD(0.01, 0.{n})(latency_ms) AS value FROM run_results {ONE_RUN}",
        )
        for n in (50, 95, 99)
    },
    "run:budget.runway_seconds": Definition(
        "Runway", "duration", "the last 10 minutes", "Budget left by the recent spending a minute."
    ),
    "run:phases[].actual.images": _planned(
        "Images complete at the tier", "images", "Distinct images done there.", "actual_images"
    ),
    "run:phases[].planned.images": _planned(
        "Images planned for the tier", "images", "`images` of the tier in the declaration.", "planned_images"
    ),
    "costs:rows[].results": _labelled("Results", "results", "Results that carry the label.", "count()"),
    "costs:rows[].cost": _labelled("Cost", "USD", "Cost of the results that carry it.", "sum(cost_nano_usd) / 1e9"),
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
