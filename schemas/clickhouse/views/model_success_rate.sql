-- How reliable each model is.
-- A row: a model and provider. Generated from metrics/ by `make docs`.
CREATE OR REPLACE VIEW model_success_rate AS
SELECT
    model,
    provider,
    count() AS total_calls,
    countIf(status != 'failed') AS successful_calls,
    successful_calls / total_calls AS success_rate,
    countIf(status = 'failed') AS failed_calls,
    countIf(status = 'failed' AND error_timeout = 1) AS timeout_calls,
    round(100 * success_rate, 2) AS success_percentage
FROM results FINAL
GROUP BY model, provider
