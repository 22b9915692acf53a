-- What each model makes of its tokens.
-- A row: a model and provider. Generated from metrics/ by `make docs`.
CREATE OR REPLACE VIEW model_token_efficiency AS
SELECT
    model,
    provider,
    count() AS total_calls,
    sum(input_tokens + output_tokens) / total_calls AS avg_tokens,
    sum(input_tokens) / total_calls AS avg_input_tokens,
    sum(output_tokens) / total_calls AS avg_output_tokens,
    sum(input_tokens + output_tokens) AS total_tokens,
    sum(results.cached_tokens) AS cached_tokens,
    sum(results.tokens_saved) AS tokens_saved,
    sum(length(results.answers)) AS answers,
    if(answers = 0, NULL, total_tokens / answers) AS tokens_per_answer,
    sum(ifNull(cost_nano_usd, 0)) / 1e9 AS total_cost_usd,
    countIf(isNull(cost_nano_usd)) AS unpriced_calls,
    if(total_tokens = 0, NULL, total_cost_usd / total_tokens * 1000) AS usd_per_1k_tokens
FROM results FINAL
GROUP BY model, provider
