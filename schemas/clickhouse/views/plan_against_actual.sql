-- What was planned for each tier (phase), and what came of it.
-- A row: a run and a tier that is planned or has results. Generated from metrics/ by `make docs`.
CREATE OR REPLACE VIEW plan_against_actual AS
SELECT
    run_id,
    tier,
    plan.name AS name,
    plan.images AS planned_images,
    actual.complete AS actual_images,
    if(plan.batch_size > 0, ceil(plan.images / plan.batch_size), NULL) AS planned_batches,
    actual.batches AS actual_batches,
    planned_batches * plan.batch_seconds / 60 AS planned_minutes,
    if(actual.results = 0, NULL, (actual.last_ms - actual.first_ms) / 60000) AS actual_minutes,
    plan.images * plan.unit_cost_usd AS planned_usd,
    actual.cost_nano_usd / 1e9 AS actual_usd,
    plan.unit_cost_usd AS planned_unit_cost_usd,
    if(actual.complete = 0, NULL, actual.cost_nano_usd / actual.complete / 1e9) AS actual_unit_cost_usd
FROM (
    SELECT run_id, toUInt8(step.tier) AS tier FROM (
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
    ) AS run_plans ARRAY JOIN tiers AS step
    UNION DISTINCT
    SELECT run_id, tier FROM results FINAL
) AS steps
LEFT JOIN (
    SELECT run_id, toUInt8(step.tier) AS tier,
        any(step.name) AS name, any(step.images) AS images, any(step.unit_cost_usd) AS unit_cost_usd,
        any(step.batch_size) AS batch_size, any(step.batch_seconds) AS batch_seconds
    FROM (
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
    ) AS run_plans ARRAY JOIN tiers AS step
    GROUP BY run_id, tier
) AS plan USING (run_id, tier)
LEFT JOIN (
    SELECT run_id, tier, counted.results AS results, counted.cost_nano_usd AS cost_nano_usd,
        counted.batches AS batches, counted.first_ms AS first_ms, counted.last_ms AS last_ms,
        subjects.complete AS complete
    FROM (
        SELECT run_id, tier, count() AS results, sum(ifNull(cost_nano_usd, 0)) AS cost_nano_usd,
            uniqExact(batch_id) AS batches, min(effective_ms) AS first_ms, max(effective_ms) AS last_ms
        FROM results FINAL GROUP BY run_id, tier
    ) AS counted
    INNER JOIN (
        SELECT run_id, tier, sum(processed) AS complete FROM (
            SELECT
                run_id,
                source_partition,
                event_type,
                subject_id,
                tier,
                max(status != 'failed') AS processed,
                max(final AND status != 'failed') AS plan_done,
                argMax(status, source_offset) = 'failed' AS failed,
                countIf(status = 'success') > 1 AS reprocessed,
                max(source_offset) AS last_offset
            FROM results FINAL
            GROUP BY run_id, source_partition, event_type, subject_id, tier
        ) AS run_subject_tiers GROUP BY run_id, tier
    ) AS subjects USING (run_id, tier)
) AS actual USING (run_id, tier)
