-- Since when the records count that an alert rests on, as the event says it.
ALTER TABLE alerts MODIFY COLUMN evidence Array(Tuple(
    event_id String, topic Nullable(String), partition Nullable(Int64), offset Nullable(Int64),
    first_offset Nullable(Int64)));
