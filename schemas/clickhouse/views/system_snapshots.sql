-- The state of a run, captured every minute (S3).
-- A row: a run and a minute. Generated from metrics/ by `make docs`.
CREATE OR REPLACE VIEW system_snapshots AS
SELECT
    JSONExtractString(metrics, 'event_id') AS id,
    run_id,
    as_of,
    recorded_at,
    state,
    JSONExtractInt(metrics, 'totals', 'results') AS results,
    JSONExtractInt(metrics, 'totals', 'failed') AS failed,
    JSONExtractInt(metrics, 'totals', 'subjects') AS subjects,
    JSONExtractInt(metrics, 'totals', 'processed_subjects') AS processed_subjects,
    JSONExtract(metrics, 'health', 'score', 'Nullable(Float64)') AS health_score,
    JSONExtract(metrics, 'health', 'status', 'Nullable(String)') AS health_status,
    JSONExtract(metrics, 'kpi_scores', 'overall', 'Nullable(Float64)') AS overall_score,
    JSONExtract(metrics, 'progress', 'percent', 'Nullable(Float64)') AS percent_complete,
    JSONExtractInt(metrics, 'totals', 'cost_nano_usd') AS cost_nano_usd,
    JSONExtractInt(metrics, 'operations', 'processors') AS processors,
    JSONExtractInt(metrics, 'operations', 'active_requests') AS active_requests,
    JSONExtractInt(metrics, 'operations', 'capacity') AS capacity,
    JSONExtractInt(metrics, 'operations', 'queue_depth') AS queue_depth,
    source_offsets,
    metrics
FROM snapshots FINAL
