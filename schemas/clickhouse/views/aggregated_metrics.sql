-- Every counter of a run's snapshots, in one narrow table (S3). Zeros are left out.
-- A row: a run, a minute, a value of a label (or the totals) and a counter. Generated from metrics/ by `make docs`.
CREATE OR REPLACE VIEW aggregated_metrics AS
SELECT
    run_id,
    as_of,
    recorded_at,
    counted.1 AS label,
    counted.2 AS label_value,
    counter.1 AS metric_name,
    counter.2 AS value
FROM (
    SELECT run_id, as_of, recorded_at, arrayJoin(arrayConcat(
        [('totals', '', JSONExtractRaw(metrics, 'totals'))],
        arrayFlatten(arrayMap(label -> arrayMap(
            counters -> (label, counters.1, counters.2),
            JSONExtractKeysAndValuesRaw(metrics, concat('by_', label))), ['tier', 'model', 'provider', 'band', 'task_type', 'component_type', 'variant'])))) AS counted
    FROM snapshots FINAL
)
ARRAY JOIN JSONExtractKeysAndValues(counted.3, 'Int64') AS counter
