ALTER TABLE results ADD PROJECTION IF NOT EXISTS calls_of_subjects (
    SELECT run_id, source_partition, event_id, source_offset, effective_ms, event_time, subject_kind, subject_id,
        vehicle_id, tier, status, error_type, error_message, model, model_version, provider, prompt_version, strategy,
        latency_ms, cost_nano_usd, context_score, context_items, parent_id, answers
    ORDER BY subject_id
) WITH SETTINGS (index_granularity = 512);
ALTER TABLE results MATERIALIZE PROJECTION IF EXISTS calls_of_subjects;
ALTER TABLE results DROP PROJECTION IF EXISTS steps_of_subjects SETTINGS alter_sync = 0;
