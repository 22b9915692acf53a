-- S3's fifteen indicators, minute by minute, out of the snapshots (DETAILS.md, KPIs).
-- A row: a run, a minute and an indicator. Generated from metrics/ by `make docs`.
CREATE OR REPLACE VIEW kpi_results AS
SELECT
    run_id,
    as_of,
    recorded_at,
    kpi.1 AS name,
    kpi.2 AS category,
    kpi.4 AS value,
    kpi.3 AS unit,
    kpi.5 AS target,
    multiIf(isNull(kpi.4) OR isNull(kpi.5), NULL,
        kpi.1 = 'error_rate', if(kpi.4 <= kpi.5, 1, kpi.5 / kpi.4),
        kpi.1 = 'resource_utilization', greatest(0, 1 - abs(kpi.4 - kpi.5) / kpi.5),
        greatest(0, least(1, kpi.4 / kpi.5))) AS attainment,
    CAST(NULL, 'Nullable(String)') AS status,
    CAST(NULL, 'Nullable(String)') AS trend
FROM (
    SELECT run_id, as_of, recorded_at, arrayJoin(CAST([
        ('token_reduction_rate', 'performance', 'ratio', if((JSONExtractInt(metrics, 'totals', 'input_tokens') + JSONExtractInt(metrics, 'totals', 'output_tokens') + JSONExtractInt(metrics, 'totals', 'tokens_saved')) = 0, NULL, (JSONExtractInt(metrics, 'totals', 'tokens_saved')) / ((JSONExtractInt(metrics, 'totals', 'input_tokens') + JSONExtractInt(metrics, 'totals', 'output_tokens') + JSONExtractInt(metrics, 'totals', 'tokens_saved')))), 0.6),
        ('cache_hit_rate', 'performance', 'ratio', if(JSONExtractInt(metrics, 'totals', 'results') = 0, NULL, (JSONExtractInt(metrics, 'totals', 'cache_hits')) / (JSONExtractInt(metrics, 'totals', 'results'))), 0.8),
        ('response_time_improvement', 'performance', 'ratio', if(JSONExtractInt(metrics, 'totals', 'latency_count') = 0 OR ifNull(baseline_latency_ms, 0) = 0, NULL, 1 - (JSONExtractInt(metrics, 'totals', 'latency_ms_sum') / JSONExtractInt(metrics, 'totals', 'latency_count')) / baseline_latency_ms), 0.3),
        ('daily_cost_savings', 'cost', 'usd', (JSONExtractInt(metrics, 'totals', 'processed_subjects') - processed_before) * baseline_unit_cost_usd - (JSONExtractInt(metrics, 'totals', 'cost_nano_usd') - cost_before) / 1e9, 50.0),
        ('roi_percentage', 'cost', 'ratio', if(JSONExtractInt(metrics, 'totals', 'cost_nano_usd') = 0 OR empty(value_weights_usd), NULL, (arraySum(arrayMap(r -> r.2 * value_weights_usd[r.1], JSONExtractKeysAndValues(metrics, 'totals', 'records', 'Int64'))) - (JSONExtractInt(metrics, 'totals', 'cost_nano_usd') / 1e9)) / (JSONExtractInt(metrics, 'totals', 'cost_nano_usd') / 1e9)), 3.0),
        ('budget_utilization_efficiency', 'cost', 'ratio', if(ifNull(JSONExtract(metrics, 'budget', 'spent_fraction', 'Nullable(Float64)'), 0) = 0, NULL, least(1, JSONExtract(metrics, 'progress', 'percent', 'Nullable(Float64)') / 100 / JSONExtract(metrics, 'budget', 'spent_fraction', 'Nullable(Float64)'))), NULL),
        ('compression_quality', 'quality', 'ratio', if(JSONExtractInt(metrics, 'totals', 'scores', 'compression_quality', 'count') = 0, NULL, JSONExtractInt(metrics, 'totals', 'scores', 'compression_quality', 'sum_micro') / JSONExtractInt(metrics, 'totals', 'scores', 'compression_quality', 'count') / 1e6), 0.85),
        ('content_integrity', 'quality', 'ratio', if(JSONExtractInt(metrics, 'totals', 'scores', 'content_integrity', 'count') = 0, NULL, JSONExtractInt(metrics, 'totals', 'scores', 'content_integrity', 'sum_micro') / JSONExtractInt(metrics, 'totals', 'scores', 'content_integrity', 'count') / 1e6), 0.95),
        ('system_accuracy', 'quality', 'ratio', if((JSONExtractInt(metrics, 'totals', 'confirmed') + JSONExtractInt(metrics, 'totals', 'rejected')) = 0, NULL, (JSONExtractInt(metrics, 'totals', 'confirmed')) / ((JSONExtractInt(metrics, 'totals', 'confirmed') + JSONExtractInt(metrics, 'totals', 'rejected')))), NULL),
        ('user_satisfaction', 'user_experience', 'stars', if((JSONExtractInt(metrics, 'totals', 'thumbs_up') + JSONExtractInt(metrics, 'totals', 'thumbs_down')) = 0, NULL, (5 * JSONExtractInt(metrics, 'totals', 'thumbs_up')) / ((JSONExtractInt(metrics, 'totals', 'thumbs_up') + JSONExtractInt(metrics, 'totals', 'thumbs_down')))), 4.0),
        ('task_completion_rate', 'user_experience', 'ratio', if(JSONExtractInt(metrics, 'totals', 'subjects') = 0, NULL, (JSONExtractInt(metrics, 'totals', 'processed_subjects')) / (JSONExtractInt(metrics, 'totals', 'subjects'))), 0.95),
        ('system_responsiveness', 'user_experience', 'ratio', NULL, NULL),
        ('system_availability', 'system_health', 'ratio', if(JSONExtractInt(metrics, 'totals', 'minutes_with_result') = 0, NULL, (JSONExtractInt(metrics, 'totals', 'minutes_with_success')) / (JSONExtractInt(metrics, 'totals', 'minutes_with_result'))), 0.995),
        ('error_rate', 'system_health', 'ratio', if(JSONExtractInt(metrics, 'totals', 'results') = 0, NULL, (JSONExtractInt(metrics, 'totals', 'failed')) / (JSONExtractInt(metrics, 'totals', 'results'))), 0.01),
        ('resource_utilization', 'system_health', 'ratio', if(JSONExtractInt(metrics, 'operations', 'capacity') = 0, NULL, (JSONExtractInt(metrics, 'operations', 'active_requests')) / (JSONExtractInt(metrics, 'operations', 'capacity'))), 0.7)
    ], 'Array(Tuple(String, String, String, Nullable(Float64), Nullable(Float64)))')) AS kpi
    FROM (
        SELECT *, metrics,
            max(toInt64(JSONExtractInt(metrics, 'totals', 'processed_subjects'))) OVER a_day_ago AS processed_before,
            max(toInt64(JSONExtractInt(metrics, 'totals', 'cost_nano_usd'))) OVER a_day_ago AS cost_before
        FROM (SELECT * FROM snapshots FINAL) AS shown
        LEFT JOIN run_plans AS plan USING (run_id)
        WINDOW a_day_ago AS (PARTITION BY run_id ORDER BY minute
            RANGE BETWEEN UNBOUNDED PRECEDING AND 86400 PRECEDING)
    )
)
