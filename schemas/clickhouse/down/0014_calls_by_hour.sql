-- The column is made of `attributes`: nothing is lost with it.
ALTER TABLE results DROP PROJECTION IF EXISTS calls_by_hour, DROP COLUMN IF EXISTS user_type;
