"""Where an answer comes from, and where it went (S0, Audit)."""

from .question import Question, Section

LINEAGE = Section(
    "Where an answer comes from, and where it went",
    (
        Question(
            "From an image to every answer and table row (S0, *Data lineage*)",
            """
SELECT question, answer, `table`, record_id, model, model_version, tier, prompt_version, confidence, context_items,
    cost_nano_usd, validated_by, verdict
FROM lineage WHERE subject_kind = 'image' AND subject_id = {image:String} ORDER BY event_time, source_offset, question
""",
        ),
        Question(
            "Back from a table's row to the image and the models that touched it",
            """
SELECT subject_id, event_time, tier, model, question, answer, confidence, validated_by, verdict
FROM lineage WHERE `table` = {table:String} AND record_id = {record:String} ORDER BY event_time, source_offset
""",
        ),
        Question(
            "How often an image was processed, and which result holds (reprocessing)",
            """
SELECT tier, nth, times, event_time, run_id, model, status, cost_nano_usd, holds
FROM subject_history WHERE subject_kind = 'image' AND subject_id = {image:String} ORDER BY tier, nth
""",
        ),
        Question(
            "Which version of which model answered what (S0, *Provenance*, *Version tracking*)",
            """
SELECT model, model_version, provider, prompt_version, count() AS answers, uniqExact(subject_id) AS subjects
FROM lineage WHERE run_id = {run:String}
GROUP BY model, model_version, provider, prompt_version ORDER BY answers DESC, model, model_version, prompt_version
""",
        ),
        Question(
            "Where models did not agree (S0, *Consensus validation*)",
            """
SELECT subject_id, question, answer, agreeing_models, asked_models FROM lineage
WHERE run_id = {run:String} AND is_consensus = 0 ORDER BY agreeing_models / asked_models, subject_id, question LIMIT 100
""",
        ),
        Question(
            "How often people replaced an answer (S0, *Human override rate*)",
            """
SELECT answers, overridden, if(answers = 0, NULL, overridden / answers) AS override_rate
FROM run_totals WHERE run_id = {run:String}
""",
        ),
        Question(
            "Answers below a confidence (S0, *Confidence threshold violations*)",
            """
SELECT subject_id, question, answer, model, confidence FROM lineage
WHERE run_id = {run:String} AND confidence < 0.7 ORDER BY confidence, subject_id, question LIMIT 100
""",
        ),
    ),
)
