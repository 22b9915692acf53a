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
    SELECT run_id, toUInt8(step.tier) AS tier FROM run_plans ARRAY JOIN tiers AS step
    UNION DISTINCT
    SELECT run_id, tier FROM results FINAL
) AS steps
LEFT JOIN (
    SELECT run_id, toUInt8(step.tier) AS tier,
        any(step.name) AS name, any(step.images) AS images, any(step.unit_cost_usd) AS unit_cost_usd,
        any(step.batch_size) AS batch_size, any(step.batch_seconds) AS batch_seconds
    FROM run_plans ARRAY JOIN tiers AS step
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
        SELECT run_id, tier, sum(processed) AS complete FROM run_subject_tiers GROUP BY run_id, tier
    ) AS subjects USING (run_id, tier)
) AS actual USING (run_id, tier)
