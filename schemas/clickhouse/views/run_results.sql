-- Every result once, whether it came late, and whether its clock was ahead.
-- A row: a result. Generated from metrics/ by `make docs`.
CREATE OR REPLACE VIEW run_results AS
SELECT
    *,
    effective_ms < max(effective_ms) OVER (
        PARTITION BY run_id, source_partition ORDER BY source_offset
        ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) - 86400000 AS is_late,
    toUnixTimestamp64Micro(event_time) >= (toUnixTimestamp64Milli(recorded_at) + 300001) * 1000 AS is_skewed
FROM results FINAL
