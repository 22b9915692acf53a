ALTER TABLE results DROP PROJECTION IF EXISTS calls_of_subjects;
ALTER TABLE results RESET SETTING deduplicate_merge_projection_mode;
