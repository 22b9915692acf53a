ALTER TABLE results DROP INDEX IF EXISTS by_known_vehicle;
ALTER TABLE results RESET SETTING min_age_to_force_merge_seconds, min_age_to_force_merge_on_partition_only;
