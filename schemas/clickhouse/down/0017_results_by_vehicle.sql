ALTER TABLE results ADD PROJECTION IF NOT EXISTS results_of_vehicles (
    SELECT run_id, source_partition, event_id, source_offset, effective_ms, event_time, recorded_at, event_type, subject_id,
        vehicle_id, tier, status, final, cost_nano_usd, context_score, confidence_ppm, findings, tables, gaps,
        validated_receipt, validated_user, validated_expert, consensus_agreed
    ORDER BY vehicle_id
) WITH SETTINGS (index_granularity = 512);
ALTER TABLE results MATERIALIZE PROJECTION IF EXISTS results_of_vehicles;
ALTER TABLE results DROP PROJECTION IF EXISTS results_by_vehicle SETTINGS alter_sync = 0;
