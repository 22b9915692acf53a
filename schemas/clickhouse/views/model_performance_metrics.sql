-- Every model call with its time, tokens, outcome and rating (S4).
-- A row: a result. Generated from metrics/ by `make docs`.
CREATE OR REPLACE VIEW model_performance_metrics AS
SELECT
    results.event_id AS id,
    results.run_id AS run_id,
    results.model AS model,
    results.provider AS provider,
    results.task_type AS task_type,
    results.model_version AS model_version,
    results.task_complexity AS task_complexity,
    results.latency_ms AS response_time_ms,
    results.input_tokens + results.output_tokens AS tokens_used,
    results.input_tokens AS input_tokens,
    results.output_tokens AS output_tokens,
    results.status != 'failed' AS success,
    ifNull(results.error_message, results.error_type) AS error_message,
    toInt8(ifNull(rated.user_rating, 0)) AS user_rating,
    results.conversation_id AS conversation_id,
    results.user_id AS user_id,
    results.message_id AS message_id,
    toJSONString(results.attributes) AS metadata,
    fromUnixTimestamp64Milli(results.effective_ms, 'UTC') AS `timestamp`,
    results.cost_nano_usd / 1e9 AS cost_usd,
    results.cost_nano_usd AS cost_nano_usd,
    results.event_type AS event_type,
    results.subject_id AS subject_id,
    results.tier AS tier,
    results.variant AS variant,
    results.prompt_version AS prompt_version,
    results.attempt AS attempt,
    results.source_partition AS source_partition,
    results.source_offset AS source_offset
FROM (SELECT *, message_id FROM results FINAL) AS results
LEFT JOIN result_ratings AS rated USING (run_id, source_partition, event_id)
