-- How fast each model answers: mean, extremes, exact percentiles.
-- A row: a model and provider. Generated from metrics/ by `make docs`.
CREATE OR REPLACE VIEW model_avg_response_time AS
SELECT
    model,
    provider,
    count() AS total_calls,
    count(latency_ms) AS timed_calls,
    if(count(latency_ms) = 0, NULL, sum(ifNull(latency_ms, 0)) / count(latency_ms)) AS avg_response_time_ms,
    min(latency_ms) AS min_response_time_ms,
    max(latency_ms) AS max_response_time_ms,
    if(count(latency_ms) = 0, NULL, quantilesExactInclusive(0.5, 0.95, 0.99)(latency_ms)[1]) AS median_response_time_ms,
    if(count(latency_ms) = 0, NULL, quantilesExactInclusive(0.5, 0.95, 0.99)(latency_ms)[2]) AS p95_response_time_ms,
    if(count(latency_ms) = 0, NULL, quantilesExactInclusive(0.5, 0.95, 0.99)(latency_ms)[3]) AS p99_response_time_ms
FROM results FINAL
GROUP BY model, provider
