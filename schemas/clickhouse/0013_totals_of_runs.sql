-- What the list of runs says of each, added up once for each part, instead of over all results at every question. A run that
-- stands in one merged part has every event once there; any other is still counted by FINAL (sinks/reading/history.py).
ALTER TABLE results ADD PROJECTION IF NOT EXISTS totals_of_runs (
    SELECT run_id, source_partition, count(), countIf(status = 'failed'), sum(cost_nano_usd), min(effective_ms),
        max(effective_ms)
    GROUP BY run_id, source_partition
);
ALTER TABLE results MATERIALIZE PROJECTION IF EXISTS totals_of_runs;
