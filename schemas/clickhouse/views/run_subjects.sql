-- What became of each subject over all tiers.
-- A row: a run and a subject. Generated from metrics/ by `make docs`.
CREATE OR REPLACE VIEW run_subjects AS
SELECT
    run_id,
    source_partition,
    event_type,
    subject_id,
    max(final AND status != 'failed') AS processed,
    argMax(status, source_offset) = 'failed' AS failed,
    countIf(status = 'success') > bitCount(groupBitOrIf(bitShiftLeft(toUInt16(1), tier), status = 'success')) AS reprocessed,
    argMaxIf(multiIf(isNull(context_score), '', context_score >= 60, 'rich', context_score >= 30, 'good', context_score >= 10, 'medium', context_score >= 0, 'poor', 'poor'), source_offset, isNotNull(context_score)) AS band
FROM results FINAL
GROUP BY run_id, source_partition, event_type, subject_id
