-- Every record of a run's life, acknowledged commands too. A record is what stands at one position of the log, so a repeat
-- of an event is a row of its own, as it is for the fold: the newest by position holds.
CREATE TABLE IF NOT EXISTS runs
(
    event_id String,
    event_type LowCardinality(String),
    schema_version UInt32 DEFAULT 1,
    event_time DateTime64(6, 'UTC'),
    run_id LowCardinality(String),
    source LowCardinality(String) DEFAULT 'unknown',
    reason Nullable(String),
    issued_by LowCardinality(Nullable(String)),

    name Nullable(String) COMMENT 'the plan: in run.updated NULL means unchanged; what is a list or a map is told from absent by raw',
    strategy LowCardinality(Nullable(String)),
    started_at Nullable(DateTime64(6, 'UTC')),
    total_images Nullable(UInt32),
    tiers Array(Tuple(
        tier UInt8,
        name Nullable(String),
        images Nullable(UInt32),
        model Nullable(String),
        unit_cost_usd Nullable(Float64),
        batch_size Nullable(UInt32),
        batch_seconds Nullable(Float64))),
    tier_order LowCardinality(Nullable(String)),
    budget_usd Nullable(Float64),
    baseline_name LowCardinality(Nullable(String)),
    baseline_unit_cost_usd Nullable(Float64),
    baseline_latency_ms Nullable(Float64),
    cheap_models Array(String),
    sla_latency_ms Nullable(Float64),
    sla_error_rate Nullable(Float64),
    sla_deadline Nullable(DateTime64(6, 'UTC')),
    value_weights_usd Map(LowCardinality(String), Float64),

    command_id Nullable(String) COMMENT 'command.acknowledged',
    outcome LowCardinality(Nullable(String)),
    processor_id LowCardinality(Nullable(String)),

    raw String CODEC(ZSTD(6)) COMMENT 'the event as JSON',
    recorded_at DateTime64(3, 'UTC'),
    source_topic LowCardinality(String),
    source_partition UInt32,
    source_offset UInt64
)
ENGINE = ReplacingMergeTree
ORDER BY (run_id, source_partition, source_offset);
