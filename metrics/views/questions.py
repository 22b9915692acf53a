"""Questions people ask, each answered by one statement: docs/sql.md lists them, and the tests run them."""

from typing import NamedTuple


class Question(NamedTuple):
    """`about`: the question in words, and which requirement asks it. The statement takes `{run}` and the like."""

    about: str
    sql: str


class Section(NamedTuple):
    """Questions under one heading; `intro` stands before the first."""

    title: str
    questions: tuple[Question, ...]
    intro: str = ""


WATCHING = Section(
    "Watching a backfill",
    (
        Question(
            "How far, at what context, for how much (S2, *Check progress*)",
            """
SELECT count() AS total, countIf(context_score IS NOT NULL) AS processed, avg(context_score) AS avg_context_score,
    sum(total_cost_nano_usd) / 1e9 AS total_cost
FROM image_processing_metrics WHERE run_id = {run:String} AND vehicle_id IS NOT NULL
""",
        ),
        Question(
            "How many of the declared images are left",
            """
SELECT plan.total_images - totals.processed_subjects AS images_left
FROM run_plans AS plan INNER JOIN run_totals AS totals USING (run_id)
WHERE run_id = {run:String}
""",
        ),
        Question(
            "Is everything done",
            """
SELECT count() AS total, countIf(final_status != 'failed') AS processed, round(100 * processed / total, 1) AS percent
FROM image_processing_metrics WHERE run_id = {run:String} AND vehicle_id IS NOT NULL
""",
        ),
        Question(
            "How many are processed right now (S2, *Status check*)",
            """
SELECT count() AS processed FROM image_processing_metrics
WHERE run_id = {run:String} AND vehicle_id IS NOT NULL AND context_score IS NOT NULL
""",
        ),
        Question(
            "How many have no context score yet, of those with a vehicle (S2, *How many left?*)",
            """
SELECT count() AS images FROM image_processing_metrics
WHERE run_id = {run:String} AND vehicle_id IS NOT NULL AND context_score IS NULL
""",
        ),
        Question(
            "The newest lines of the log (S2, *Watch live*)",
            """
SELECT event_time, concat('T', toString(tier)) AS step, subject_id, model, status, context_score,
    cost_nano_usd / 1e9 AS usd
FROM run_results WHERE run_id = {run:String} ORDER BY effective_ms DESC, source_partition, source_offset DESC LIMIT 100
""",
        ),
        Question(
            "Is the processor running: the newest snapshot and the newest result (S2, *Check if it's running*)",
            """
SELECT state, processors, as_of, (SELECT max(effective_at) FROM results WHERE run_id = {run:String}) AS last_result_at
FROM system_snapshots WHERE run_id = {run:String} ORDER BY as_of DESC LIMIT 1
""",
        ),
        Question(
            "Final stats: complete, summary, total (S2, *After completion*)",
            """
SELECT plan.phase, totals.subjects AS images, totals.processed_subjects AS processed, totals.failed_subjects AS failed,
    totals.results AS calls, totals.retries, totals.cost_nano_usd / 1e9 AS total_cost,
    plan.total_images * plan.baseline_unit_cost_usd AS baseline_cost, baseline_cost - total_cost AS savings
FROM run_totals AS totals INNER JOIN run_plans AS plan USING (run_id)
WHERE run_id = {run:String}
""",
        ),
        Question(
            "Planned against actual, phase by phase (S2, *Expected timeline*)",
            """
SELECT tier, name, planned_images, actual_images, planned_batches, actual_batches, planned_minutes, actual_minutes,
    planned_usd, actual_usd
FROM plan_against_actual WHERE run_id = {run:String} ORDER BY tier
""",
        ),
        Question(
            "What each image had as context and cost (S2, *per-image fields*)",
            """
SELECT image_id, context_score, total_cost AS processing_cost, tier_reached, final_status
FROM image_processing_metrics WHERE run_id = {run:String} AND vehicle_id IS NOT NULL
ORDER BY total_cost_nano_usd DESC, image_id LIMIT 100
""",
        ),
        Question(
            "What each vehicle cost (S0, *Cost per vehicle*)",
            """
SELECT vehicle_id, count() AS images, sum(total_cost_nano_usd) AS cost_nano_usd,
    round(cost_nano_usd / images / 1e9, 6) AS usd_per_image
FROM image_processing_metrics WHERE run_id = {run:String} GROUP BY vehicle_id ORDER BY cost_nano_usd DESC, vehicle_id
""",
        ),
        Question(
            "Batches and how they went (S0, *Batch completion rate*)",
            """
SELECT tier, batch_id, uniqExact(subject_id) AS images, uniqExactIf(subject_id, status != 'failed') AS complete,
    max(event_time) - min(event_time) AS seconds
FROM run_results WHERE run_id = {run:String} GROUP BY tier, batch_id ORDER BY tier, batch_id
""",
        ),
    ),
)

COMPARING = Section(
    "Models, context, tables, vehicles",
    (
        Question(
            "Strategies by cost, failures and quality (S2, *Your progressive prompting strategy*)",
            """
SELECT strategy, uniqExact(run_id, subject_id) AS images, count() AS calls,
    sum(cost_nano_usd) / images / 1e9 AS usd_per_image, countIf(status = 'failed') / calls AS failure_rate,
    avg(confidence) AS mean_confidence, sum(length(answers)) / nullIf(sum(questions_asked), 0) AS answered
FROM run_results WHERE event_type = 'image.result' AND strategy IS NOT NULL GROUP BY strategy ORDER BY strategy
""",
        ),
        Question(
            "Models side by side (S0, *modelComparison*)",
            """
SELECT model, results, if(confidence_count = 0, NULL, confidence_sum_ppm / confidence_count / 1e6) AS avg_confidence,
    if(results = unpriced, NULL, cost_nano_usd / (results - unpriced) / 1e9) AS avg_cost,
    if(consensus_asked = 0, NULL, consensus_agreed / consensus_asked) AS consensus_agreement_rate,
    if(latency_count = 0, NULL, latency_ms_sum / latency_count) AS speed_ms
FROM run_by_model WHERE run_id = {run:String} ORDER BY results DESC, model
""",
        ),
        Question(
            "What context is worth (S0, *contextImpact*)",
            """
SELECT context_score, count() AS image_count, avg(images.avg_confidence) AS avg_confidence,
    avg(total_cost_nano_usd) / 1e9 AS avg_cost
FROM image_processing_metrics AS images WHERE run_id = {run:String} AND context_score IS NOT NULL
GROUP BY context_score ORDER BY context_score DESC
""",
        ),
        Question(
            "Tables filled: records, an image, confidence, value, cost (S0, *tableFill*, *Cost per table filled*)",
            """
SELECT filled.1 AS table_name, filled.2 AS records_added, records_added / totals.subjects AS fill_rate,
    said.avg_confidence AS avg_confidence, records_added * plan.value_weights_usd[table_name] AS value_score,
    totals.cost_nano_usd / length(totals.records) / 1e9 AS usd_per_table
FROM run_totals AS totals
INNER JOIN run_plans AS plan USING (run_id)
ARRAY JOIN CAST(totals.records, 'Array(Tuple(String, UInt64))') AS filled
LEFT JOIN (
    SELECT `table`, avg(confidence) AS avg_confidence FROM lineage WHERE run_id = {run:String} GROUP BY `table`
) AS said ON said.`table` = filled.1
WHERE run_id = {run:String} ORDER BY records_added DESC, table_name
""",
        ),
        Question(
            "How well vehicles are documented (S0, *completenessDistribution*)",
            """
SELECT ifNull(profile_tier, 'no profile') AS tier, count() AS vehicle_count, avg(total_cost) AS avg_processing_cost
FROM vehicle_processing_summary GROUP BY tier ORDER BY vehicle_count DESC, tier
""",
        ),
        Question(
            "Percentiles of processing time, exact (S0, *p50, p95, p99*)",
            """
SELECT model, quantilesExactInclusive(0.5, 0.95, 0.99)(latency_ms) AS p50_p95_p99_ms
FROM run_results WHERE run_id = {run:String} AND latency_ms IS NOT NULL GROUP BY model ORDER BY model
""",
        ),
        Question(
            "Failed requests and whether they are tried again (S0, *Failed requests with retry status*)",
            """
SELECT subject_id, tier, attempt, error_type, will_retry,
    subject_id IN (SELECT subject_id FROM run_subjects WHERE run_id = {run:String} AND NOT failed) AS resolved
FROM run_results WHERE run_id = {run:String} AND status = 'failed' ORDER BY effective_ms DESC, subject_id LIMIT 100
""",
        ),
        Question(
            "Within the promised latency (S0, *SLA compliance*)",
            """
SELECT countIf(latency_ms <= (SELECT any(sla_latency_ms) FROM run_plans WHERE run_id = {run:String}))
    / count(latency_ms) AS within_sla
FROM run_results WHERE run_id = {run:String}
""",
        ),
    ),
)

LINEAGE = Section(
    "Where an answer comes from, and where it went",
    (
        Question(
            "From an image to every answer and table row (S0, *Data lineage*)",
            """
SELECT question, answer, `table`, record_id, model, model_version, tier, prompt_version, confidence, context_items,
    cost_nano_usd, validated_by, verdict
FROM lineage WHERE subject_kind = 'image' AND subject_id = {image:String} ORDER BY event_time, source_offset, question
""",
        ),
        Question(
            "Back from a table's row to the image and the models that touched it",
            """
SELECT subject_id, event_time, tier, model, question, answer, confidence, validated_by, verdict
FROM lineage WHERE `table` = {table:String} AND record_id = {record:String} ORDER BY event_time, source_offset
""",
        ),
        Question(
            "How often an image was processed, and which result holds (reprocessing)",
            """
SELECT tier, nth, times, event_time, run_id, model, status, cost_nano_usd, holds
FROM subject_history WHERE subject_kind = 'image' AND subject_id = {image:String} ORDER BY tier, nth
""",
        ),
        Question(
            "Which version of which model answered what (S0, *Provenance*, *Version tracking*)",
            """
SELECT model, model_version, provider, prompt_version, count() AS answers, uniqExact(subject_id) AS subjects
FROM lineage WHERE run_id = {run:String}
GROUP BY model, model_version, provider, prompt_version ORDER BY answers DESC, model, model_version, prompt_version
""",
        ),
        Question(
            "Where models did not agree (S0, *Consensus validation*)",
            """
SELECT subject_id, question, answer, agreeing_models, asked_models FROM lineage
WHERE run_id = {run:String} AND is_consensus = 0 ORDER BY agreeing_models / asked_models, subject_id, question LIMIT 100
""",
        ),
        Question(
            "How often people replaced an answer (S0, *Human override rate*)",
            """
SELECT answers, overridden, if(answers = 0, NULL, overridden / answers) AS override_rate
FROM run_totals WHERE run_id = {run:String}
""",
        ),
        Question(
            "Answers below a confidence (S0, *Confidence threshold violations*)",
            """
SELECT subject_id, question, answer, model, confidence FROM lineage
WHERE run_id = {run:String} AND confidence < 0.7 ORDER BY confidence, subject_id, question LIMIT 100
""",
        ),
    ),
)

MODELS = Section(
    "Watching models",
    (
        Question(
            "How much is stored (S4, *Check data volume*); an unknown table means: run `imageledger migrate`",
            """
SELECT count() AS calls, min(timestamp) AS first_call, max(timestamp) AS last_call FROM model_performance_metrics
""",
        ),
        Question(
            "Are the views there (S4, *No data showing*)",
            """
SELECT name FROM system.tables WHERE database = currentDatabase() AND startsWith(name, 'model') ORDER BY name
""",
        ),
        Question(
            "Recent performance (S4)",
            "SELECT * FROM model_avg_response_time ORDER BY total_calls DESC, model, provider",
        ),
        Question(
            "Calls by model in the last 7 days (S4, *Model usage*)",
            """
SELECT model, count() AS calls FROM model_performance_metrics
WHERE timestamp >= now() - INTERVAL 7 DAY GROUP BY model ORDER BY calls DESC, model
""",
        ),
        Question(
            "Data quality (S4, *Recommendations not accurate*)",
            "SELECT * FROM model_success_rate ORDER BY model, provider",
        ),
        Question(
            "Samples of each model and task: 5 are needed for a recommendation (S4)",
            """
SELECT task_type, model, count() AS samples, samples >= 5 AS enough FROM model_performance_metrics
WHERE timestamp >= now() - INTERVAL 30 DAY GROUP BY task_type, model ORDER BY task_type, samples DESC, model
""",
        ),
        Question(
            "The best model for a task, and how sure that is (S4, *get_best_model_for_task*)",
            """
SELECT model, provider, confidence, avg_response_time_ms, success_rate, satisfaction_rate, quality_score, total_calls
FROM get_best_model_for_task(task_type = 'part_identification', priority = 'balanced')
""",
        ),
        Question(
            "The last 30 days (S4, *get_model_performance_summary*)",
            "SELECT * FROM get_model_performance_summary(days = 30) ORDER BY total_calls DESC, model, provider",
        ),
        Question(
            "Each call as S4's tracking log writes it",
            """
SELECT timestamp, format('[PerformanceTracking] Logged metrics: {}ms, {}, {}', ifNull(toString(response_time_ms), '?'),
    task_type, ifNull(task_complexity, 'unknown')) AS line
FROM model_performance_metrics WHERE run_id = {run:String} ORDER BY timestamp DESC, source_offset DESC LIMIT 20
""",
        ),
        Question(
            "Is feedback stored (S4, *Feedback not saving*)",
            """
SELECT event_time, subject_kind, subject_id, rating, verdict FROM feedback FINAL ORDER BY recorded_at DESC LIMIT 20
""",
        ),
        Question(
            "What is older than 90 days; `imageledger cleanup` removes runs of calls that are (S4, *Data retention*)",
            """
SELECT countIf(timestamp < now() - INTERVAL 90 DAY) AS older, count() AS calls FROM model_performance_metrics
""",
        ),
    ),
)
