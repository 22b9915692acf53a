"""What a run found out, by SQL: `imageledger findings` says the same (processors.backfill.findings)."""

from .question import Question, Section

FOUND = Section(
    "What was found",
    (
        Question(
            "Images by category and angle (S2, *What happens next*)",
            """
SELECT coalesce(nullIf(JSONExtractString(output, 'category'), ''), 'unknown') AS category,
    coalesce(nullIf(JSONExtractString(output, 'angle'), ''), 'unknown') AS angle, count() AS images
FROM (
    SELECT * FROM run_results
    WHERE run_id = {run:String} AND event_type = 'image.result' AND tier = 1 AND status != 'failed'
    ORDER BY source_offset DESC LIMIT 1 BY subject_id
)
GROUP BY category, angle ORDER BY images DESC, category, angle
""",
        ),
        Question(
            "Parts with confidence: `visible` on a glance, `part` and `modification` identified; how often confirmed",
            """
SELECT splitByChar(':', said.question, 2)[1] AS kind, splitByChar(':', said.question, 2)[2] AS name,
    uniqExact(subject_id) AS images,
    if(count(said.confidence) = 0, NULL,
        sum(toInt64(roundBankers(said.confidence * 1e6))) / count(said.confidence) / 1e6) AS confidence,
    count(said.validated_by) AS validated
FROM (
    SELECT * FROM run_results WHERE run_id = {run:String} AND event_type = 'image.result' AND status != 'failed'
    ORDER BY source_offset DESC LIMIT 1 BY subject_id, tier
)
ARRAY JOIN answers AS said
WHERE kind IN ('visible', 'part', 'modification') AND name != ''
GROUP BY kind, name ORDER BY kind, images DESC, name
""",
        ),
        Question(
            "Image quality",
            """
SELECT JSONExtractString(output, 'image_quality', 'lighting') AS lighting,
    JSONExtractString(output, 'image_quality', 'focus') AS focus, count() AS images,
    countIf(JSONExtractBool(output, 'image_quality', 'sufficient_for_detail')) AS sufficient_for_detail,
    countIf(JSONExtractBool(output, 'image_quality', 'suitable_for_expert')) AS suitable_for_expert,
    avg(JSONExtractFloat(output, 'image_quality', 'overall_score')) AS mean_score
FROM (
    SELECT * FROM run_results
    WHERE run_id = {run:String} AND event_type = 'image.result' AND tier = 1 AND status != 'failed'
    ORDER BY source_offset DESC LIMIT 1 BY subject_id
)
WHERE JSONHas(output, 'image_quality')
GROUP BY lighting, focus ORDER BY images DESC, lighting, focus
""",
        ),
        Question(
            "What is missing, what it would be worth, and how to get it",
            """
SELECT gap.item AS item, gap.value AS value, gap.how_to_get AS how_to_get, uniqExact(subject_id) AS images,
    uniqExact(vehicle_id) AS vehicles
FROM (
    SELECT * FROM run_results WHERE run_id = {run:String} AND event_type = 'image.result' AND status != 'failed'
    ORDER BY source_offset DESC LIMIT 1 BY subject_id, tier
)
ARRAY JOIN gaps AS gap
GROUP BY item, value, how_to_get ORDER BY images DESC, item, value, how_to_get
""",
        ),
        Question(
            "What asking again cost, once the vehicles were better documented (S2, *Future reprocessing*)",
            """
SELECT count() AS images, sum(first) AS first_nano_usd, sum(newest) AS newest_nano_usd
FROM (
    SELECT subject_id, count() AS times, argMin(ifNull(cost_nano_usd, 0), source_offset) AS first,
        argMax(ifNull(cost_nano_usd, 0), source_offset) AS newest
    FROM run_results
    WHERE run_id = {run:String} AND event_type = 'image.result' AND tier > 1 AND status != 'failed'
    GROUP BY subject_id
)
WHERE times > 1
""",
        ),
    ),
    "An image's newest result of a tier that did not fail holds, so reprocessing replaces what was found before. "
    "`imageledger findings --run R` says the same.",
)
