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
LEFT JOIN run_plans AS plan USING (run_id)
