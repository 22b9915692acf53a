-- The categories' scores and the overall score, minute by minute (S3).
-- A row: a run and a minute. Generated from metrics/ by `make docs`.
CREATE OR REPLACE VIEW kpi_scores AS
SELECT
    run_id,
    as_of,
    100 * arrayAvg(mapValues(means)) AS overall_score,
    mapApply((category, mean) -> (category, 100 * mean), means) AS category_scores
FROM (
    SELECT run_id, as_of, CAST(groupArray((category, mean)), 'Map(String, Float64)') AS means
    FROM (
        SELECT run_id, as_of, category, avg(attainment) AS mean
        FROM kpi_results WHERE isNotNull(attainment) GROUP BY run_id, as_of, category
    )
    GROUP BY run_id, as_of
)
