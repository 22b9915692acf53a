-- A run's ratios, exactly as live; NULL with nothing to divide by.
-- A row: a run. Generated from metrics/ by `make docs`.
CREATE OR REPLACE VIEW run_ratios AS
SELECT
    totals.run_id AS run_id,
    (totals.cost_nano_usd / nullIf(totals.subjects, 0)) AS cost_per_image_nano_usd,
    (totals.cost_nano_usd / nullIf((totals.results - totals.unpriced), 0)) AS cost_per_result_nano_usd,
    (totals.cost_nano_usd / nullIf(totals.answers, 0)) AS cost_per_answer_nano_usd,
    (totals.cost_nano_usd / nullIf(totals.insights, 0)) AS cost_per_insight_nano_usd,
    (totals.cost_nano_usd / nullIf((length(totals.records)), 0)) AS cost_per_table_nano_usd,
    (totals.cost_nano_usd / nullIf((arraySum(mapValues(totals.records))), 0)) AS cost_per_record_nano_usd,
    ((totals.confidence_sum_ppm / nullIf(totals.confidence_count, 0)) / nullIf(1000000, 0)) AS average_confidence,
    if(1 < (((totals.validated_receipt + totals.validated_user) + totals.validated_expert) / nullIf(totals.answers, 0)), 1, (((totals.validated_receipt + totals.validated_user) + totals.validated_expert) / nullIf(totals.answers, 0))) AS validation_rate,
    if(1 < (totals.validated_receipt / nullIf(totals.answers, 0)), 1, (totals.validated_receipt / nullIf(totals.answers, 0))) AS receipt_validation_rate,
    if(1 < (totals.validated_user / nullIf(totals.answers, 0)), 1, (totals.validated_user / nullIf(totals.answers, 0))) AS user_validation_rate,
    (totals.consensus_agreed / nullIf(totals.consensus_asked, 0)) AS consensus_rate,
    (totals.reprocessed_subjects / nullIf(totals.subjects, 0)) AS reprocessing_rate,
    (totals.failed / nullIf(totals.results, 0)) AS error_rate,
    (totals.timeouts / nullIf(totals.results, 0)) AS timeout_rate,
    if(1 < (totals.answers / nullIf(totals.questions_asked, 0)), 1, (totals.answers / nullIf(totals.questions_asked, 0))) AS data_quality,
    ((if(empty(plan.cheap_models), NULL, arraySum(arrayMap(model -> by_model.results[model], arrayDistinct(plan.cheap_models))))) / nullIf(totals.results, 0)) AS cheap_model_usage,
    ((if(empty(plan.cheap_models), NULL, totals.results - arraySum(arrayMap(model -> by_model.results[model], arrayDistinct(plan.cheap_models))))) / nullIf(totals.results, 0)) AS expensive_model_usage,
    ((totals.input_tokens + totals.output_tokens) / nullIf(totals.subjects, 0)) AS tokens_per_image,
    ((totals.input_tokens + totals.output_tokens) / nullIf(totals.answers, 0)) AS tokens_per_answer,
    (totals.cache_hits / nullIf(totals.results, 0)) AS cache_hit_rate,
    (totals.tokens_saved / nullIf(((totals.input_tokens + totals.output_tokens) + totals.tokens_saved), 0)) AS token_reduction_rate,
    ((by_band.images['rich']) / nullIf((arraySum(mapValues(by_band.images))), 0)) AS rich_context_share,
    ((by_band.images['good']) / nullIf((arraySum(mapValues(by_band.images))), 0)) AS good_context_share,
    ((by_band.images['medium']) / nullIf((arraySum(mapValues(by_band.images))), 0)) AS medium_context_share,
    ((by_band.images['poor']) / nullIf((arraySum(mapValues(by_band.images))), 0)) AS poor_context_share,
    ((if(empty(plan.value_weights_usd), NULL, arraySum(arrayMap((name, amount) -> amount * toInt64(roundBankers(plan.value_weights_usd[name] * 1e9)), mapKeys(totals.records), mapValues(totals.records))))) / nullIf(totals.cost_nano_usd, 0)) AS value_per_dollar,
    (((if(empty(plan.value_weights_usd), NULL, arraySum(arrayMap((name, amount) -> amount * toInt64(roundBankers(plan.value_weights_usd[name] * 1e9)), mapKeys(totals.records), mapValues(totals.records))))) - totals.cost_nano_usd) / nullIf(totals.cost_nano_usd, 0)) AS roi,
    (totals.insights / nullIf(totals.subjects, 0)) AS insights_per_image,
    ((arraySum(mapValues(totals.records))) / nullIf(totals.subjects, 0)) AS records_per_image,
    ((totals.success + totals.partial) / nullIf(totals.results, 0)) AS success_rate,
    (totals.retries / nullIf(totals.results, 0)) AS retry_rate,
    (totals.retrying / nullIf(totals.failed, 0)) AS retrying_share,
    (totals.latency_ms_sum / nullIf(totals.latency_count, 0)) AS mean_latency_ms,
    (totals.processed_subjects / nullIf(totals.subjects, 0)) AS completion_rate,
    (totals.overridden / nullIf(totals.answers, 0)) AS human_override_rate,
    ((arraySum(mapValues(mapFilter((step, amount) -> step < intDiv(toInt64(roundBankers(if(mapContains(plan.targets, 'confidence_threshold'), plan.targets['confidence_threshold'], 0.7) * 1e6)), 50000), totals.confidence_bins)))) / nullIf(totals.confidence_count, 0)) AS confidence_violation_rate
FROM run_totals AS totals
LEFT JOIN run_plans AS plan ON totals.run_id = plan.run_id
LEFT JOIN (
    SELECT run_id, CAST(groupArray((model, results)), 'Map(String, UInt64)') AS results
    FROM run_by_model GROUP BY run_id
) AS by_model ON totals.run_id = by_model.run_id
LEFT JOIN (
    SELECT run_id, CAST(groupArray((band, subjects)), 'Map(String, UInt64)') AS images
    FROM run_by_band GROUP BY run_id
) AS by_band ON totals.run_id = by_band.run_id
