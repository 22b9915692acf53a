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
    FROM result_ratings
    GROUP BY day, model, provider
) AS rated USING (day, model, provider)
