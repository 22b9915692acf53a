-- What became of each subject at each tier.
-- A row: a run, a subject and a tier. Generated from metrics/ by `make docs`.
CREATE OR REPLACE VIEW run_subject_tiers AS
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
