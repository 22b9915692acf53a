"""A run minute by minute: what its stored snapshots say (S0, Real-time processing metrics; S3, Database schema)."""

# ruff: noqa: S608 - these texts are made of this package's own constants; no input reaches them

from .snapshot_json import AS_OF, total
from .view import Column, View

_LABELS = ("tier", "model", "provider", "band", "task_type", "component_type", "variant")


def views() -> list[View]:
    """The views of this family."""
    return [_processing_metrics(), _system_snapshots(), _aggregated_metrics()]


def _ratio(part: str, whole: str, scale: str = "") -> str:
    return f"if({whole} = 0, NULL, {part} / {whole}{scale})"


def _processing_metrics() -> View:
    """A window over snapshots and results tells the mean score: a condition on the run reaches both (ASOF stops it)."""
    validated = " + ".join(total(f"validated_{by}") for by in ("receipt", "user", "expert"))
    tokens = f"({total('input_tokens')} + {total('output_tokens')})"
    providers = "JSONExtract(metrics, 'by_provider', 'Map(String, Tuple(results Int64, failed Int64))')"
    models = "JSONExtract(metrics, 'by_model', 'Map(String, Tuple(results Int64))')"
    cheap = (
        "arraySum(mapValues(mapFilter((model, n) -> has(cheap_models, model),"
        f" mapApply((model, n) -> (model, n.1), {models}))))"
    )
    columns = (
        Column("id", "JSONExtractString(metrics, 'event_id')", "The snapshot's event id."),
        *(column._replace(sql=f"shown.{column.name}") for column in AS_OF),
        Column(
            "images_per_minute",
            "JSONExtract(metrics, 'window_10m', 'images_per_minute', 'Nullable(Float64)')",
            "Images that became processed, over 10 min.",
            "1/min",
        ),
        Column(
            "requests_per_second",
            "JSONExtract(metrics, 'window_60s', 'results_per_minute', 'Nullable(Float64)') / 60",
            "Results over 60 s.",
            "1/s",
        ),
        Column(
            "queue_depth",
            "JSONExtractInt(metrics, 'operations', 'queue_depth')",
            "Images that wait, by the processors' heartbeats.",
        ),
        Column("active_concurrent", "JSONExtractInt(metrics, 'operations', 'active_requests')", "Calls under way."),
        Column("total_cost_accumulated", f"{total('cost_nano_usd')} / 1e9", "Spent so far.", "USD"),
        Column(
            "cost_this_minute",
            "JSONExtractInt(metrics, 'window_60s', 'counters', 'cost_nano_usd') / 1e9",
            "Spent in the last 60 s.",
            "USD",
        ),
        Column(
            "avg_cost_per_image",
            _ratio(total("cost_nano_usd"), total("subjects"), " / 1e9"),
            "Spent / subjects.",
            "USD",
        ),
        Column(
            "projected_total_cost",
            "JSONExtract(metrics, 'projection', 'projected_nano_usd', 'Nullable(Int64)') / 1e9",
            "What the run will have cost; NULL where a price is unknown.",
            "USD",
        ),
        Column(
            "avg_confidence",
            _ratio(total("confidence_sum_ppm"), total("confidence_count"), " / 1e6"),
            "Mean of the results' own.",
            "0-1",
        ),
        Column(
            "validation_rate",
            f"if({total('answers')} = 0, NULL, least(1, ({validated}) / {total('answers')}))",
            "Answers confirmed / answers.",
            "0-1",
        ),
        Column(
            "consensus_rate",
            _ratio(total("consensus_agreed"), total("consensus_asked")),
            "Agreed / asked of two or more models.",
            "0-1",
        ),
        Column("error_rate", _ratio(total("failed"), total("results")), "Failed / results.", "0-1"),
        Column(
            "cheap_model_percentage",
            f"if(empty(cheap_models) OR {total('results')} = 0, NULL, 100 * {cheap} / {total('results')})",
            "Results of the plan's cheap models; NULL where it names none.",
            "%",
        ),
        Column("avg_context_score", "scored.mean", "Mean score of the results until then that have one.", "0-100"),
        Column("tokens_per_image", _ratio(tokens, total("subjects")), "Tokens / subjects.", "tokens"),
        Column(
            "api_response_times",
            "JSONExtractRaw(metrics, 'latency', 'by_provider')",
            "JSON: provider to p50, p95, p99 of the run, within 1 %.",
            "ms",
        ),
        Column(
            "api_error_rates",
            f"toJSONString(mapApply((provider, n) -> (provider, n.2 / n.1), {providers}))",
            "JSON: provider to failed / results.",
            "0-1",
        ),
    )
    return View(
        "processing_metrics",
        "A run's figures as they were (S0, Real-time processing metrics).",
        "a run and a minute",
        columns,
        """
FROM (
    SELECT run_id, as_of, recorded_at, metrics, plan.cheap_models AS cheap_models
    FROM (SELECT * FROM snapshots FINAL) AS stored LEFT JOIN run_plans AS plan USING (run_id)
) AS shown
LEFT JOIN (
    SELECT run_id, as_of, if(scored_until = 0, NULL, amount_until / scored_until / 1e6) AS mean
    FROM (
        SELECT run_id, as_of, n, sum(amount) OVER until_then AS amount_until, sum(n) OVER until_then AS scored_until
        FROM (
            SELECT run_id, as_of, toUnixTimestamp64Milli(as_of) AS at_ms, toInt64(0) AS amount, toUInt64(0) AS n
            FROM snapshots FINAL
            UNION ALL
            SELECT run_id, toDateTime64(0, 6, 'UTC'), intDiv(effective_ms, 1000) * 1000 AS at_ms,
                sum(toInt64(roundBankers(assumeNotNull(context_score) * 1e6))), count()
            FROM results FINAL WHERE isNotNull(context_score) GROUP BY run_id, at_ms
        )
        WINDOW until_then AS (PARTITION BY run_id ORDER BY at_ms RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)
    )
    WHERE n = 0
) AS scored USING (run_id, as_of)
""",
        "SELECT as_of, images_per_minute, total_cost_accumulated, error_rate FROM processing_metrics\n"
        "WHERE run_id = {run:String} ORDER BY as_of",
    )


def _system_snapshots() -> View:
    columns = (
        Column("id", "JSONExtractString(metrics, 'event_id')", "The snapshot's event id."),
        *AS_OF,
        Column("state", "state", "warming_up, running, stalled, paused or finished."),
        Column("results", total("results"), "Results."),
        Column("failed", total("failed"), "Of these, failed."),
        Column("subjects", total("subjects"), "Distinct subjects."),
        Column("processed_subjects", total("processed_subjects"), "Of these, those whose plan is done."),
        Column(
            "health_score",
            "JSONExtract(metrics, 'health', 'score', 'Nullable(Float64)')",
            "Mean of success, availability, responsiveness, headroom and flow; NULL before a first result.",
            "0-100",
        ),
        Column(
            "health_status",
            "JSONExtract(metrics, 'health', 'status', 'Nullable(String)')",
            "healthy (from 90), degraded (from 70) or unhealthy.",
        ),
        Column(
            "overall_score",
            "JSONExtract(metrics, 'kpi_scores', 'overall', 'Nullable(Float64)')",
            "Mean of the indicators' categories.",
            "0-100",
        ),
        Column(
            "percent_complete",
            "JSONExtract(metrics, 'progress', 'percent', 'Nullable(Float64)')",
            "Of the images planned.",
            "%",
        ),
        Column("cost_nano_usd", total("cost_nano_usd"), "Spent so far.", "nano-USD"),
        Column(
            "processors",
            "JSONExtractInt(metrics, 'operations', 'processors')",
            "Processors with a heartbeat in the last 2 min.",
        ),
        Column("active_requests", "JSONExtractInt(metrics, 'operations', 'active_requests')", "Calls under way."),
        Column("capacity", "JSONExtractInt(metrics, 'operations', 'capacity')", "Calls that may be under way at once."),
        Column("queue_depth", "JSONExtractInt(metrics, 'operations', 'queue_depth')", "Images that wait."),
        Column(
            "source_offsets", "source_offsets", "Topic, partition, next offset: the log prefix that it is the fold of."
        ),
        Column("metrics", "metrics", "The whole snapshot (`run.metrics`) as JSON."),
    )
    return View(
        "system_snapshots",
        "The state of a run, captured every minute (S3).",
        "a run and a minute",
        columns,
        "FROM snapshots FINAL",
        "SELECT as_of, state, percent_complete, processors FROM system_snapshots WHERE run_id = {run:String}\n"
        "ORDER BY as_of DESC LIMIT 10",
    )


def _aggregated_metrics() -> View:
    labels = ", ".join(f"'{label}'" for label in _LABELS)
    return View(
        "aggregated_metrics",
        "Every counter of a run's snapshots, in one narrow table (S3). Zeros are left out.",
        "a run, a minute, a value of a label (or the totals) and a counter",
        (
            *AS_OF,
            Column("label", "counted.1", "totals, tier, model, provider, band, task_type, component_type or variant."),
            Column("label_value", "counted.2", "The label's value; empty for totals."),
            Column("metric_name", "counter.1", "The counter, as in `run_totals`."),
            Column("value", "counter.2", "Its value since the run began."),
        ),
        f"""
FROM (
    SELECT run_id, as_of, recorded_at, arrayJoin(arrayConcat(
        [('totals', '', JSONExtractRaw(metrics, 'totals'))],
        arrayFlatten(arrayMap(label -> arrayMap(
            counters -> (label, counters.1, counters.2),
            JSONExtractKeysAndValuesRaw(metrics, concat('by_', label))), [{labels}])))) AS counted
    FROM snapshots FINAL
)
ARRAY JOIN JSONExtractKeysAndValues(counted.3, 'Int64') AS counter
""",
        "SELECT as_of, value FROM aggregated_metrics\n"
        "WHERE run_id = {run:String} AND label = 'totals' AND metric_name = 'results' ORDER BY as_of",
    )
