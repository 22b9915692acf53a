-- The newest profile of each vehicle; FINAL leaves out those that were deleted.
CREATE TABLE IF NOT EXISTS profiles
(
    vehicle_id String,
    event_id String,
    event_type LowCardinality(String) DEFAULT 'vehicle.profiled',
    schema_version UInt32 DEFAULT 1,
    event_time DateTime64(6, 'UTC'),
    run_id LowCardinality(Nullable(String)),
    source LowCardinality(String) DEFAULT 'unknown',
    has_spid Bool,
    has_factory_manual Bool,
    receipt_count UInt32,
    timeline_event_count UInt32,
    user_tag_count UInt32,
    reference_doc_count UInt32,
    previously_analyzed Bool,
    well_documented Bool,
    recorded_at DateTime64(3, 'UTC'),
    source_topic LowCardinality(String),
    source_partition UInt32,
    source_offset UInt64,
    deleted UInt8 COMMENT '1 for a record without a value: the vehicle has no profile any more'
)
ENGINE = ReplacingMergeTree(source_offset, deleted)
ORDER BY vehicle_id;
