-- Calls of rated subjects are sought among all: four bytes of each are compared in place of its name. It only leaves out.
ALTER TABLE results ADD COLUMN IF NOT EXISTS subject_hash UInt32 MATERIALIZED toUInt32(cityHash64(subject_id));
-- A part's UUID names its contents, as its name does not, which comes back where a table is made anew: an answer may be kept
-- for as long as the parts that it was made of are there (sinks/reading/kept.py). Parts written before get theirs below.
ALTER TABLE results MODIFY SETTING assign_part_uuids = 1;
ALTER TABLE feedback MODIFY SETTING assign_part_uuids = 1;
ALTER TABLE results MATERIALIZE COLUMN subject_hash;
ALTER TABLE feedback MATERIALIZE INDEX IF EXISTS by_subject;
