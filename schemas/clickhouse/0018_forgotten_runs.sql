-- Runs that `imageledger cleanup` took out of every table: the log and the newest snapshot still have them, and `verify`
-- is to know why ClickHouse has not.
CREATE TABLE IF NOT EXISTS forgotten_runs
(
    run_id String,
    forgotten_at DateTime64(3, 'UTC') DEFAULT now64(3),
    source_partition UInt32 COMMENT '0: a run stands in many; a cluster deals rows out by it'
)
ENGINE = ReplacingMergeTree(forgotten_at)
ORDER BY run_id;
