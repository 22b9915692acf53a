-- The model with the best quality score for each task: last 30 days, all runs, of those with 5 calls or more.
-- A row: a task. Generated from metrics/ by `make docs`.
CREATE OR REPLACE VIEW best_model_by_task AS
SELECT
    task_type,
    model,
    provider,
    total_calls,
    successful_calls,
    success_rate,
    avg_response_time_ms,
    avg_tokens,
    total_cost_usd,
    unpriced_calls,
    thumbs_up,
    thumbs_down,
    satisfaction_rate,
    speed_score,
    quality_score,
    confidence
FROM (
SELECT
    called.task_type AS task_type,
    called.model AS model,
    called.provider AS provider,
    called.total_calls AS total_calls,
    called.successful_calls AS successful_calls,
    called.success_rate AS success_rate,
    called.avg_response_time_ms AS avg_response_time_ms,
    called.avg_tokens AS avg_tokens,
    called.total_cost_usd AS total_cost_usd,
    called.unpriced_calls AS unpriced_calls,
    rated.thumbs_up AS thumbs_up,
    rated.thumbs_down AS thumbs_down,
    if(thumbs_up + thumbs_down = 0, NULL, thumbs_up / (thumbs_up + thumbs_down)) AS satisfaction_rate,
    if(isNull(avg_response_time_ms), NULL, greatest(0, 100 - least(100, avg_response_time_ms / 100))) AS speed_score,
    (0.4 * 100 * success_rate + 0.4 * 100 * ifNull(satisfaction_rate, 0) + 0.2 * ifNull(speed_score, 0)) / (0.4 + 0.4 * isNotNull(satisfaction_rate) + 0.2 * isNotNull(speed_score)) AS quality_score,
    100 * (0.5 * least(1, total_calls / 100) + 0.3 * (1 - 2 * 1.959963984540054 * sqrt(success_rate * (1 - success_rate) / total_calls + 0.9603647051735313 / (total_calls * total_calls)) / (1 + 3.8414588206941254 / total_calls)) + 0.2 * if(isNull(satisfaction_rate), 0, 1 - 2 * 1.959963984540054 * sqrt(ifNull(satisfaction_rate, 0) * (1 - ifNull(satisfaction_rate, 0)) / greatest(1, thumbs_up + thumbs_down) + 0.9603647051735313 / (greatest(1, thumbs_up + thumbs_down) * greatest(1, thumbs_up + thumbs_down))) / (1 + 3.8414588206941254 / greatest(1, thumbs_up + thumbs_down)))) AS confidence
FROM (
    SELECT
        task_type,
        model,
        provider,
        count() AS total_calls,
        countIf(status != 'failed') AS successful_calls,
        successful_calls / total_calls AS success_rate,
        if(count(latency_ms) = 0, NULL, sum(ifNull(latency_ms, 0)) / count(latency_ms)) AS avg_response_time_ms,
        sum(input_tokens + output_tokens) / total_calls AS avg_tokens,
        sum(ifNull(cost_nano_usd, 0)) / 1e9 AS total_cost_usd,
        countIf(isNull(cost_nano_usd)) AS unpriced_calls
    FROM results FINAL
    WHERE effective_ms >= toUnixTimestamp64Milli(now64(3)) - 86400000 * 30
    GROUP BY task_type, model, provider
) AS called
LEFT JOIN (
    SELECT
        task_type,
        model,
        provider,
        countIf(user_rating = 1) AS thumbs_up,
        countIf(user_rating = -1) AS thumbs_down
    FROM result_ratings
    WHERE effective_ms >= toUnixTimestamp64Milli(now64(3)) - 86400000 * 30
    GROUP BY task_type, model, provider
) AS rated USING (task_type, model, provider)
)
WHERE total_calls >= 5
ORDER BY task_type, quality_score DESC, total_calls DESC, model, provider
LIMIT 1 BY task_type
