-- Ratings name a conversation (S4): its calls are found without reading all of them. Parts written before are indexed in
-- the background.
ALTER TABLE results ADD INDEX IF NOT EXISTS by_conversation conversation_id TYPE bloom_filter(0.01) GRANULARITY 1;
ALTER TABLE results MATERIALIZE INDEX IF EXISTS by_conversation;
