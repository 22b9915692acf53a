-- A run's last `run.metrics` of each minute of `as_of`. The last is the one with the highest offset: a run's snapshots
-- share a partition, while `as_of` can stand still (a scripted log) or go back (a run that is no longer live).
CREATE TABLE IF NOT EXISTS snapshots
(
    run_id LowCardinality(String),
    minute DateTime('UTC'),
    as_of DateTime64(6, 'UTC'),
    state LowCardinality(String),
    source_offsets Map(LowCardinality(String), Map(UInt32, UInt64)) COMMENT 'topic, partition, next offset: the log prefix it is the fold of',
    metrics String CODEC(ZSTD(6)) COMMENT 'the run.metrics event as JSON',
    recorded_at DateTime64(3, 'UTC'),
    source_topic LowCardinality(String),
    source_partition UInt32,
    source_offset UInt64
)
ENGINE = ReplacingMergeTree(source_offset)
ORDER BY (run_id, minute);
