ALTER TABLE results DROP INDEX IF EXISTS by_conversation
