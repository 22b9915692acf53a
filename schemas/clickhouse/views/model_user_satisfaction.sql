-- How people rated each model's calls.
-- A row: a model and provider with a rating. Generated from metrics/ by `make docs`.
CREATE OR REPLACE VIEW model_user_satisfaction AS
SELECT
    model,
    provider,
    countIf(user_rating = 1) AS thumbs_up,
    countIf(user_rating = -1) AS thumbs_down,
    thumbs_up + thumbs_down AS total_ratings,
    if(thumbs_up + thumbs_down = 0, NULL, thumbs_up / (thumbs_up + thumbs_down)) AS satisfaction_rate,
    round(100 * satisfaction_rate, 2) AS satisfaction_percentage
FROM result_ratings
GROUP BY model, provider
HAVING thumbs_up + thumbs_down > 0
