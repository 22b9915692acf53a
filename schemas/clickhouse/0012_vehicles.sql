-- What every figure counts in the answers of a result, counted once, on arrival: they are a hundred times as wide.
ALTER TABLE results
    ADD COLUMN IF NOT EXISTS answers_given UInt32
        MATERIALIZED length(answers) CODEC(T64, LZ4),
    ADD COLUMN IF NOT EXISTS validated_receipt UInt32
        MATERIALIZED arrayCount(answer -> ifNull(answer.validated_by = 'receipt', 0), answers) CODEC(T64, LZ4),
    ADD COLUMN IF NOT EXISTS validated_user UInt32
        MATERIALIZED arrayCount(answer -> ifNull(answer.validated_by = 'user', 0), answers) CODEC(T64, LZ4),
    ADD COLUMN IF NOT EXISTS validated_expert UInt32
        MATERIALIZED arrayCount(answer -> ifNull(answer.validated_by = 'expert', 0), answers) CODEC(T64, LZ4),
    ADD COLUMN IF NOT EXISTS consensus_asked UInt32
        MATERIALIZED arrayCount(answer -> ifNull(answer.asked_models >= 2, 0), answers) CODEC(T64, LZ4),
    ADD COLUMN IF NOT EXISTS consensus_agreed UInt32
        MATERIALIZED arrayCount(answer -> ifNull(
            answer.asked_models >= 2 AND answer.agreeing_models * 2 > answer.asked_models, 0), answers) CODEC(T64, LZ4);
ALTER TABLE results
    MATERIALIZE COLUMN answers_given, MATERIALIZE COLUMN validated_receipt, MATERIALIZE COLUMN validated_user,
    MATERIALIZE COLUMN validated_expert, MATERIALIZE COLUMN consensus_asked, MATERIALIZE COLUMN consensus_agreed;
-- What a vehicle's page reads, in the order of vehicles: its results lie in one granule instead of one in each.
ALTER TABLE results ADD PROJECTION IF NOT EXISTS results_of_vehicles (
    SELECT run_id, source_partition, event_id, source_offset, effective_ms, event_time, recorded_at, event_type, subject_id,
        vehicle_id, tier, status, final, cost_nano_usd, context_score, confidence_ppm, findings, tables, gaps,
        validated_receipt, validated_user, validated_expert, consensus_agreed
    ORDER BY vehicle_id
) WITH SETTINGS (index_granularity = 512);
-- No vehicle cost more than this says, whose sums hold repeats too until merges remove them: an order to look in.
ALTER TABLE results ADD PROJECTION IF NOT EXISTS costs_of_vehicles (
    SELECT vehicle_id, sum(cost_nano_usd) GROUP BY vehicle_id);
-- What there is to choose from, of which a repeat says nothing new.
ALTER TABLE results ADD PROJECTION IF NOT EXISTS labels_of_runs (
    SELECT run_id, model, provider, task_type, component_type, count()
    GROUP BY run_id, model, provider, task_type, component_type);
ALTER TABLE results
    MATERIALIZE PROJECTION results_of_vehicles, MATERIALIZE PROJECTION costs_of_vehicles,
    MATERIALIZE PROJECTION labels_of_runs;
