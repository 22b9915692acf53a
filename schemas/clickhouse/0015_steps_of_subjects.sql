-- What a lineage reads, in the order of subjects as before (0011), but all columns in one file: eight rows took 65 files to
-- open and a block of 64 KiB of each to unpack, which cost as much as all the rest of the question.
ALTER TABLE results ADD PROJECTION IF NOT EXISTS steps_of_subjects (
    SELECT run_id, source_partition, event_id, source_offset, effective_ms, event_time, subject_kind, subject_id,
        vehicle_id, tier, status, error_type, error_message, model, model_version, provider, prompt_version, strategy,
        latency_ms, cost_nano_usd, context_score, context_items, parent_id, answers
    ORDER BY subject_id
) WITH SETTINGS (index_granularity = 512, min_bytes_for_wide_part = 1000000000000000);
ALTER TABLE results MATERIALIZE PROJECTION IF EXISTS steps_of_subjects;
ALTER TABLE results DROP PROJECTION IF EXISTS calls_of_subjects SETTINGS alter_sync = 0;
