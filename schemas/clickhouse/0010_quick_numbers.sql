-- Figures of every model's calls are read whole, ten million at a time: ZSTD takes five times as long to open as LZ4, and
-- numbers below a bound pack into half of what LZ4 makes of them. Parts written before change when they are merged.
ALTER TABLE results
    MODIFY COLUMN latency_ms CODEC(T64, LZ4),
    MODIFY COLUMN input_tokens CODEC(T64, LZ4),
    MODIFY COLUMN output_tokens CODEC(T64, LZ4),
    MODIFY COLUMN cached_tokens CODEC(T64, LZ4),
    MODIFY COLUMN tokens_saved CODEC(T64, LZ4),
    MODIFY COLUMN cost_nano_usd CODEC(T64, LZ4),
    MODIFY COLUMN confidence_ppm CODEC(T64, LZ4),
    MODIFY COLUMN effective_ms CODEC(Delta, LZ4),
    MODIFY COLUMN source_offset CODEC(Delta, LZ4);
