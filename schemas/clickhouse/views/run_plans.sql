-- The plan of each run as it stands, and whether the run goes on.
-- A row: a run with an event of its life. Generated from metrics/ by `make docs`.
CREATE OR REPLACE VIEW run_plans AS
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
