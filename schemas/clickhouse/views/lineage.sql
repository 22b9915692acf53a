-- Image, question, answer, table row: both ways to follow (S0, Audit).
-- A row: an answer. Generated from metrics/ by `make docs`.
CREATE OR REPLACE VIEW lineage AS
SELECT
    said.run_id AS run_id,
    said.event_id AS event_id,
    said.event_time AS event_time,
    said.recorded_at AS recorded_at,
    said.subject_kind AS subject_kind,
    said.subject_id AS subject_id,
    said.image_id AS image_id,
    said.vehicle_id AS vehicle_id,
    said.component_type AS component_type,
    said.tier AS tier,
    said.task_type AS task_type,
    said.strategy AS strategy,
    said.variant AS variant,
    said.model AS model,
    said.model_version AS model_version,
    said.provider AS provider,
    said.prompt_version AS prompt_version,
    said.processor_id AS processor_id,
    said.trace_id AS trace_id,
    said.attempt AS attempt,
    said.status AS status,
    said.cost_nano_usd AS cost_nano_usd,
    said.latency_ms AS latency_ms,
    said.context_score AS context_score,
    said.context_items AS context_items,
    said.question AS question,
    said.answer AS answer,
    said.confidence AS confidence,
    said.`table` AS `table`,
    said.record_id AS record_id,
    said.validated_by AS validated_by,
    said.asked_models AS asked_models,
    said.agreeing_models AS agreeing_models,
    if(ifNull(said.asked_models, 0) < 2, NULL, ifNull(said.agreeing_models, 0) * 2 > said.asked_models) AS is_consensus,
    nullIf(word.verdict, '') AS verdict,
    if(isNull(verdict), NULL, word.validator) AS verdict_by,
    said.source_topic AS source_topic,
    said.source_partition AS source_partition,
    said.source_offset AS source_offset
FROM (
    SELECT
        run_id,
        event_id,
        event_time,
        recorded_at,
        subject_kind,
        subject_id,
        image_id,
        vehicle_id,
        component_type,
        tier,
        task_type,
        strategy,
        variant,
        model,
        model_version,
        provider,
        prompt_version,
        processor_id,
        trace_id,
        attempt,
        status,
        cost_nano_usd,
        latency_ms,
        context_score,
        context_items,
        answer.question AS question,
        answer.answer AS answer,
        answer.confidence AS confidence,
        answer.table AS `table`,
        answer.record_id AS record_id,
        answer.validated_by AS validated_by,
        answer.asked_models AS asked_models,
        answer.agreeing_models AS agreeing_models,
        source_topic,
        source_partition,
        source_offset
    FROM results FINAL
    ARRAY JOIN answers AS answer
) AS said
LEFT JOIN (
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
) AS word USING (run_id, source_partition, subject_kind, subject_id, question)
