-- Each vehicle over all its images and runs (S0, Aggregate metrics by vehicle).
-- A row: a vehicle with a result or a profile. Generated from metrics/ by `make docs`.
CREATE OR REPLACE VIEW vehicle_processing_summary AS
SELECT
    vehicles.vehicle_id AS vehicle_id,
    if(profile.vehicle_id != '', profile.score, NULL) AS profile_completeness_score,
    if(profile.vehicle_id != '', multiIf(isNull(profile.score), '', profile.score >= 60, 'rich', profile.score >= 30, 'good', profile.score >= 10, 'medium', profile.score >= 0, 'poor', 'poor'), NULL) AS profile_tier,
    seen.images AS total_images,
    seen.processed AS images_processed,
    seen.cost_nano_usd / 1e9 AS total_cost,
    if(seen.images = 0, NULL, seen.cost_nano_usd / seen.images / 1e9) AS avg_cost_per_image,
    if(seen.scored = 0, NULL, seen.score_sum / seen.scored) AS avg_context_score,
    if(profile.vehicle_id != '', profile.has_spid, NULL) AS has_spid,
    if(profile.vehicle_id != '', profile.receipt_count, NULL) AS receipt_count,
    if(profile.vehicle_id != '', profile.timeline_event_count, NULL) AS timeline_event_count,
    if(profile.vehicle_id != '', profile.reference_doc_count, NULL) AS reference_doc_count,
    if(seen.confidence_count = 0, NULL, seen.confidence_sum_ppm / seen.confidence_count / 1e6) AS avg_confidence,
    seen.validated + said.confirmed AS validated_items,
    seen.consensus AS consensus_items,
    seen.parts AS parts_identified,
    seen.modifications AS modifications_found,
    seen.alerts AS maintenance_alerts,
    seen.gaps AS gaps_identified,
    seen.last_processed_at AS last_processed_at,
    if(profile.vehicle_id != '' AND seen.scored > 0 AND indexOf(['poor', 'medium', 'good', 'rich'], multiIf(isNull(profile_completeness_score), '', profile_completeness_score >= 60, 'rich', profile_completeness_score >= 30, 'good', profile_completeness_score >= 10, 'medium', profile_completeness_score >= 0, 'poor', 'poor'))
        > indexOf(['poor', 'medium', 'good', 'rich'], multiIf(isNull(avg_context_score), '', avg_context_score >= 60, 'rich', avg_context_score >= 30, 'good', avg_context_score >= 10, 'medium', avg_context_score >= 0, 'poor', 'poor')), profile.event_time, NULL) AS next_suggested_reprocess,
    greatest(ifNull(seen.recorded_at, toDateTime64(0, 3, 'UTC')), profile.recorded_at) AS updated_at
FROM (
    SELECT assumeNotNull(results.vehicle_id) AS vehicle_id FROM results FINAL WHERE isNotNull(results.vehicle_id)
    UNION DISTINCT
    SELECT vehicle_id FROM profiles FINAL
) AS vehicles
LEFT JOIN (
    SELECT vehicle_id, count() AS images, countIf(done) AS processed, sum(cost) AS cost_nano_usd,
        countIf(isNotNull(latest_score)) AS scored,
        sum(toInt64(roundBankers(ifNull(latest_score, 0) * 1e6))) / 1e6 AS score_sum,
        sum(ppm) AS confidence_sum_ppm, sum(ppm_count) AS confidence_count,
        toNullable(max(last_event)) AS last_processed_at, toNullable(max(last_recorded)) AS recorded_at, sum(validated) AS validated, sum(consensus) AS consensus, sum(parts) AS parts, sum(modifications) AS modifications, sum(alerts) AS alerts, sum(gaps) AS gaps
    FROM (
        SELECT vehicle_id, subject_id, max(done) AS done, sum(cost) AS cost,
            argMaxIf(score, scored_at, isNotNull(score)) AS latest_score, sum(ppm) AS ppm, sum(ppm_count) AS ppm_count,
            max(last_event) AS last_event, max(last_recorded) AS last_recorded, sum(validated) AS validated, sum(consensus) AS consensus, sum(parts) AS parts, sum(modifications) AS modifications, sum(alerts) AS alerts, sum(gaps) AS gaps
        FROM (
            WITH bitOr(bitShiftLeft(toUInt256(effective_ms + 4611686018427387904), 96), bitOr(bitShiftLeft(toUInt256(source_partition), 64), toUInt256(source_offset))) AS at
            SELECT assumeNotNull(results.vehicle_id) AS vehicle_id, subject_id, tier,
                max(final AND status != 'failed') AS done, sum(ifNull(cost_nano_usd, 0)) AS cost,
                argMaxIf(context_score, at, isNotNull(context_score)) AS score,
                maxIf(at, isNotNull(context_score)) AS scored_at,
                sum(ifNull(confidence_ppm, 0)) AS ppm, count(confidence_ppm) AS ppm_count,
                max(event_time) AS last_event, max(results.recorded_at) AS last_recorded,
                argMaxIf(validated_receipt + validated_user + validated_expert, at, status != 'failed') AS validated,
                argMaxIf(consensus_agreed, at, status != 'failed') AS consensus,
                argMaxIf(greatest(findings['parts'], tables['part_identifications']), at, status != 'failed') AS parts,
                argMaxIf(greatest(findings['modifications'], tables['vehicle_modifications']), at, status != 'failed') AS modifications,
                argMaxIf(greatest(findings['maintenance_alerts'], tables['maintenance_alerts']), at, status != 'failed') AS alerts,
                argMaxIf(length(gaps.item), at, status != 'failed') AS gaps
            FROM results FINAL
            WHERE event_type = 'image.result' AND isNotNull(results.vehicle_id)
            GROUP BY vehicle_id, subject_id, tier
        )
        GROUP BY vehicle_id, subject_id
    )
    GROUP BY vehicle_id
) AS seen USING (vehicle_id)
LEFT JOIN (
    SELECT vehicle_id, event_time, recorded_at, has_spid, receipt_count, timeline_event_count, reference_doc_count,
        20 * has_spid + 15 * has_factory_manual + least(25, 5 * receipt_count)
            + least(15, 3 * timeline_event_count) + least(10, 2 * user_tag_count)
            + 10 * previously_analyzed + 5 * well_documented AS score
    FROM profiles FINAL
) AS profile USING (vehicle_id)
LEFT JOIN (
    SELECT images.vehicle_id AS vehicle_id, count() AS confirmed
    FROM (
        SELECT DISTINCT assumeNotNull(results.vehicle_id) AS vehicle_id, run_id, subject_id
        FROM results FINAL WHERE event_type = 'image.result' AND isNotNull(results.vehicle_id)
    ) AS images
    INNER JOIN (
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
    ) AS verdicts USING (run_id, subject_id)
    WHERE verdicts.subject_kind = 'image' AND verdicts.verdict = 'confirmed'
    GROUP BY vehicle_id
) AS said USING (vehicle_id)
