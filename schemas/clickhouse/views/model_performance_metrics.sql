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
LEFT JOIN (
    SELECT
        picked.1 AS run_id,
        picked.2 AS source_partition,
        picked.3 AS event_id,
        picked.4 AS model,
        picked.5 AS provider,
        picked.6 AS task_type,
        picked.8 AS tier,
        picked.9 AS component_type,
        picked.10 AS task_complexity,
        picked.11 AS variant,
        picked.7 AS effective_ms,
        picked.12 AS user_type,
        argMax(rating, (rated_ms, rated_at)) AS user_rating
    FROM (
            SELECT word.rating AS rating, word.effective_ms AS rated_ms,
                (word.run_id, word.source_partition, word.subject_kind, word.subject_id) AS rated_at,
                argMax((call.run_id, call.source_partition, call.event_id, call.model, call.provider, call.task_type, call.effective_ms, call.tier, call.component_type, call.task_complexity, call.variant, call.user_type), bitOr(
                    bitShiftLeft(toUInt256(bitOr(bitOr(4 * (call.run_id = word.run_id),
                        2 * (call.effective_ms <= word.effective_ms)), call.status != 'failed')), 160), bitOr(
                    bitShiftLeft(toUInt256(call.effective_ms + 4611686018427387904), 96), bitOr(
                    bitShiftLeft(toUInt256(call.source_offset), 32), toUInt256(call.source_partition))))) AS picked
            FROM (
                SELECT run_id, source_partition, event_id, model, provider, task_type, effective_ms, tier, component_type, task_complexity, variant, user_type, status, source_offset, about.1 AS subject_kind, about.2 AS subject_id
                FROM (
                    SELECT run_id, source_partition, event_id, model, provider, task_type, effective_ms, tier, component_type, task_complexity, variant, user_type, status, source_offset,
                        arrayJoin(arrayConcat([(toString(results.subject_kind), results.subject_id)],
                            if(isNull(conversation_id), [], [('conversation', assumeNotNull(conversation_id))]))) AS about
                    FROM results FINAL
                    WHERE (subject_id IN (SELECT subject_id FROM feedback WHERE isNull(question) AND isNotNull(rating))
                        OR conversation_id IN (SELECT subject_id FROM feedback WHERE isNull(question) AND isNotNull(rating) AND subject_kind = 'conversation'))
                )
            ) AS call
            INNER JOIN (
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
            ) AS word
                ON call.subject_kind = toString(word.subject_kind) AND call.subject_id = word.subject_id
            GROUP BY rating, rated_ms, rated_at
    )
    GROUP BY picked
) AS rated USING (run_id, source_partition, event_id)
