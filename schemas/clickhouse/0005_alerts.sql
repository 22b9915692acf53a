-- One row for the beginning and one for the end of each episode.
CREATE TABLE IF NOT EXISTS alerts
(
    event_id String,
    event_type LowCardinality(String) COMMENT 'alert.firing or alert.resolved',
    schema_version UInt32 DEFAULT 1,
    event_time DateTime64(6, 'UTC'),
    run_id LowCardinality(String) COMMENT 'empty for an alert about no run',
    source LowCardinality(String) DEFAULT 'unknown',
    fingerprint String,
    episode_id String,
    severity LowCardinality(String),
    type LowCardinality(String),
    message String,
    action String,
    metric LowCardinality(String),
    value Nullable(Float64),
    threshold Nullable(Float64),
    labels Map(LowCardinality(String), String),
    started_at DateTime64(6, 'UTC'),
    ended_at Nullable(DateTime64(6, 'UTC')),
    evidence Array(Tuple(event_id String, topic Nullable(String), partition Nullable(Int64), offset Nullable(Int64))),
    recorded_at DateTime64(3, 'UTC'),
    source_topic LowCardinality(String),
    source_partition UInt32,
    source_offset UInt64,
    ver UInt64 MATERIALIZED 18446744073709551615 - source_offset
)
ENGINE = ReplacingMergeTree(ver)
ORDER BY (run_id, fingerprint, episode_id, event_type);
