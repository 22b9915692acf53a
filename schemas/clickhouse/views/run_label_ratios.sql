-- The ratios of a run's tiers, models and other groups, exactly as live.
-- A row: a run, a label and a value of it. Generated from metrics/ by `make docs`.
CREATE OR REPLACE VIEW run_label_ratios AS
SELECT
    run_id,
    label,
    label_value,
    (counted.cost_nano_usd / nullIf(subjects.subjects, 0)) AS cost_per_image_nano_usd,
    (counted.cost_nano_usd / nullIf((counted.results - counted.unpriced), 0)) AS cost_per_result_nano_usd,
    (counted.cost_nano_usd / nullIf(counted.answers, 0)) AS cost_per_answer_nano_usd,
    (counted.cost_nano_usd / nullIf(counted.insights, 0)) AS cost_per_insight_nano_usd,
    ((counted.confidence_sum_ppm / nullIf(counted.confidence_count, 0)) / nullIf(1000000, 0)) AS average_confidence,
    if(1 < (((counted.validated_receipt + counted.validated_user) + counted.validated_expert) / nullIf(counted.answers, 0)), 1, (((counted.validated_receipt + counted.validated_user) + counted.validated_expert) / nullIf(counted.answers, 0))) AS validation_rate,
    if(1 < (counted.validated_receipt / nullIf(counted.answers, 0)), 1, (counted.validated_receipt / nullIf(counted.answers, 0))) AS receipt_validation_rate,
    if(1 < (counted.validated_user / nullIf(counted.answers, 0)), 1, (counted.validated_user / nullIf(counted.answers, 0))) AS user_validation_rate,
    (counted.consensus_agreed / nullIf(counted.consensus_asked, 0)) AS consensus_rate,
    (subjects.reprocessed_subjects / nullIf(subjects.subjects, 0)) AS reprocessing_rate,
    (counted.failed / nullIf(counted.results, 0)) AS error_rate,
    (counted.timeouts / nullIf(counted.results, 0)) AS timeout_rate,
    if(1 < (counted.answers / nullIf(counted.questions_asked, 0)), 1, (counted.answers / nullIf(counted.questions_asked, 0))) AS data_quality,
    ((counted.input_tokens + counted.output_tokens) / nullIf(subjects.subjects, 0)) AS tokens_per_image,
    ((counted.input_tokens + counted.output_tokens) / nullIf(counted.answers, 0)) AS tokens_per_answer,
    (counted.cache_hits / nullIf(counted.results, 0)) AS cache_hit_rate,
    (counted.tokens_saved / nullIf(((counted.input_tokens + counted.output_tokens) + counted.tokens_saved), 0)) AS token_reduction_rate,
    (counted.insights / nullIf(subjects.subjects, 0)) AS insights_per_image,
    ((counted.success + counted.partial) / nullIf(counted.results, 0)) AS success_rate,
    (counted.retries / nullIf(counted.results, 0)) AS retry_rate,
    (counted.retrying / nullIf(counted.failed, 0)) AS retrying_share,
    (counted.latency_ms_sum / nullIf(counted.latency_count, 0)) AS mean_latency_ms,
    (subjects.processed_subjects / nullIf(subjects.subjects, 0)) AS completion_rate
FROM (
    SELECT run_id, labelled.1 AS label, labelled.2 AS label_value,
        sum(one.results) AS results,
        sum(one.success) AS success,
        sum(one.partial) AS partial,
        sum(one.failed) AS failed,
        sum(one.timeouts) AS timeouts,
        sum(one.retries) AS retries,
        sum(one.retrying) AS retrying,
        accurateCastOrNull(sum(one.cost_nano_usd), 'Int64') AS cost_nano_usd,
        sum(one.unpriced) AS unpriced,
        sum(one.input_tokens) AS input_tokens,
        sum(one.output_tokens) AS output_tokens,
        sum(one.tokens_saved) AS tokens_saved,
        sum(one.cache_hits) AS cache_hits,
        sum(one.latency_ms_sum) AS latency_ms_sum,
        sum(one.latency_count) AS latency_count,
        sum(one.confidence_sum_ppm) AS confidence_sum_ppm,
        sum(one.confidence_count) AS confidence_count,
        sum(one.questions_asked) AS questions_asked,
        sum(one.insights) AS insights,
        sum(one.answers) AS answers,
        sum(one.validated_receipt) AS validated_receipt,
        sum(one.validated_user) AS validated_user,
        sum(one.validated_expert) AS validated_expert,
        sum(one.consensus_asked) AS consensus_asked,
        sum(one.consensus_agreed) AS consensus_agreed
    FROM (
        SELECT run_id, tier AS by_tier, model AS by_model, provider AS by_provider, multiIf(isNull(context_score), '', context_score >= 60, 'rich', context_score >= 30, 'good', context_score >= 10, 'medium', context_score >= 0, 'poor', 'poor') AS by_band, task_type AS by_task_type, ifNull(component_type, '') AS by_component_type, ifNull(variant, '') AS by_variant,
            count() AS results,
            countIf(r.status = 'success') AS success,
            countIf(r.status = 'partial') AS partial,
            countIf(r.status = 'failed') AS failed,
            countIf(r.status = 'failed' AND r.error_timeout = 1) AS timeouts,
            countIf(r.attempt > 1) AS retries,
            countIf(r.status = 'failed' AND r.will_retry) AS retrying,
            sum(toInt128(ifNull(r.cost_nano_usd, 0))) AS cost_nano_usd,
            countIf(isNull(r.cost_nano_usd)) AS unpriced,
            sum(r.input_tokens) AS input_tokens,
            sum(r.output_tokens) AS output_tokens,
            sum(r.tokens_saved) AS tokens_saved,
            countIf(r.cache_hit) AS cache_hits,
            sum(ifNull(r.latency_ms, 0)) AS latency_ms_sum,
            count(r.latency_ms) AS latency_count,
            sum(ifNull(r.confidence_ppm, 0)) AS confidence_sum_ppm,
            count(r.confidence_ppm) AS confidence_count,
            sum(r.questions_asked) AS questions_asked,
            sum(r.insights) AS insights,
            sum(r.answers_given) AS answers,
            sum(r.validated_receipt) AS validated_receipt,
            sum(r.validated_user) AS validated_user,
            sum(r.validated_expert) AS validated_expert,
            sum(r.consensus_asked) AS consensus_asked,
            sum(r.consensus_agreed) AS consensus_agreed
        FROM results AS r FINAL
        GROUP BY run_id, by_tier, by_model, by_provider, by_band, by_task_type, by_component_type, by_variant
    ) AS one
    ARRAY JOIN [('tier', toString(by_tier)), ('model', toString(by_model)), ('provider', toString(by_provider)), ('band', toString(by_band)), ('task_type', toString(by_task_type)), ('component_type', toString(by_component_type)), ('variant', toString(by_variant))] AS labelled
    WHERE label_value != ''
    GROUP BY run_id, label, label_value
) AS counted
LEFT JOIN (
    SELECT run_id, 'tier' AS label, toString(tier) AS label_value,
        toNullable(count()) AS subjects,
        toNullable(countIf(processed)) AS processed_subjects,
        toNullable(countIf(failed)) AS failed_subjects,
        toNullable(countIf(reprocessed)) AS reprocessed_subjects
    FROM (
        SELECT
            run_id,
            source_partition,
            event_type,
            subject_id,
            tier,
            max(status != 'failed') AS processed,
            max(final AND status != 'failed') AS plan_done,
            argMax(status, source_offset) = 'failed' AS failed,
            countIf(status = 'success') > 1 AS reprocessed,
            max(source_offset) AS last_offset
        FROM results FINAL
        GROUP BY run_id, source_partition, event_type, subject_id, tier
    ) AS run_subject_tiers GROUP BY run_id, tier
    UNION ALL
    SELECT run_id, 'band', band,
        toNullable(count()) AS subjects,
        NULL AS processed_subjects,
        NULL AS failed_subjects,
        NULL AS reprocessed_subjects
    FROM (
        SELECT
            run_id,
            source_partition,
            event_type,
            subject_id,
            max(final AND status != 'failed') AS processed,
            argMax(status, source_offset) = 'failed' AS failed,
            countIf(status = 'success') > bitCount(groupBitOrIf(bitShiftLeft(toUInt16(1), tier), status = 'success')) AS reprocessed,
            argMaxIf(multiIf(isNull(context_score), '', context_score >= 60, 'rich', context_score >= 30, 'good', context_score >= 10, 'medium', context_score >= 0, 'poor', 'poor'), source_offset, isNotNull(context_score)) AS band
        FROM results FINAL
        GROUP BY run_id, source_partition, event_type, subject_id
    ) AS run_subjects WHERE band != '' GROUP BY run_id, band
) AS subjects USING (run_id, label, label_value)
