-- A run's figures as they were (S0, Real-time processing metrics).
-- A row: a run and a minute. Generated from metrics/ by `make docs`.
CREATE OR REPLACE VIEW processing_metrics AS
SELECT
    JSONExtractString(metrics, 'event_id') AS id,
    shown.run_id AS run_id,
    shown.as_of AS as_of,
    shown.recorded_at AS recorded_at,
    JSONExtract(metrics, 'window_10m', 'images_per_minute', 'Nullable(Float64)') AS images_per_minute,
    JSONExtract(metrics, 'window_60s', 'results_per_minute', 'Nullable(Float64)') / 60 AS requests_per_second,
    JSONExtractInt(metrics, 'operations', 'queue_depth') AS queue_depth,
    JSONExtractInt(metrics, 'operations', 'active_requests') AS active_concurrent,
    JSONExtractInt(metrics, 'totals', 'cost_nano_usd') / 1e9 AS total_cost_accumulated,
    JSONExtractInt(metrics, 'window_60s', 'counters', 'cost_nano_usd') / 1e9 AS cost_this_minute,
    if(JSONExtractInt(metrics, 'totals', 'subjects') = 0, NULL, JSONExtractInt(metrics, 'totals', 'cost_nano_usd') / JSONExtractInt(metrics, 'totals', 'subjects') / 1e9) AS avg_cost_per_image,
    JSONExtract(metrics, 'projection', 'projected_nano_usd', 'Nullable(Int64)') / 1e9 AS projected_total_cost,
    if(JSONExtractInt(metrics, 'totals', 'confidence_count') = 0, NULL, JSONExtractInt(metrics, 'totals', 'confidence_sum_ppm') / JSONExtractInt(metrics, 'totals', 'confidence_count') / 1e6) AS avg_confidence,
    if(JSONExtractInt(metrics, 'totals', 'answers') = 0, NULL, least(1, (JSONExtractInt(metrics, 'totals', 'validated_receipt') + JSONExtractInt(metrics, 'totals', 'validated_user') + JSONExtractInt(metrics, 'totals', 'validated_expert')) / JSONExtractInt(metrics, 'totals', 'answers'))) AS validation_rate,
    if(JSONExtractInt(metrics, 'totals', 'consensus_asked') = 0, NULL, JSONExtractInt(metrics, 'totals', 'consensus_agreed') / JSONExtractInt(metrics, 'totals', 'consensus_asked')) AS consensus_rate,
    if(JSONExtractInt(metrics, 'totals', 'results') = 0, NULL, JSONExtractInt(metrics, 'totals', 'failed') / JSONExtractInt(metrics, 'totals', 'results')) AS error_rate,
    if(empty(cheap_models) OR JSONExtractInt(metrics, 'totals', 'results') = 0, NULL, 100 * arraySum(mapValues(mapFilter((model, n) -> has(cheap_models, model), mapApply((model, n) -> (model, n.1), JSONExtract(metrics, 'by_model', 'Map(String, Tuple(results Int64))'))))) / JSONExtractInt(metrics, 'totals', 'results')) AS cheap_model_percentage,
    scored.mean AS avg_context_score,
    if(JSONExtractInt(metrics, 'totals', 'subjects') = 0, NULL, (JSONExtractInt(metrics, 'totals', 'input_tokens') + JSONExtractInt(metrics, 'totals', 'output_tokens')) / JSONExtractInt(metrics, 'totals', 'subjects')) AS tokens_per_image,
    JSONExtractRaw(metrics, 'latency', 'by_provider') AS api_response_times,
    toJSONString(mapApply((provider, n) -> (provider, n.2 / n.1), JSONExtract(metrics, 'by_provider', 'Map(String, Tuple(results Int64, failed Int64))'))) AS api_error_rates
FROM (
    SELECT run_id, as_of, recorded_at, metrics, plan.cheap_models AS cheap_models
    FROM (SELECT * FROM snapshots FINAL) AS stored LEFT JOIN (
        SELECT
            run_id,
            countIf(event_type = 'run.declared') > 0 AS declared,
            transform(argMaxIf(event_type, (recorded_at, source_partition, source_offset), event_type IN ('run.declared', 'run.paused', 'run.resumed', 'run.finished')), ['run.paused', 'run.finished'], ['paused', 'finished'], 'open') AS phase,
            argMaxIf(tuple(said.name), (recorded_at, source_partition, source_offset), event_type = 'run.declared' OR (isNotNull(said.name))).1 AS name,
            argMaxIf(tuple(said.strategy), (recorded_at, source_partition, source_offset), event_type = 'run.declared' OR (isNotNull(said.strategy))).1 AS strategy,
            argMaxIf(tuple(said.started_at), (recorded_at, source_partition, source_offset), event_type = 'run.declared' OR (isNotNull(said.started_at))).1 AS started_at,
            argMaxIf(tuple(said.total_images), (recorded_at, source_partition, source_offset), event_type = 'run.declared' OR (isNotNull(said.total_images))).1 AS total_images,
            argMaxIf(tuple(said.tiers), (recorded_at, source_partition, source_offset), event_type = 'run.declared' OR (JSONType(raw, 'tiers') != 'Null')).1 AS tiers,
            argMaxIf(tuple(said.tier_order), (recorded_at, source_partition, source_offset), event_type = 'run.declared' OR (isNotNull(said.tier_order))).1 AS tier_order,
            argMaxIf(tuple(said.budget_usd), (recorded_at, source_partition, source_offset), event_type = 'run.declared' OR (isNotNull(said.budget_usd))).1 AS budget_usd,
            argMaxIf(tuple(said.baseline_name), (recorded_at, source_partition, source_offset), event_type = 'run.declared' OR (JSONType(raw, 'baseline') != 'Null')).1 AS baseline_name,
            argMaxIf(tuple(said.baseline_unit_cost_usd), (recorded_at, source_partition, source_offset), event_type = 'run.declared' OR (JSONType(raw, 'baseline') != 'Null')).1 AS baseline_unit_cost_usd,
            argMaxIf(tuple(said.baseline_latency_ms), (recorded_at, source_partition, source_offset), event_type = 'run.declared' OR (JSONType(raw, 'baseline') != 'Null')).1 AS baseline_latency_ms,
            argMaxIf(tuple(said.cheap_models), (recorded_at, source_partition, source_offset), event_type = 'run.declared' OR (JSONType(raw, 'cheap_models') != 'Null')).1 AS cheap_models,
            argMaxIf(tuple(said.sla_latency_ms), (recorded_at, source_partition, source_offset), event_type = 'run.declared' OR (JSONType(raw, 'sla') != 'Null')).1 AS sla_latency_ms,
            argMaxIf(tuple(said.sla_error_rate), (recorded_at, source_partition, source_offset), event_type = 'run.declared' OR (JSONType(raw, 'sla') != 'Null')).1 AS sla_error_rate,
            argMaxIf(tuple(said.sla_deadline), (recorded_at, source_partition, source_offset), event_type = 'run.declared' OR (JSONType(raw, 'sla') != 'Null')).1 AS sla_deadline,
            argMaxIf(tuple(said.value_weights_usd), (recorded_at, source_partition, source_offset), event_type = 'run.declared' OR (JSONType(raw, 'value_weights_usd') != 'Null')).1 AS value_weights_usd,
            argMaxIf(tuple(JSONExtract(raw, 'targets', 'Map(String, Float64)')), (recorded_at, source_partition, source_offset), event_type = 'run.declared' OR (JSONType(raw, 'targets') != 'Null')).1 AS targets,
            argMaxIf(tuple(JSONExtract(raw, 'baselines', 'Map(String, Float64)')), (recorded_at, source_partition, source_offset), event_type = 'run.declared' OR (JSONType(raw, 'baselines') != 'Null')).1 AS baselines
        FROM (
            SELECT * FROM runs FINAL
            WHERE event_type IN ('run.declared', 'run.updated', 'run.paused', 'run.resumed', 'run.finished')
            ORDER BY recorded_at, source_partition, source_offset
            LIMIT 1 BY run_id, event_id
        ) AS said
        GROUP BY run_id
    ) AS plan USING (run_id)
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
