-- Budget, cost and return (S0, Cost tracking and budgeting).
-- A row: a run and a day (UTC) with results. Generated from metrics/ by `make docs`.
CREATE OR REPLACE VIEW cost_tracking AS
SELECT
    reinterpretAsUUID(sipHash128(run_id, day)) AS id,
    run_id,
    toDateTime(day, 'UTC') AS period_start,
    toDateTime(day + 1, 'UTC') AS period_end,
    plan.budget_usd AS budget_allocated,
    spent.cost_nano_usd / 1e9 AS budget_spent,
    plan.budget_usd - sum(spent.cost_nano_usd) OVER (PARTITION BY run_id ORDER BY day) / 1e9 AS budget_remaining,
    toJSONString(mapApply((name, nano) -> (name, nano / 1e9), spent.by_tier)) AS cost_by_tier,
    toJSONString(mapApply((name, nano) -> (name, nano / 1e9), spent.by_model)) AS cost_by_model,
    toJSONString(mapApply((name, nano) -> (name, nano / 1e9), spent.by_vehicle_type)) AS cost_by_vehicle_type,
    length(spent.records) AS tables_filled,
    arraySum(mapValues(spent.records)) AS records_added,
    spent.insights AS insights_generated,
    arraySum(arrayMap((name, n) -> n * plan.value_weights_usd[name], mapKeys(spent.records), mapValues(spent.records))) AS value_delivered_score,
    if(spent.cost_nano_usd = 0, NULL, value_delivered_score / (spent.cost_nano_usd / 1e9)) AS value_per_dollar,
    if(spent.insights = 0, NULL, spent.cost_nano_usd / spent.insights / 1e9) AS cost_per_insight,
    if(tables_filled = 0, NULL, spent.cost_nano_usd / tables_filled / 1e9) AS cost_per_table_filled,
    spent.unpriced AS unpriced,
    spent.recorded_at AS created_at
FROM (
    SELECT run_id, toDate(fromUnixTimestamp64Milli(effective_ms, 'UTC')) AS day,
        sum(ifNull(cost_nano_usd, 0)) AS cost_nano_usd, countIf(isNull(results.cost_nano_usd)) AS unpriced,
        sumMap(map(toString(tier), ifNull(results.cost_nano_usd, 0))) AS by_tier,
        sumMap(map(toString(model), ifNull(results.cost_nano_usd, 0))) AS by_model,
        sumMap(map(toString(ifNull(vehicle_type, 'unknown')), ifNull(results.cost_nano_usd, 0))) AS by_vehicle_type,
        sumMap(mapFilter((name, n) -> n > 0, tables)) AS records,
        sum(results.insights) AS insights, max(results.recorded_at) AS recorded_at
    FROM results FINAL
    GROUP BY run_id, day
) AS spent
LEFT JOIN (
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
