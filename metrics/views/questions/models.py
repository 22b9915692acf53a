"""What S4 asks of every model's calls."""

from .question import Question, Section

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
            "Older than 90 days: `imageledger cleanup` removes such runs of calls (S4, *cleanup_old_performance_data*)",
            """
SELECT countIf(timestamp < now() - INTERVAL 90 DAY) AS older, count() AS calls FROM model_performance_metrics
""",
        ),
    ),
)
