-- Thumbs up and down: the latest rating of each subject holds.
-- A row: a run and a subject. Generated from metrics/ by `make docs`.
CREATE OR REPLACE VIEW feedback_ratings AS
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
