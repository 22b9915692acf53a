-- What a vehicle's page reads, in the order of vehicles as before (0012), but all columns in one file, as 0015 has it: a page of
-- vehicles opened the files of 23 columns for a granule of each vehicle.
ALTER TABLE results ADD PROJECTION IF NOT EXISTS results_by_vehicle (
    SELECT run_id, source_partition, event_id, source_offset, effective_ms, event_time, recorded_at, event_type, subject_id,
        vehicle_id, tier, status, final, cost_nano_usd, context_score, confidence_ppm, findings, tables, gaps,
        validated_receipt, validated_user, validated_expert, consensus_agreed
    ORDER BY vehicle_id
) WITH SETTINGS (index_granularity = 512, min_bytes_for_wide_part = 1000000000000000);
ALTER TABLE results MATERIALIZE PROJECTION IF EXISTS results_by_vehicle;
ALTER TABLE results DROP PROJECTION IF EXISTS results_of_vehicles SETTINGS alter_sync = 0;
