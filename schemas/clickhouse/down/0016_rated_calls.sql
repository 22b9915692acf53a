-- UUIDs that parts have stay with them, unused.
ALTER TABLE results RESET SETTING assign_part_uuids;
ALTER TABLE feedback RESET SETTING assign_part_uuids;
ALTER TABLE results DROP COLUMN IF EXISTS subject_hash;
