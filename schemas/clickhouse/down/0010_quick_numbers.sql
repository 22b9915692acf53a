ALTER TABLE results
    MODIFY COLUMN latency_ms REMOVE CODEC,
    MODIFY COLUMN input_tokens REMOVE CODEC,
    MODIFY COLUMN output_tokens REMOVE CODEC,
    MODIFY COLUMN cached_tokens REMOVE CODEC,
    MODIFY COLUMN tokens_saved REMOVE CODEC,
    MODIFY COLUMN cost_nano_usd REMOVE CODEC,
    MODIFY COLUMN confidence_ppm REMOVE CODEC,
    MODIFY COLUMN effective_ms CODEC(Delta, ZSTD(1)),
    MODIFY COLUMN source_offset CODEC(Delta, ZSTD(1));
