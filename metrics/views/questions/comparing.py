"""What models, strategies, context and vehicles are worth beside one another (S0, S2)."""

from .question import Question, Section

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
