-- The categories' scores and the overall score, minute by minute (S3).
-- A row: a run and a minute. Generated from metrics/ by `make docs`.
CREATE OR REPLACE VIEW kpi_scores AS
SELECT
    run_id,
    as_of,
    100 * arrayAvg(mapValues(means)) AS overall_score,
    mapApply((category, mean) -> (category, 100 * mean), means) AS category_scores
FROM (
    SELECT run_id, as_of, CAST(groupArray((category, mean)), 'Map(String, Float64)') AS means
    FROM (
        SELECT run_id, as_of, category, avg(attainment) AS mean
        FROM (
            SELECT
                run_id,
                as_of,
                recorded_at,
                name,
                category,
                value,
                unit,
                if(empty(stored), default_target, arrayFirst(one -> one.1 = name, stored).2) AS target,
                multiIf(isNull(value) OR isNull(target), NULL,
                    better = 'lower', if(value <= target, 1, greatest(0, target / value)),
                    target <= 0, NULL,
                    greatest(0, least(1, if(better = 'higher', value / target, 1 - abs(value - target) / target)))) AS attainment,
                multiIf(isNull(attainment), NULL, attainment >= transform(better, ['higher', 'lower', 'near'], [1.0, 1.0, 0.9], 1), 'on_target',
                    attainment >= 0.8, 'near_target', 'off_target') AS status,
                multiIf(NOT (with_trend AND enough) OR isNull(recent) OR isNull(before), NULL,
                    abs(recent - before) <= 0.05 * abs(before), 'steady', recent > before, 'up', 'down') AS trend
            FROM (
                SELECT run_id, as_of, recorded_at, stored, enough,
                    arrayMap(counted -> [
                        (counted['tokens_saved'] / nullIf(((counted['input_tokens'] + counted['output_tokens']) + counted['tokens_saved']), 0)),
                        (counted['cache_hits'] / nullIf(counted['results'], 0)),
                        (1 - ((counted['latency_ms_sum'] / nullIf(counted['latency_count'], 0)) / nullIf(derived['baseline_latency_ms'], 0))),
                        (((derived['day_processed_subjects'] * derived['baseline_unit_nano_usd']) - derived['day_cost_nano_usd']) / nullIf(1000000000, 0)),
                        ((derived['value_nano_usd'] - counted['cost_nano_usd']) / nullIf(counted['cost_nano_usd'], 0)),
                        if(1 < (if(1 < (counted['processed_subjects'] / nullIf(derived['total_images'], 0)), 1, (counted['processed_subjects'] / nullIf(derived['total_images'], 0))) / nullIf((counted['cost_nano_usd'] / nullIf(derived['budget_nano_usd'], 0)), 0)), 1, (if(1 < (counted['processed_subjects'] / nullIf(derived['total_images'], 0)), 1, (counted['processed_subjects'] / nullIf(derived['total_images'], 0))) / nullIf((counted['cost_nano_usd'] / nullIf(derived['budget_nano_usd'], 0)), 0))),
                        ((counted['scores.compression_quality.sum_micro'] / nullIf(counted['scores.compression_quality.count'], 0)) / nullIf(1000000, 0)),
                        ((counted['scores.content_integrity.sum_micro'] / nullIf(counted['scores.content_integrity.count'], 0)) / nullIf(1000000, 0)),
                        (counted['confirmed'] / nullIf((counted['confirmed'] + counted['rejected']), 0)),
                        ((counted['thumbs_up'] * 5) / nullIf((counted['thumbs_up'] + counted['thumbs_down']), 0)),
                        (counted['processed_subjects'] / nullIf(counted['subjects'], 0)),
                        (derived['within_sla'] / nullIf(counted['latency_count'], 0)),
                        (counted['minutes_with_success'] / nullIf(counted['minutes_with_result'], 0)),
                        (counted['failed'] / nullIf(counted['results'], 0)),
                        (derived['active_requests'] / nullIf(derived['capacity'], 0))
                    ], [whole, window_10m, mapSubtract(whole, window_10m)]) AS found
                FROM (
                    SELECT run_id, as_of, recorded_at,
                        JSONExtract(metrics, 'kpis', 'Array(Tuple(name String, target Nullable(Float64)))') AS stored,
                        JSONExtract(metrics, 'derived', 'Map(String, Nullable(Float64))') AS derived,
                        CAST(arrayConcat(JSONExtractKeysAndValues(metrics, 'totals', 'Int64'), [('scores.compression_quality.count', JSONExtractInt(metrics, 'totals', 'scores', 'compression_quality', 'count')), ('scores.compression_quality.sum_micro', JSONExtractInt(metrics, 'totals', 'scores', 'compression_quality', 'sum_micro')), ('scores.content_integrity.count', JSONExtractInt(metrics, 'totals', 'scores', 'content_integrity', 'count')), ('scores.content_integrity.sum_micro', JSONExtractInt(metrics, 'totals', 'scores', 'content_integrity', 'sum_micro'))]), 'Map(String, Int64)') AS whole,
                        CAST(arrayConcat(JSONExtractKeysAndValues(metrics, 'window_10m', 'counters', 'Int64'), [('scores.compression_quality.count', JSONExtractInt(metrics, 'window_10m', 'counters', 'scores', 'compression_quality', 'count')), ('scores.compression_quality.sum_micro', JSONExtractInt(metrics, 'window_10m', 'counters', 'scores', 'compression_quality', 'sum_micro')), ('scores.content_integrity.count', JSONExtractInt(metrics, 'window_10m', 'counters', 'scores', 'content_integrity', 'count')), ('scores.content_integrity.sum_micro', JSONExtractInt(metrics, 'window_10m', 'counters', 'scores', 'content_integrity', 'sum_micro'))]), 'Map(String, Int64)') AS window_10m,
                        least(window_10m['results'], whole['results'] - window_10m['results']) >= 20 AS enough
                    FROM snapshots FINAL
                )
            )
            ARRAY JOIN ['token_reduction_rate', 'cache_hit_rate', 'response_time_improvement', 'daily_cost_savings', 'roi_percentage', 'budget_utilization_efficiency', 'compression_quality', 'content_integrity', 'system_accuracy', 'user_satisfaction', 'task_completion_rate', 'system_responsiveness', 'system_availability', 'error_rate', 'resource_utilization'] AS name, ['performance', 'performance', 'performance', 'cost', 'cost', 'cost', 'quality', 'quality', 'quality', 'user_experience', 'user_experience', 'user_experience', 'system_health', 'system_health', 'system_health'] AS category, ['ratio', 'ratio', 'ratio', 'usd', 'ratio', 'ratio', 'ratio', 'ratio', 'ratio', 'stars', 'ratio', 'ratio', 'ratio', 'ratio', 'ratio'] AS unit, ['higher', 'higher', 'higher', 'higher', 'higher', 'higher', 'higher', 'higher', 'higher', 'higher', 'higher', 'higher', 'higher', 'lower', 'near'] AS better, CAST([0.6, 0.8, 0.3, 50.0, 3.0, NULL, 0.85, 0.95, NULL, 4.0, 0.95, NULL, 0.995, 0.01, 0.7], 'Array(Nullable(Float64))') AS default_target, [1, 1, 1, 0, 0, 1, 1, 1, 0, 0, 1, 0, 0, 1, 0] AS with_trend,
                found[1] AS value, found[2] AS recent, found[3] AS before
        ) AS kpi_results WHERE isNotNull(attainment) GROUP BY run_id, as_of, category
    )
    GROUP BY run_id, as_of
)
