"""The SQL views, made from the same metrics as the live figures: exact before any merge (DESIGN.md 4.4).

`results` keeps repeats until ClickHouse merges them away, so everything reads FINAL, which keeps the lowest offset of
an event. A run's view has a row for each `run_id`; a condition on it reaches the table.
"""

# ruff: noqa: S608 - these texts are made of this package's own constants; no input reaches them

from collections.abc import Iterable

from . import buckets, context
from .counters import ADDITIVE, FEEDBACK_COUNTERS, SUBJECT_COUNTERS
from .groups import LABELS
from .metric import Metric

_SUBJECT = "run_id, source_partition, event_type, subject_id"

_FAMILIES = {
    "scores_sum_micro": "sumMap(r.scores_micro)",
    "scores_count": "sumMap(mapApply((name, score) -> (name, toUInt64(1)), r.scores_micro))",
    "findings": "sumMap(mapFilter((kind, n) -> n > 0, r.findings))",
    "records": "sumMap(mapFilter((name, n) -> n > 0, r.tables))",
}
"""The named families, as maps."""

_LABEL_SQL = {
    "tier": "tier",
    "model": "model",
    "provider": "provider",
    "band": context.band_sql("context_score"),
    "task_type": "task_type",
    "component_type": "ifNull(component_type, '')",
    "variant": "ifNull(variant, '')",
}
"""A result's value of a label; empty where it carries none."""


def views() -> dict[str, str]:
    """View name → the statement that makes it. A view may read another one."""
    return {
        "run_results": _run_results(),
        "run_subject_tiers": _run_subject_tiers(),
        "run_subjects": _run_subjects(),
        "run_feedback": _run_feedback(),
        "run_totals": _run_totals(),
        **{f"run_by_{label}": _run_by(label) for label in LABELS},
        "image_processing_metrics": _image_processing_metrics(),
        "lineage": _lineage(),
    }


def _view(name: str, comment: str, query: str) -> str:
    return (
        f"-- {comment}\n-- Generated from metrics/ by `make docs`.\nCREATE OR REPLACE VIEW {name} AS\n{query.strip()}\n"
    )


def _columns(metrics: Iterable[Metric]) -> str:
    lines = [f"    {metric.sql} AS {metric.name}" for metric in metrics if metric.sql is not None]
    return ",\n".join(lines)


def _named_columns(prefix: str, names: Iterable[str]) -> str:
    return ",\n".join(f"    {prefix}.{name} AS {name}" for name in names)


def _counted() -> str:
    families = ",\n".join(f"    {sql} AS {name}" for name, sql in _FAMILIES.items())
    return f"{_columns(ADDITIVE)},\n{families}"


_COUNTED_NAMES = [metric.name for metric in ADDITIVE if metric.sql is not None] + list(_FAMILIES)
_SUBJECT_NAMES = [metric.name for metric in SUBJECT_COUNTERS]


def _run_results() -> str:
    """Lateness is judged against the highest time before it in its partition, in the order of offsets."""
    skewed = f"(toUnixTimestamp64Milli(recorded_at) + {buckets.SKEW_MS + 1}) * 1000"
    return _view(
        "run_results",
        "Every result once, whether it came late, and whether its clock was ahead.",
        f"""
SELECT *,
    effective_ms < max(effective_ms) OVER (
        PARTITION BY run_id, source_partition ORDER BY source_offset
        ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) - {buckets.LATE_MS} AS is_late,
    toUnixTimestamp64Micro(event_time) >= {skewed} AS is_skewed
FROM results FINAL
""",
    )


def _run_subject_tiers() -> str:
    return _view(
        "run_subject_tiers",
        "What became of each subject at each tier: `processed` means complete there.",
        f"""
SELECT {_SUBJECT}, tier,
    max(status != 'failed') AS processed,
    max(final AND status != 'failed') AS plan_done,
    argMax(status, source_offset) = 'failed' AS failed,
    countIf(status = 'success') > 1 AS reprocessed,
    max(source_offset) AS last_offset
FROM results FINAL
GROUP BY {_SUBJECT}, tier
""",
    )


def _run_subjects() -> str:
    return _view(
        "run_subjects",
        "What became of each subject over all tiers, and the band of its latest scored result (empty without one).",
        f"""
SELECT {_SUBJECT},
    max(plan_done) AS processed,
    argMax(tiers.failed, last_offset) AS failed,
    max(tiers.reprocessed) AS reprocessed,
    any(bands.band) AS band
FROM run_subject_tiers AS tiers
LEFT JOIN (
    SELECT {_SUBJECT}, argMax({context.band_sql("context_score")}, source_offset) AS band
    FROM results FINAL
    WHERE isNotNull(context_score)
    GROUP BY {_SUBJECT}
) AS bands USING ({_SUBJECT})
GROUP BY {_SUBJECT}
""",
    )


def _run_feedback() -> str:
    """Word on a question is a verdict, word without one a rating; a record that says neither changes nothing."""
    confirmed = ",\n".join(
        f"    countIf(verdict = 'confirmed' AND validator = '{validator}') AS validated_{validator}"
        for validator in ("receipt", "user", "expert")
    )
    return _view(
        "run_feedback",
        "What people and documents said: the latest word on each question, the latest rating of each subject.",
        f"""
WITH words AS (
    SELECT * FROM feedback FINAL
    ORDER BY source_offset
    LIMIT 1 BY run_id, source_partition, event_id
)
SELECT run_id,
{_columns(FEEDBACK_COUNTERS)},
{confirmed}
FROM (
    SELECT run_id, argMax(words.verdict, source_offset) AS verdict, argMax(words.validator, source_offset) AS validator,
        0 AS rating
    FROM words WHERE isNotNull(question) AND isNotNull(words.verdict)
    GROUP BY run_id, source_partition, subject_kind, subject_id, question
    UNION ALL
    SELECT run_id, '', '', argMax(words.rating, source_offset)
    FROM words WHERE isNull(question) AND isNotNull(words.rating)
    GROUP BY run_id, source_partition, subject_kind, subject_id
)
GROUP BY run_id
""",
    )


def _run_totals() -> str:
    both = [f"validated_{validator}" for validator in ("receipt", "user", "expert")]
    counted = _named_columns("counted", [name for name in _COUNTED_NAMES if name not in both])
    added = ",\n".join(f"    counted.{name} + words.{name} AS {name}" for name in both)
    return _view(
        "run_totals",
        "Every counter of a run's totals, exactly as live: one row a run.",
        f"""
SELECT runs.run_id AS run_id,
{counted},
{added},
{_named_columns("subjects", _SUBJECT_NAMES)},
{_named_columns("words", [metric.name for metric in FEEDBACK_COUNTERS])}
FROM (SELECT run_id FROM results UNION DISTINCT SELECT run_id FROM feedback) AS runs
LEFT JOIN (
    SELECT run_id,
{_counted()}
    FROM run_results AS r GROUP BY run_id
) AS counted USING (run_id)
LEFT JOIN (
    SELECT run_id,
{_columns(SUBJECT_COUNTERS)}
    FROM run_subjects GROUP BY run_id
) AS subjects USING (run_id)
LEFT JOIN run_feedback AS words USING (run_id)
""",
    )


def _run_by(label: str) -> str:
    carried = "" if label == "tier" else " WHERE value != ''"
    names = {"tier": _SUBJECT_NAMES, "band": _SUBJECT_NAMES[:1]}.get(label, [])
    columns = _named_columns("counted", _COUNTED_NAMES)
    if names:
        columns += ",\n" + _named_columns("subjects", names)
    query = f"""
SELECT run_id, value AS {label},
{columns}
FROM (
    SELECT run_id, {_LABEL_SQL[label]} AS value,
{_counted()}
    FROM run_results AS r{carried}
    GROUP BY run_id, value
) AS counted
"""
    if names:
        query += f"LEFT JOIN ({_subjects_by(label)}) AS subjects USING (run_id, value)\n"
    comment = f"A run's results by {label.replace('_', ' ')}; a result that carries none is in no row."
    return _view(f"run_by_{label}", comment, query)


def _subjects_by(label: str) -> str:
    if label == "band":
        return (
            f"\n    SELECT run_id, band AS value,\n{_columns(SUBJECT_COUNTERS[:1])}\n"
            "    FROM run_subjects WHERE band != '' GROUP BY run_id, value\n"
        )
    return (
        f"\n    SELECT run_id, tier AS value,\n{_columns(SUBJECT_COUNTERS)}\n"
        "    FROM run_subject_tiers GROUP BY run_id, value\n"
    )


def _image_processing_metrics() -> str:
    return _view(
        "image_processing_metrics",
        "One row for each image of a run (S0, Per-image detailed metrics).",
        """
SELECT
    run_id,
    subject_id AS image_id,
    argMax(results.vehicle_id, source_offset) AS vehicle_id,
    min(ifNull(started_at, event_time)) AS started_at,
    max(event_time) AS completed_at,
    sum(ifNull(latency_ms, 0)) AS processing_duration_ms,
    max(tier) AS tier_reached,
    arraySort(groupUniqArray(toString(model))) AS models_used,
    sum(ifNull(cost_nano_usd, 0)) / 1e9 AS total_cost,
    sum(ifNull(cost_nano_usd, 0)) AS total_cost_nano_usd,
    sum(input_tokens + output_tokens) AS total_tokens,
    argMaxIf(results.context_score, source_offset, isNotNull(results.context_score)) AS context_score,
    argMaxIf(results.context_items, source_offset, isNotNull(results.context_score)) AS context_items,
    sum(length(answers)) AS questions_answered,
    avg(confidence) AS avg_confidence,
    sum(arrayCount(by -> isNotNull(by), answers.validated_by)) AS validated_answers,
    sum(arrayCount((asked, agreeing) -> ifNull(asked, 0) >= 2 AND ifNull(agreeing, 0) * 2 > ifNull(asked, 0),
        answers.asked_models, answers.agreeing_models)) AS consensus_answers,
    arraySort(groupUniqArrayArray(mapKeys(tables))) AS tables_updated,
    sum(insights) AS insights_generated,
    sum(length(gaps)) AS gaps_identified,
    groupArrayIf(concat(ifNull(error_type, 'error'), ': ', ifNull(error_message, '')), status = 'failed')
        AS errors_encountered,
    countIf(attempt > 1) AS retry_count,
    argMax(status, source_offset) AS final_status,
    min(recorded_at) AS created_at
FROM results FINAL
WHERE event_type = 'image.result'
GROUP BY run_id, subject_id
""",
    )


def _lineage() -> str:
    return _view(
        "lineage",
        "Image, question, answer, table row: one row an answer, both ways to follow (S0, Audit).",
        """
SELECT run_id, event_id, event_time, recorded_at, subject_kind, subject_id, image_id, vehicle_id, tier, task_type,
    model, model_version, provider, prompt_version, status,
    answer.question AS question, answer.answer AS answer, answer.confidence AS confidence,
    answer.table AS `table`, answer.record_id AS record_id, answer.validated_by AS validated_by,
    answer.asked_models AS asked_models, answer.agreeing_models AS agreeing_models,
    source_topic, source_partition, source_offset
FROM results FINAL
ARRAY JOIN answers AS answer
""",
    )
