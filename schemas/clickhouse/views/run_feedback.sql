-- The counters of a run's feedback.
-- A row: a run with feedback. Generated from metrics/ by `make docs`.
CREATE OR REPLACE VIEW run_feedback AS
SELECT
    run_id,
    countIf(verdict = 'confirmed') AS confirmed,
    countIf(verdict = 'rejected') AS rejected,
    countIf(verdict = 'overridden') AS overridden,
    countIf(rating = 1) AS thumbs_up,
    countIf(rating = -1) AS thumbs_down,
    countIf(verdict = 'confirmed' AND validator = 'receipt') AS validated_receipt,
    countIf(verdict = 'confirmed' AND validator = 'user') AS validated_user,
    countIf(verdict = 'confirmed' AND validator = 'expert') AS validated_expert
FROM (
    SELECT run_id, verdict, validator, 0 AS rating FROM (
        SELECT
            run_id,
            source_partition,
            subject_kind,
            subject_id,
            question,
            argMax(words.verdict, source_offset) AS verdict,
            argMax(words.validator, source_offset) AS validator,
            argMax(tuple(words.user_id), source_offset).1 AS user_id,
            argMax(tuple(words.comment), source_offset).1 AS comment,
            argMax(words.effective_ms, source_offset) AS effective_ms
        FROM (
            SELECT * FROM feedback FINAL
            ORDER BY source_offset
            LIMIT 1 BY run_id, source_partition, event_id
        ) AS words
        WHERE isNotNull(question) AND isNotNull(words.verdict)
        GROUP BY run_id, source_partition, subject_kind, subject_id, question
    ) AS feedback_verdicts
    UNION ALL
    SELECT run_id, '', '', rating FROM (
        SELECT
            run_id,
            source_partition,
            subject_kind,
            subject_id,
            argMax(words.rating, source_offset) AS rating,
            argMax(tuple(words.user_id), source_offset).1 AS user_id,
            argMax(tuple(words.comment), source_offset).1 AS comment,
            argMax(words.effective_ms, source_offset) AS effective_ms
        FROM (
            SELECT * FROM feedback FINAL
            ORDER BY source_offset
            LIMIT 1 BY run_id, source_partition, event_id
        ) AS words
        WHERE isNull(question) AND isNotNull(words.rating)
        GROUP BY run_id, source_partition, subject_kind, subject_id
    ) AS feedback_ratings
)
GROUP BY run_id
