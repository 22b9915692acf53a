-- Every result once: of the records with one identity (run, source partition, event id) the one with the lowest offset.
-- Before a merge has removed the others, FINAL or the views leave them out.
CREATE TABLE IF NOT EXISTS results
(
    event_id String CODEC(ZSTD(1)),
    event_type LowCardinality(String),
    schema_version UInt32 DEFAULT 1,
    event_time DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)) COMMENT 'as the producer said it',
    run_id LowCardinality(String) COMMENT 'the run that it counts in: default-YYYY-MM where the event names none',
    source LowCardinality(String) DEFAULT 'unknown',

    subject_kind LowCardinality(String) COMMENT 'image, component or message',
    subject_id String CODEC(ZSTD(1)),
    vehicle_id Nullable(String) CODEC(ZSTD(1)),
    vehicle_type LowCardinality(Nullable(String)),
    image_uri Nullable(String) CODEC(ZSTD(1)),
    content_hash Nullable(String) CODEC(ZSTD(1)),
    component_type LowCardinality(Nullable(String)),
    conversation_id Nullable(String) CODEC(ZSTD(1)),
    user_id Nullable(String) CODEC(ZSTD(1)),

    status LowCardinality(String) COMMENT 'success, partial or failed',
    final Bool DEFAULT true,
    error_type LowCardinality(Nullable(String)),
    error_message Nullable(String) CODEC(ZSTD(1)),
    error_timeout Nullable(Bool),
    attempt UInt32 DEFAULT 1,
    will_retry Bool,

    tier UInt8 DEFAULT 1,
    task_type LowCardinality(String) DEFAULT 'other',
    task_complexity LowCardinality(Nullable(String)),
    strategy LowCardinality(Nullable(String)),
    variant LowCardinality(Nullable(String)),
    batch_id LowCardinality(Nullable(String)),
    processor_id LowCardinality(Nullable(String)),
    prompt_version LowCardinality(Nullable(String)),
    environment LowCardinality(Nullable(String)),
    trace_id Nullable(String) CODEC(ZSTD(1)),
    parent_id Nullable(String) CODEC(ZSTD(1)),

    model LowCardinality(String) DEFAULT 'unknown',
    model_version LowCardinality(Nullable(String)),
    provider LowCardinality(String) DEFAULT 'unknown',

    started_at Nullable(DateTime64(6, 'UTC')) CODEC(ZSTD(1)),
    latency_ms Nullable(Int64) COMMENT 'rounded half to even; NULL is unknown',
    stages Map(LowCardinality(String), Float64) COMMENT 'name to ms',

    input_tokens UInt64,
    output_tokens UInt64,
    cached_tokens UInt64,
    tokens_saved UInt64,
    cache_hit Bool,
    usage Map(LowCardinality(String), UInt64),

    cost_usd Nullable(Float64) COMMENT 'as the producer said it',
    cost_nano_usd Nullable(Int64) COMMENT 'cost_usd in nano-dollars, rounded half to even: what sums are made of',
    stage_costs Map(LowCardinality(String), Float64) COMMENT 'name to USD',
    price_version LowCardinality(Nullable(String)),
    cost_source LowCardinality(Nullable(String)),

    confidence Nullable(Float64),
    confidence_ppm Nullable(Int64) COMMENT 'confidence in parts per million, rounded half to even',
    scores Map(LowCardinality(String), Float64),
    scores_micro Map(LowCardinality(String), Int64) COMMENT 'scores in millionths, rounded half to even',

    context_score Nullable(Float64),
    context_items Array(String),

    answers Array(Tuple(
        question String,
        answer Nullable(String),
        confidence Nullable(Float64),
        `table` String,
        record_id String,
        agreeing_models Nullable(UInt32),
        asked_models Nullable(UInt32),
        validated_by Nullable(String))) CODEC(ZSTD(1)),
    questions_asked UInt32,

    tables Map(LowCardinality(String), UInt64) COMMENT 'table to records',
    insights UInt32,
    gaps Array(Tuple(item String, value Nullable(String), how_to_get Nullable(String))) CODEC(ZSTD(1)),
    findings Map(LowCardinality(String), UInt64),

    attributes Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    output String CODEC(ZSTD(6)) COMMENT 'the raw JSON, its first 64 KiB',
    output_bytes UInt32 COMMENT 'how long it was before the cut',

    recorded_at DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)) COMMENT 'arrival: the time of the Kafka record',
    effective_ms Int64 CODEC(Delta, ZSTD(1)) COMMENT 'ms since 1970 at which it counts: event_time, or arrival if skewed',
    source_topic LowCardinality(String),
    source_partition UInt32,
    source_offset UInt64 CODEC(Delta, ZSTD(1)),
    ver UInt64 MATERIALIZED 18446744073709551615 - source_offset CODEC(Delta, ZSTD(1)),

    image_id Nullable(String) ALIAS if(subject_kind = 'image', subject_id, NULL),
    component_id Nullable(String) ALIAS if(subject_kind = 'component', subject_id, NULL),
    message_id Nullable(String) ALIAS if(subject_kind = 'message', subject_id, NULL),
    output_cut Bool ALIAS output_bytes > length(output),
    effective_at DateTime64(3, 'UTC') ALIAS fromUnixTimestamp64Milli(effective_ms, 'UTC'),

    INDEX by_subject subject_id TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX by_vehicle vehicle_id TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX by_record answers.record_id TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX by_time effective_ms TYPE minmax GRANULARITY 1
)
ENGINE = ReplacingMergeTree(ver)
ORDER BY (run_id, source_partition, event_id);
