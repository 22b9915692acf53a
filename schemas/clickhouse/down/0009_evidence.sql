ALTER TABLE alerts MODIFY COLUMN evidence Array(Tuple(
    event_id String, topic Nullable(String), partition Nullable(Int64), offset Nullable(Int64)));
