DROP TABLE IF EXISTS forgotten_runs
