-- What people and documents said: the latest word on each question, the latest rating of each subject.
-- Generated from metrics/ by `make docs`.
CREATE OR REPLACE VIEW run_feedback AS
WITH words AS (
    SELECT * FROM feedback FINAL
    ORDER BY source_offset
    LIMIT 1 BY run_id, source_partition, event_id
)
SELECT run_id,
    countIf(verdict = 'confirmed') AS confirmed,
    countIf(verdict = 'rejected') AS rejected,
    countIf(verdict = 'overridden') AS overridden,
    countIf(rating = 1) AS thumbs_up,
    countIf(rating = -1) AS thumbs_down,
    countIf(verdict = 'confirmed' AND validator = 'receipt') AS validated_receipt,
    countIf(verdict = 'confirmed' AND validator = 'user') AS validated_user,
    countIf(verdict = 'confirmed' AND validator = 'expert') AS validated_expert
FROM (
    SELECT run_id, argMax(words.verdict, source_offset) AS verdict, argMax(words.validator, source_offset) AS validator,
        0 AS rating
    FROM words WHERE isNotNull(question) AND isNotNull(words.verdict)
    GROUP BY run_id, source_partition, subject_kind, subject_id, question
    UNION ALL
    SELECT run_id, '', '', argMax(words.rating, source_offset)
    FROM words WHERE isNull(question) AND isNotNull(words.rating)
    GROUP BY run_id, source_partition, subject_kind, subject_id
)
GROUP BY run_id
