"""What is asked while a backfill runs, and when it is done (S0, S2)."""

from .question import Question, Section

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
            "The last ten minutes up to the newest result: calls, failures, money",
            """
WITH (SELECT effective_ms FROM results WHERE run_id = {run:String} ORDER BY effective_ms DESC LIMIT 1) AS newest_ms,
    newest_ms - 600000 AS since_ms
SELECT count() AS calls, countIf(status = 'failed') AS failed, sum(cost_nano_usd) / 1e9 AS usd
FROM (
    SELECT effective_ms, status, cost_nano_usd FROM results
    WHERE run_id = {run:String} AND (source_partition, event_id) IN (
        SELECT source_partition, event_id FROM results WHERE run_id = {run:String} AND effective_ms >= since_ms)
    ORDER BY source_offset LIMIT 1 BY source_partition, event_id)
WHERE effective_ms >= since_ms
""",
        ),
        Question(
            "Its last ten minutes one by one, as they were seen (a run's history by the minute is its snapshots)",
            """
SELECT as_of, state, processed_subjects, results, failed, cost_nano_usd / 1e9 AS usd
FROM system_snapshots WHERE run_id = {run:String} ORDER BY as_of DESC LIMIT 10
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
