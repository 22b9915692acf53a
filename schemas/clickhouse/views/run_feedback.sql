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
    SELECT run_id, verdict, validator, 0 AS rating FROM feedback_verdicts
    UNION ALL
    SELECT run_id, '', '', rating FROM feedback_ratings
)
GROUP BY run_id
