-- Every word on a result. Which one counts (the latest of a run, subject and question) is a view's business.
CREATE TABLE IF NOT EXISTS feedback
(
    event_id String CODEC(ZSTD(1)),
    event_type LowCardinality(String),
    schema_version UInt32 DEFAULT 1,
    event_time DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)),
    run_id LowCardinality(String) COMMENT 'the run that it counts in: default-YYYY-MM where the event names none',
    source LowCardinality(String) DEFAULT 'unknown',

    subject_kind LowCardinality(String) COMMENT 'image, component, message or conversation',
    subject_id String CODEC(ZSTD(1)),
    question Nullable(String) CODEC(ZSTD(1)),
    rating Nullable(Int8),
    validator LowCardinality(String) DEFAULT 'user',
    verdict LowCardinality(Nullable(String)),
    user_id Nullable(String) CODEC(ZSTD(1)),
    comment Nullable(String) CODEC(ZSTD(1)),

    recorded_at DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    effective_ms Int64 CODEC(Delta, ZSTD(1)) COMMENT 'ms since 1970 at which it counts: event_time, or arrival if skewed',
    source_topic LowCardinality(String),
    source_partition UInt32,
    source_offset UInt64 CODEC(Delta, ZSTD(1)),

    image_id Nullable(String) ALIAS if(subject_kind = 'image', subject_id, NULL),
    component_id Nullable(String) ALIAS if(subject_kind = 'component', subject_id, NULL),
    message_id Nullable(String) ALIAS if(subject_kind = 'message', subject_id, NULL),
    conversation_id Nullable(String) ALIAS if(subject_kind = 'conversation', subject_id, NULL),

    INDEX by_subject subject_id TYPE bloom_filter(0.01) GRANULARITY 1
)
ENGINE = ReplacingMergeTree
ORDER BY (run_id, source_partition, source_offset);
