-- One row for each image of a run (S0, Per-image detailed metrics).
-- Generated from metrics/ by `make docs`.
CREATE OR REPLACE VIEW image_processing_metrics AS
SELECT
    run_id,
    subject_id AS image_id,
    argMax(results.vehicle_id, source_offset) AS vehicle_id,
    min(ifNull(started_at, event_time)) AS started_at,
    max(event_time) AS completed_at,
    sum(ifNull(latency_ms, 0)) AS processing_duration_ms,
    max(tier) AS tier_reached,
    arraySort(groupUniqArray(toString(model))) AS models_used,
    sum(ifNull(cost_nano_usd, 0)) / 1e9 AS total_cost,
    sum(ifNull(cost_nano_usd, 0)) AS total_cost_nano_usd,
    sum(input_tokens + output_tokens) AS total_tokens,
    argMaxIf(results.context_score, source_offset, isNotNull(results.context_score)) AS context_score,
    argMaxIf(results.context_items, source_offset, isNotNull(results.context_score)) AS context_items,
    sum(length(answers)) AS questions_answered,
    avg(confidence) AS avg_confidence,
    sum(arrayCount(by -> isNotNull(by), answers.validated_by)) AS validated_answers,
    sum(arrayCount((asked, agreeing) -> ifNull(asked, 0) >= 2 AND ifNull(agreeing, 0) * 2 > ifNull(asked, 0),
        answers.asked_models, answers.agreeing_models)) AS consensus_answers,
    arraySort(groupUniqArrayArray(mapKeys(tables))) AS tables_updated,
    sum(insights) AS insights_generated,
    sum(length(gaps)) AS gaps_identified,
    groupArrayIf(concat(ifNull(error_type, 'error'), ': ', ifNull(error_message, '')), status = 'failed')
        AS errors_encountered,
    countIf(attempt > 1) AS retry_count,
    argMax(status, source_offset) AS final_status,
    min(recorded_at) AS created_at
FROM results FINAL
WHERE event_type = 'image.result'
GROUP BY run_id, subject_id
