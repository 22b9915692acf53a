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
FROM (
    SELECT
        runs.run_id AS run_id,
        counted.results AS results,
        counted.success AS success,
        counted.partial AS partial,
        counted.failed AS failed,
        counted.timeouts AS timeouts,
        counted.retries AS retries,
        counted.retrying AS retrying,
        accurateCastOrNull(counted.cost_nano_usd, 'Int64') AS cost_nano_usd,
        counted.unpriced AS unpriced,
        counted.input_tokens AS input_tokens,
        counted.output_tokens AS output_tokens,
        counted.cached_tokens AS cached_tokens,
        counted.tokens_saved AS tokens_saved,
        counted.cache_hits AS cache_hits,
        counted.latency_ms_sum AS latency_ms_sum,
        counted.latency_count AS latency_count,
        counted.untimed AS untimed,
        counted.confidence_sum_ppm AS confidence_sum_ppm,
        counted.confidence_count AS confidence_count,
        counted.questions_asked AS questions_asked,
        counted.insights AS insights,
        counted.gaps AS gaps,
        counted.answers AS answers,
        counted.consensus_asked AS consensus_asked,
        counted.consensus_agreed AS consensus_agreed,
        counted.clock_skewed_events AS clock_skewed_events,
        counted.scores_sum_micro AS scores_sum_micro,
        counted.scores_count AS scores_count,
        counted.stages_ms_sum AS stages_ms_sum,
        counted.stages_count AS stages_count,
        mapApply((name, nano) -> (name, accurateCastOrNull(nano, 'Int64')), counted.stage_costs_nano_usd_sum) AS stage_costs_nano_usd_sum,
        counted.stage_costs_count AS stage_costs_count,
        counted.confidence_bins AS confidence_bins,
        counted.findings AS findings,
        counted.records AS records,
        counted.validated_receipt + words.validated_receipt AS validated_receipt,
        counted.validated_user + words.validated_user AS validated_user,
        counted.validated_expert + words.validated_expert AS validated_expert,
        late.late_events AS late_events,
        subjects.subjects AS subjects,
        subjects.processed_subjects AS processed_subjects,
        subjects.failed_subjects AS failed_subjects,
        subjects.reprocessed_subjects AS reprocessed_subjects,
        words.confirmed AS confirmed,
        words.rejected AS rejected,
        words.overridden AS overridden,
        words.thumbs_up AS thumbs_up,
        words.thumbs_down AS thumbs_down
    FROM (SELECT run_id FROM results UNION DISTINCT SELECT run_id FROM feedback) AS runs
    LEFT JOIN (
        SELECT run_id,
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
            sum(r.cached_tokens) AS cached_tokens,
            sum(r.tokens_saved) AS tokens_saved,
            countIf(r.cache_hit) AS cache_hits,
            sum(ifNull(r.latency_ms, 0)) AS latency_ms_sum,
            count(r.latency_ms) AS latency_count,
            countIf(isNull(r.latency_ms)) AS untimed,
            sum(ifNull(r.confidence_ppm, 0)) AS confidence_sum_ppm,
            count(r.confidence_ppm) AS confidence_count,
            sum(r.questions_asked) AS questions_asked,
            sum(r.insights) AS insights,
            sum(length(r.gaps.item)) AS gaps,
            sum(r.answers_given) AS answers,
            sum(r.validated_receipt) AS validated_receipt,
            sum(r.validated_user) AS validated_user,
            sum(r.validated_expert) AS validated_expert,
            sum(r.consensus_asked) AS consensus_asked,
            sum(r.consensus_agreed) AS consensus_agreed,
            countIf(r.is_skewed) AS clock_skewed_events,
            sumMap(r.scores_micro) AS scores_sum_micro,
            sumMap(mapApply((name, amount) -> (name, toUInt64(1)), r.scores_micro)) AS scores_count,
            sumMap(mapApply((name, ms) -> (name, toInt64(roundBankers(ms))), r.stages)) AS stages_ms_sum,
            sumMap(mapApply((name, amount) -> (name, toUInt64(1)), r.stages)) AS stages_count,
            sumMap(mapApply((name, usd) -> (name, toInt128(roundBankers(usd * 1e9))), r.stage_costs)) AS stage_costs_nano_usd_sum,
            sumMap(mapApply((name, amount) -> (name, toUInt64(1)), r.stage_costs)) AS stage_costs_count,
            sumMap(if(isNull(r.confidence_ppm), map(), map(toUInt8(intDiv(assumeNotNull(r.confidence_ppm), 50000)), toUInt64(1)))) AS confidence_bins,
            sumMap(mapFilter((kind, n) -> n > 0, r.findings)) AS findings,
            sumMap(mapFilter((name, n) -> n > 0, r.tables)) AS records
        FROM (SELECT *, answers_given, validated_receipt, validated_user, validated_expert, consensus_asked, consensus_agreed, toUnixTimestamp64Micro(event_time) >= (toUnixTimestamp64Milli(recorded_at) + 300001) * 1000 AS is_skewed FROM results FINAL) AS r GROUP BY run_id
    ) AS counted USING (run_id)
    LEFT JOIN (SELECT run_id, count() AS late_events FROM (
        SELECT
            run_id,
            source_partition,
            tier,
            model,
            provider,
            context_score,
            task_type,
            component_type,
            variant,
            source_offset
        FROM (
            SELECT run_id, source_partition, source_offset, tier, model, provider, context_score, task_type, component_type, variant, effective_ms < max(effective_ms) OVER (
                PARTITION BY run_id, source_partition ORDER BY source_offset
                ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) - 86400000 AS is_late
            FROM (SELECT run_id, source_partition, source_offset, effective_ms, tier, model, provider, context_score, task_type, component_type, variant FROM results FINAL) AS r
            INNER JOIN (
                SELECT run_id, source_partition FROM results GROUP BY run_id, source_partition
                HAVING max(effective_ms) - min(effective_ms) > 86400000
            ) AS spanning USING (run_id, source_partition)
        )
        WHERE is_late
    ) AS run_late_results GROUP BY run_id) AS late USING (run_id)
    LEFT JOIN (
        SELECT run_id,
            count() AS subjects,
            countIf(processed) AS processed_subjects,
            countIf(failed) AS failed_subjects,
            countIf(reprocessed) AS reprocessed_subjects
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
        ) AS run_subjects GROUP BY run_id
    ) AS subjects USING (run_id)
    LEFT JOIN (
        SELECT
            run_id,
            countIf(verdict = 'confirmed') AS confirmed,
            countIf(verdict = 'rejected') AS rejected,
            countIf(verdict = 'overridden') AS overridden,
            countIf(rating = 1) AS thumbs_up,
            countIf(rating = -1) AS thumbs_down,
            countIf(verdict = 'confirmed' AND validator = 'receipt') AS validated_receipt,
            countIf(verdict = 'confirmed' AND validator = 'user') AS validated_user,
            countIf(verdict = 'confirmed' AND validator = 'expert') AS validated_expert
        FROM (
            SELECT run_id, verdict, validator, 0 AS rating FROM (
                SELECT
                    run_id,
                    source_partition,
                    subject_kind,
                    subject_id,
                    question,
                    argMax(words.verdict, source_offset) AS verdict,
                    argMax(words.validator, source_offset) AS validator,
                    argMax(tuple(words.user_id), source_offset).1 AS user_id,
                    argMax(tuple(words.comment), source_offset).1 AS comment,
                    argMax(words.effective_ms, source_offset) AS effective_ms
                FROM (
                    SELECT * FROM feedback FINAL
                    ORDER BY source_offset
                    LIMIT 1 BY run_id, source_partition, event_id
                ) AS words
                WHERE isNotNull(question) AND isNotNull(words.verdict)
                GROUP BY run_id, source_partition, subject_kind, subject_id, question
            ) AS feedback_verdicts
            UNION ALL
            SELECT run_id, '', '', rating FROM (
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
            ) AS feedback_ratings
        )
        GROUP BY run_id
    ) AS words USING (run_id)
) AS totals
LEFT JOIN (
    SELECT
        run_id,
        countIf(event_type = 'run.declared') > 0 AS declared,
        transform(argMaxIf(event_type, (recorded_at, source_partition, source_offset), event_type IN ('run.declared', 'run.paused', 'run.resumed', 'run.finished')), ['run.paused', 'run.finished'], ['paused', 'finished'], 'open') AS phase,
        argMaxIf(tuple(said.name), (recorded_at, source_partition, source_offset), event_type = 'run.declared' OR (isNotNull(said.name))).1 AS name,
        argMaxIf(tuple(said.strategy), (recorded_at, source_partition, source_offset), event_type = 'run.declared' OR (isNotNull(said.strategy))).1 AS strategy,
        argMaxIf(tuple(said.started_at), (recorded_at, source_partition, source_offset), event_type = 'run.declared' OR (isNotNull(said.started_at))).1 AS started_at,
        argMaxIf(tuple(said.total_images), (recorded_at, source_partition, source_offset), event_type = 'run.declared' OR (isNotNull(said.total_images))).1 AS total_images,
        argMaxIf(tuple(said.tiers), (recorded_at, source_partition, source_offset), event_type = 'run.declared' OR (JSONType(raw, 'tiers') != 'Null')).1 AS tiers,
        argMaxIf(tuple(said.tier_order), (recorded_at, source_partition, source_offset), event_type = 'run.declared' OR (isNotNull(said.tier_order))).1 AS tier_order,
        argMaxIf(tuple(said.budget_usd), (recorded_at, source_partition, source_offset), event_type = 'run.declared' OR (isNotNull(said.budget_usd))).1 AS budget_usd,
        argMaxIf(tuple(said.baseline_name), (recorded_at, source_partition, source_offset), event_type = 'run.declared' OR (JSONType(raw, 'baseline') != 'Null')).1 AS baseline_name,
        argMaxIf(tuple(said.baseline_unit_cost_usd), (recorded_at, source_partition, source_offset), event_type = 'run.declared' OR (JSONType(raw, 'baseline') != 'Null')).1 AS baseline_unit_cost_usd,
        argMaxIf(tuple(said.baseline_latency_ms), (recorded_at, source_partition, source_offset), event_type = 'run.declared' OR (JSONType(raw, 'baseline') != 'Null')).1 AS baseline_latency_ms,
        argMaxIf(tuple(said.cheap_models), (recorded_at, source_partition, source_offset), event_type = 'run.declared' OR (JSONType(raw, 'cheap_models') != 'Null')).1 AS cheap_models,
        argMaxIf(tuple(said.sla_latency_ms), (recorded_at, source_partition, source_offset), event_type = 'run.declared' OR (JSONType(raw, 'sla') != 'Null')).1 AS sla_latency_ms,
        argMaxIf(tuple(said.sla_error_rate), (recorded_at, source_partition, source_offset), event_type = 'run.declared' OR (JSONType(raw, 'sla') != 'Null')).1 AS sla_error_rate,
        argMaxIf(tuple(said.sla_deadline), (recorded_at, source_partition, source_offset), event_type = 'run.declared' OR (JSONType(raw, 'sla') != 'Null')).1 AS sla_deadline,
        argMaxIf(tuple(said.value_weights_usd), (recorded_at, source_partition, source_offset), event_type = 'run.declared' OR (JSONType(raw, 'value_weights_usd') != 'Null')).1 AS value_weights_usd,
        argMaxIf(tuple(JSONExtract(raw, 'targets', 'Map(String, Float64)')), (recorded_at, source_partition, source_offset), event_type = 'run.declared' OR (JSONType(raw, 'targets') != 'Null')).1 AS targets,
        argMaxIf(tuple(JSONExtract(raw, 'baselines', 'Map(String, Float64)')), (recorded_at, source_partition, source_offset), event_type = 'run.declared' OR (JSONType(raw, 'baselines') != 'Null')).1 AS baselines
    FROM (
        SELECT * FROM runs FINAL
        WHERE event_type IN ('run.declared', 'run.updated', 'run.paused', 'run.resumed', 'run.finished')
        ORDER BY recorded_at, source_partition, source_offset
        LIMIT 1 BY run_id, event_id
    ) AS said
    GROUP BY run_id
) AS plan ON totals.run_id = plan.run_id
LEFT JOIN (
    SELECT run_id, CAST(groupArray((model, results)), 'Map(String, UInt64)') AS results
    FROM (SELECT run_id, model, count() AS results FROM results FINAL WHERE model != '' GROUP BY run_id, model)
    GROUP BY run_id
) AS by_model ON totals.run_id = by_model.run_id
LEFT JOIN (
    SELECT run_id, CAST(groupArray((band, subjects)), 'Map(String, UInt64)') AS images
    FROM (SELECT run_id, band, count() AS subjects FROM (
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
    ) AS run_subjects WHERE band != '' GROUP BY run_id, band)
    GROUP BY run_id
) AS by_band ON totals.run_id = by_band.run_id
