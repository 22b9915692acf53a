-- Image, question, answer, table row: one row an answer, both ways to follow (S0, Audit).
-- Generated from metrics/ by `make docs`.
CREATE OR REPLACE VIEW lineage AS
SELECT run_id, event_id, event_time, recorded_at, subject_kind, subject_id, image_id, vehicle_id, tier, task_type,
    model, model_version, provider, prompt_version, status,
    answer.question AS question, answer.answer AS answer, answer.confidence AS confidence,
    answer.table AS `table`, answer.record_id AS record_id, answer.validated_by AS validated_by,
    answer.asked_models AS asked_models, answer.agreeing_models AS agreeing_models,
    source_topic, source_partition, source_offset
FROM results FINAL
ARRAY JOIN answers AS answer
