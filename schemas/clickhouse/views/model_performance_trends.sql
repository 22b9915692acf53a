-- How each model did from day to day.
-- A row: a day (UTC), model and provider. Generated from metrics/ by `make docs`.
CREATE OR REPLACE VIEW model_performance_trends AS
SELECT
    called.day AS day,
    called.model AS model,
    called.provider AS provider,
    called.total_calls AS total_calls,
    called.successful_calls AS successful_calls,
    called.success_rate AS success_rate,
    called.avg_response_time_ms AS avg_response_time_ms,
    called.avg_tokens AS avg_tokens,
    called.total_cost_usd AS total_cost_usd,
    called.unpriced_calls AS unpriced_calls,
    called.median_response_time_ms AS median_response_time_ms,
    called.p95_response_time_ms AS p95_response_time_ms,
    rated.thumbs_up AS thumbs_up,
    rated.thumbs_down AS thumbs_down,
    if(thumbs_up + thumbs_down = 0, NULL, thumbs_up / (thumbs_up + thumbs_down)) AS satisfaction_rate
FROM (
    SELECT
        toDate(fromUnixTimestamp64Milli(effective_ms, 'UTC')) AS day,
        model,
        provider,
        count() AS total_calls,
        countIf(status != 'failed') AS successful_calls,
        successful_calls / total_calls AS success_rate,
        if(count(latency_ms) = 0, NULL, sum(ifNull(latency_ms, 0)) / count(latency_ms)) AS avg_response_time_ms,
        sum(input_tokens + output_tokens) / total_calls AS avg_tokens,
        sum(ifNull(cost_nano_usd, 0)) / 1e9 AS total_cost_usd,
        countIf(isNull(cost_nano_usd)) AS unpriced_calls,
        if(count(latency_ms) = 0, NULL, quantilesExactInclusive(0.5, 0.95, 0.99)(latency_ms)[1]) AS median_response_time_ms,
        if(count(latency_ms) = 0, NULL, quantilesExactInclusive(0.5, 0.95, 0.99)(latency_ms)[2]) AS p95_response_time_ms
    FROM results FINAL
    GROUP BY day, model, provider
) AS called
LEFT JOIN (
    SELECT
        toDate(fromUnixTimestamp64Milli(effective_ms, 'UTC')) AS day,
        model,
        provider,
        countIf(user_rating = 1) AS thumbs_up,
        countIf(user_rating = -1) AS thumbs_down
    FROM (
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
    ) AS result_ratings
    GROUP BY day, model, provider
) AS rated USING (day, model, provider)
