"""S3's fifteen indicators over a row of `snapshots` joined with its run's plan (DETAILS.md, KPIs).

Two cannot be told from a snapshot: `system_responsiveness` needs the latency histogram, which it does not carry, and
the targets are S3's own until a run's plan has some.
"""

# ruff: noqa: S608 - these texts are made of this package's own constants; no input reaches them

from typing import NamedTuple

from .snapshot_json import AS_OF, total
from .view import Column, View


class Indicator(NamedTuple):
    """`sql`: a nullable number over the snapshot's JSON `metrics`; `target` as S3 gives it, None for none."""

    name: str
    category: str
    unit: str
    sql: str
    target: float | None


def _share(part: str, whole: str) -> str:
    return f"if({whole} = 0, NULL, ({part}) / ({whole}))"


def _mean_score(name: str) -> str:
    count = f"JSONExtractInt(metrics, 'totals', 'scores', '{name}', 'count')"
    return f"if({count} = 0, NULL, JSONExtractInt(metrics, 'totals', 'scores', '{name}', 'sum_micro') / {count} / 1e6)"


_TOKENS = f"({total('input_tokens')} + {total('output_tokens')} + {total('tokens_saved')})"
_THUMBS = f"({total('thumbs_up')} + {total('thumbs_down')})"
_VALUE = (
    "arraySum(arrayMap(r -> r.2 * value_weights_usd[r.1],"
    " JSONExtractKeysAndValues(metrics, 'totals', 'records', 'Int64')))"
)
_COST = f"({total('cost_nano_usd')} / 1e9)"
_MEAN_MS = f"({total('latency_ms_sum')} / {total('latency_count')})"
_BUDGET = "JSONExtract(metrics, 'budget', 'spent_fraction', 'Nullable(Float64)')"
_WORK = "JSONExtract(metrics, 'progress', 'percent', 'Nullable(Float64)') / 100"

KPIS = (
    Indicator("token_reduction_rate", "performance", "ratio", _share(total("tokens_saved"), _TOKENS), 0.6),
    Indicator("cache_hit_rate", "performance", "ratio", _share(total("cache_hits"), total("results")), 0.8),
    Indicator(
        "response_time_improvement",
        "performance",
        "ratio",
        f"if({total('latency_count')} = 0 OR ifNull(baseline_latency_ms, 0) = 0, NULL,"
        f" 1 - {_MEAN_MS} / baseline_latency_ms)",
        0.3,
    ),
    Indicator(
        "daily_cost_savings",
        "cost",
        "usd",
        f"({total('processed_subjects')} - processed_before) * baseline_unit_cost_usd"
        f" - ({total('cost_nano_usd')} - cost_before) / 1e9",
        50.0,
    ),
    Indicator(
        "roi_percentage",
        "cost",
        "ratio",
        f"if({total('cost_nano_usd')} = 0 OR empty(value_weights_usd), NULL, ({_VALUE} - {_COST}) / {_COST})",
        3.0,
    ),
    Indicator(
        "budget_utilization_efficiency",
        "cost",
        "ratio",
        f"if(ifNull({_BUDGET}, 0) = 0, NULL, least(1, {_WORK} / {_BUDGET}))",
        None,
    ),
    Indicator("compression_quality", "quality", "ratio", _mean_score("compression_quality"), 0.85),
    Indicator("content_integrity", "quality", "ratio", _mean_score("content_integrity"), 0.95),
    Indicator(
        "system_accuracy",
        "quality",
        "ratio",
        _share(total("confirmed"), f"({total('confirmed')} + {total('rejected')})"),
        None,
    ),
    Indicator("user_satisfaction", "user_experience", "stars", _share(f"5 * {total('thumbs_up')}", _THUMBS), 4.0),
    Indicator(
        "task_completion_rate",
        "user_experience",
        "ratio",
        _share(total("processed_subjects"), total("subjects")),
        0.95,
    ),
    Indicator("system_responsiveness", "user_experience", "ratio", "NULL", None),
    Indicator(
        "system_availability",
        "system_health",
        "ratio",
        _share(total("minutes_with_success"), total("minutes_with_result")),
        0.995,
    ),
    Indicator("error_rate", "system_health", "ratio", _share(total("failed"), total("results")), 0.01),
    Indicator(
        "resource_utilization",
        "system_health",
        "ratio",
        _share(
            "JSONExtractInt(metrics, 'operations', 'active_requests')",
            "JSONExtractInt(metrics, 'operations', 'capacity')",
        ),
        0.7,
    ),
)


def views() -> list[View]:
    """The views of this family."""
    return [_kpi_results()]


def _kpi_results() -> View:
    rows = ",\n".join(
        f"        ('{k.name}', '{k.category}', '{k.unit}', {k.sql}, {'NULL' if k.target is None else k.target})"
        for k in KPIS
    )
    value, target = "kpi.4", "kpi.5"
    attainment = f"""multiIf(isNull({value}) OR isNull({target}), NULL,
        kpi.1 = 'error_rate', if({value} <= {target}, 1, {target} / {value}),
        kpi.1 = 'resource_utilization', greatest(0, 1 - abs({value} - {target}) / {target}),
        greatest(0, least(1, {value} / {target})))"""
    return View(
        "kpi_results",
        "S3's fifteen indicators, minute by minute, out of the snapshots (DETAILS.md, KPIs).",
        "a run, a minute and an indicator",
        (
            *AS_OF,
            Column("name", "kpi.1", "The indicator."),
            Column("category", "kpi.2", "performance, cost, quality, user_experience or system_health."),
            Column("value", value, "Its value; NULL where there is nothing to divide by, or no snapshot can tell."),
            Column("unit", "kpi.3", "ratio (0-1), usd or stars (0-5)."),
            Column("target", target, "S3's target; NULL where it has none."),
            Column("attainment", attainment, "Value / target, at most 1; NULL without value or target.", "0-1"),
            Column("status", "CAST(NULL, 'Nullable(String)')", "Not yet: NULL."),
            Column("trend", "CAST(NULL, 'Nullable(String)')", "Not yet: NULL."),
        ),
        f"""
FROM (
    SELECT run_id, as_of, recorded_at, arrayJoin(CAST([
{rows}
    ], 'Array(Tuple(String, String, String, Nullable(Float64), Nullable(Float64)))')) AS kpi
    FROM (
        SELECT *, metrics,
            max(toInt64({total("processed_subjects")})) OVER a_day_ago AS processed_before,
            max(toInt64({total("cost_nano_usd")})) OVER a_day_ago AS cost_before
        FROM (SELECT * FROM snapshots FINAL) AS shown
        LEFT JOIN run_plans AS plan USING (run_id)
        WINDOW a_day_ago AS (PARTITION BY run_id ORDER BY minute
            RANGE BETWEEN UNBOUNDED PRECEDING AND 86400 PRECEDING)
    )
)
""",
        "SELECT name, value, target, attainment FROM kpi_results WHERE run_id = {run:String}\n"
        "ORDER BY as_of DESC, category, name LIMIT 15",
    )
