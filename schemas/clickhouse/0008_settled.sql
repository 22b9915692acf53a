-- A store at rest settles: once nothing was written for an hour, what is left in parts is merged into one, and FINAL is
-- then as quick as a plain read. While rows come in, parts merge as ever.
ALTER TABLE results MODIFY SETTING min_age_to_force_merge_seconds = 3600, min_age_to_force_merge_on_partition_only = 1;
-- The views say `assumeNotNull(vehicle_id)`, and an index is found by its very expression.
ALTER TABLE results ADD INDEX IF NOT EXISTS by_known_vehicle assumeNotNull(vehicle_id) TYPE bloom_filter(0.01) GRANULARITY 1;
ALTER TABLE results MATERIALIZE INDEX IF EXISTS by_known_vehicle;
