"""Where every answer comes from, and where it went: image → question → answer → table row, and back (S0, Audit)."""

# ruff: noqa: S608 - these texts are made of this package's own constants; no input reaches them

from .view import RUN_ID, Column, View, listed

_RESULT = tuple(
    Column(name, name, docs, unit)
    for name, docs, unit in (
        ("run_id", "The run.", ""),
        ("event_id", "The result that gave the answer.", ""),
        ("event_time", "When, as its producer said.", ""),
        ("recorded_at", "When it arrived.", ""),
        ("subject_kind", "image, component or message.", ""),
        ("subject_id", "What was asked about.", ""),
        ("image_id", "The same where it is an image, else NULL.", ""),
        ("vehicle_id", "Its vehicle.", ""),
        ("component_type", "What kind of component it is, NULL where it is none.", ""),
        ("tier", "The tier of the plan, so of the prompt.", ""),
        ("task_type", "The task.", ""),
        ("strategy", "The strategy that routed it.", ""),
        ("variant", "The variant of an A/B test.", ""),
        ("model", "Who answered.", ""),
        ("model_version", "Its version.", ""),
        ("provider", "Its provider.", ""),
        ("prompt_version", "The prompt's version.", ""),
        ("processor_id", "The processor that asked.", ""),
        ("trace_id", "The producer's trace.", ""),
        ("attempt", "1 for the first try.", ""),
        ("status", "success, partial or failed.", ""),
        ("cost_nano_usd", "What the whole result cost; its answers share it.", "nano-USD"),
        ("latency_ms", "How long the call took.", "ms"),
        ("context_score", "How much context it had.", "0-100"),
        ("context_items", "What context that was.", ""),
    )
)
_ANSWER = (
    Column("question", "answer.question", "What was asked."),
    Column("answer", "answer.answer", "What was answered."),
    Column("confidence", "answer.confidence", "How sure the model was.", "0-1"),
    Column("table", "answer.table", "The table that the answer was written to; empty for none."),
    Column("record_id", "answer.record_id", "The row in it; empty for none."),
    Column("validated_by", "answer.validated_by", "receipt, user or expert, as the result itself says."),
    Column("asked_models", "answer.asked_models", "Models that were asked."),
    Column("agreeing_models", "answer.agreeing_models", "Models that agreed."),
)
_PLACE = (
    Column("source_topic", "source_topic", "Where the record stands in the log: topic,"),
    Column("source_partition", "source_partition", "partition"),
    Column("source_offset", "source_offset", "and offset."),
)


def views() -> list[View]:
    """The views of this family."""
    return [_lineage(), _subject_history()]


def _lineage() -> View:
    columns = (
        *((RUN_ID._replace(sql="said.run_id")), *(c._replace(sql=f"said.{c.name}") for c in _RESULT[1:])),
        *(c._replace(sql=f"said.{'`table`' if c.name == 'table' else c.name}") for c in _ANSWER),
        Column(
            "is_consensus",
            "if(ifNull(said.asked_models, 0) < 2, NULL, ifNull(said.agreeing_models, 0) * 2 > said.asked_models)",
            "1: more than half of two or more models agreed; NULL where fewer were asked.",
        ),
        Column(
            "verdict",
            "nullIf(word.verdict, '')",
            "Feedback's latest word on the question: confirmed, rejected, overridden.",
        ),
        Column("verdict_by", "if(isNull(verdict), NULL, word.validator)", "Who said so: receipt, user or expert."),
        *(c._replace(sql=f"said.{c.name}") for c in _PLACE),
    )
    return View(
        "lineage",
        "Image, question, answer, table row: both ways to follow (S0, Audit).",
        "an answer",
        columns,
        f"""
FROM (
    SELECT
{listed((*_RESULT, *_ANSWER, *_PLACE), "        ")}
    FROM results FINAL
    ARRAY JOIN answers AS answer
) AS said
LEFT JOIN feedback_verdicts AS word USING (run_id, source_partition, subject_kind, subject_id, question)
""",
        "SELECT question, answer, `table`, record_id, model, confidence, validated_by, verdict FROM lineage\n"
        "WHERE run_id = {run:String} AND subject_id = {image:String} ORDER BY source_offset, question",
    )


def _subject_history() -> View:
    """Asked again, a subject's older answers at the tier stay in `lineage`; here is which result holds now."""
    at = "(effective_ms, source_partition, source_offset)"
    again = "PARTITION BY subject_kind, subject_id, tier"
    whole = "ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING"
    columns = (
        *(c for c in _RESULT if c.name not in {"context_items", "image_id", "recorded_at"}),
        Column("final", "final", "1: its plan was done with this result."),
        Column("answers", "length(results.answers)", "Answers that it gave."),
        Column(
            "error",
            "if(status = 'failed', concat(ifNull(error_type, 'error'), ': ', ifNull(error_message, '')), NULL)",
            "Why it failed.",
        ),
        Column("nth", f"row_number() OVER ({again} ORDER BY {at})", "1 for the first time at this tier, in any run."),
        Column("times", f"count() OVER ({again})", "How often it was processed at this tier."),
        Column(
            "holds",
            f"status != 'failed' AND source_offset = argMaxIf(source_offset, {at}, status != 'failed')"
            f" OVER ({again} {whole}) AND source_partition = argMaxIf(source_partition, {at}, status != 'failed')"
            f" OVER ({again} {whole})",
            "1: the newest at this tier that did not fail; 0: failed or replaced.",
        ),
        *_PLACE,
    )
    return View(
        "subject_history",
        "Every time a subject was processed, in any run, and which result holds now (reprocessing).",
        "a result",
        columns,
        "FROM results FINAL",
        "SELECT event_time, run_id, tier, nth, times, model, cost_nano_usd, status, holds FROM subject_history\n"
        "WHERE subject_kind = 'image' AND subject_id = {image:String} ORDER BY tier, nth",
    )
