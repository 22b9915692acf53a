-- What became of each subject over all tiers.
-- A row: a run and a subject. Generated from metrics/ by `make docs`.
CREATE OR REPLACE VIEW run_subjects AS
SELECT
    run_id,
    source_partition,
    event_type,
    subject_id,
    max(plan_done) AS processed,
    argMax(tiers.failed, last_offset) AS failed,
    max(tiers.reprocessed) AS reprocessed,
    any(bands.band) AS band
FROM run_subject_tiers AS tiers
LEFT JOIN (
    SELECT run_id, source_partition, event_type, subject_id, argMax(multiIf(isNull(context_score), '', context_score >= 60, 'rich', context_score >= 30, 'good', context_score >= 10, 'medium', context_score >= 0, 'poor', 'poor'), source_offset) AS band
    FROM results FINAL
    WHERE isNotNull(context_score)
    GROUP BY run_id, source_partition, event_type, subject_id
) AS bands USING (run_id, source_partition, event_type, subject_id)
GROUP BY run_id, source_partition, event_type, subject_id
