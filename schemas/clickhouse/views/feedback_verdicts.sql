-- What people and documents said about answers: the latest word holds.
-- A row: a run, a subject and a question. Generated from metrics/ by `make docs`.
CREATE OR REPLACE VIEW feedback_verdicts AS
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
