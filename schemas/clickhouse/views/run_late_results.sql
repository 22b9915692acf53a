-- The results that came late: in the totals, in no bucket.
-- A row: a result over 24 h behind its run. Generated from metrics/ by `make docs`.
CREATE OR REPLACE VIEW run_late_results AS
SELECT
    run_id,
    source_partition,
    tier,
    model,
    provider,
    context_score,
    task_type,
    component_type,
    variant,
    source_offset
FROM (
    SELECT run_id, source_partition, source_offset, tier, model, provider, context_score, task_type, component_type, variant, effective_ms < max(effective_ms) OVER (
        PARTITION BY run_id, source_partition ORDER BY source_offset
        ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) - 86400000 AS is_late
    FROM (SELECT run_id, source_partition, source_offset, effective_ms, tier, model, provider, context_score, task_type, component_type, variant FROM results FINAL) AS r
    INNER JOIN (
        SELECT run_id, source_partition FROM results GROUP BY run_id, source_partition
        HAVING max(effective_ms) - min(effective_ms) > 86400000
    ) AS spanning USING (run_id, source_partition)
)
WHERE is_late
