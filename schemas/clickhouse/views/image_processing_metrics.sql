-- An image's way through a run (S0, Per-image detailed metrics).
-- A row: a run and an image. Generated from metrics/ by `make docs`.
CREATE OR REPLACE VIEW image_processing_metrics AS
SELECT
    reinterpretAsUUID(sipHash128(run_id, subject_id)) AS id,
    run_id,
    subject_id AS image_id,
    argMax(results.vehicle_id, bitOr(bitShiftLeft(toUInt128(source_offset), 32), toUInt128(source_partition))) AS vehicle_id,
    min(ifNull(results.started_at, event_time)) AS started_at,
    max(event_time) AS completed_at,
    sum(ifNull(latency_ms, 0)) AS processing_duration_ms,
    max(tier) AS tier_reached,
    arraySort(groupUniqArray(toString(model))) AS models_used,
    sum(ifNull(cost_nano_usd, 0)) / 1e9 AS total_cost,
    sum(ifNull(cost_nano_usd, 0)) AS total_cost_nano_usd,
    sum(input_tokens + output_tokens) AS total_tokens,
    argMaxIf(results.context_score, bitOr(bitShiftLeft(toUInt128(source_offset), 32), toUInt128(source_partition)), isNotNull(results.context_score)) AS context_score,
    argMaxIf(results.context_items, bitOr(bitShiftLeft(toUInt128(source_offset), 32), toUInt128(source_partition)), isNotNull(results.context_score)) AS context_items,
    sum(answers_given) AS questions_answered,
    if(count(confidence_ppm) = 0, NULL, sum(ifNull(confidence_ppm, 0)) / count(confidence_ppm) / 1e6) AS avg_confidence,
    sum(validated_receipt + validated_user + validated_expert) + any(said.confirmed) AS validated_answers,
    sum(consensus_agreed) AS consensus_answers,
    arraySort(groupUniqArrayArray(mapKeys(tables))) AS tables_updated,
    sum(insights) AS insights_generated,
    sum(length(gaps.item)) AS gaps_identified,
    arrayMap(e -> e.3, arraySort(groupArrayIf((source_offset, source_partition, concat(ifNull(error_type, 'error'), ': ', ifNull(error_message, ''))), status = 'failed'))) AS errors_encountered,
    countIf(attempt > 1) AS retry_count,
    argMax(status, bitOr(bitShiftLeft(toUInt128(source_offset), 32), toUInt128(source_partition))) AS final_status,
    min(recorded_at) AS created_at
FROM (SELECT *, answers_given, validated_receipt, validated_user, validated_expert, consensus_asked, consensus_agreed FROM results FINAL WHERE event_type = 'image.result') AS results
LEFT JOIN (
    SELECT run_id, subject_id, countIf(verdict = 'confirmed') AS confirmed
    FROM (
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
    ) AS feedback_verdicts WHERE subject_kind = 'image' GROUP BY run_id, subject_id
) AS said USING (run_id, subject_id)
GROUP BY run_id, subject_id
