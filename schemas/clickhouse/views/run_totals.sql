-- Every counter of a run's totals, exactly as live.
-- A row: a run. Generated from metrics/ by `make docs`.
CREATE OR REPLACE VIEW run_totals AS
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
