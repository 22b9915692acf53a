"""A run's counters by SQL: the same figures as its snapshot's, exactly (the parity law, DESIGN.md 4.3).

`results` keeps repeats until ClickHouse merges them away, so everything reads FINAL, which keeps the lowest offset of
an event (docs/decisions/0012-views.md). A condition on `run_id` reaches the table. What is late needs the order of the
log, so it is counted on its own, in the partitions of a run that span more than a day (0026).
"""

# ruff: noqa: S608 - these texts are made of this package's own constants; no input reaches them

from collections.abc import Iterable

from metrics.figures import confidence
from metrics.fold import bands, buckets
from metrics.fold.counters import ADDITIVE, SUBJECT_COUNTERS
from metrics.fold.groups import LABELS

from .feedback import VALIDATED, WORDS
from .view import RUN_ID, WITH_COUNTS, Column, View, listed, of_metrics, taken

_SUBJECT = "run_id, source_partition, event_type, subject_id"
_SUBJECT_COLUMNS = (
    RUN_ID,
    Column("source_partition", "source_partition", "The Kafka partition of its results; a subject is one of its own."),
    Column("event_type", "event_type", "image.result, component.result or message.result."),
    Column("subject_id", "subject_id", "The image, component or message."),
)


def _counted_names(column: str) -> str:
    return f"sumMap(mapApply((name, amount) -> (name, toUInt64(1)), {column}))"


_FAMILIES = (
    Column("scores_sum_micro", "sumMap(r.scores_micro)", "Sum of each score, by its name.", "millionths"),
    Column("scores_count", _counted_names("r.scores_micro"), "How many results have each score."),
    Column(
        "stages_ms_sum",
        "sumMap(mapApply((name, ms) -> (name, toInt64(roundBankers(ms))), r.stages))",
        "Time of each stage, by its name.",
        "ms",
    ),
    Column("stages_count", _counted_names("r.stages"), "How many results say the time of each stage."),
    Column(
        "stage_costs_nano_usd_sum",
        "sumMap(mapApply((name, usd) -> (name, toInt128(roundBankers(usd * 1e9))), r.stage_costs))",
        "Cost of each stage, by its name.",
        "nano-USD",
    ),
    Column("stage_costs_count", _counted_names("r.stage_costs"), "How many results say the cost of each stage."),
    Column("confidence_bins", confidence.BINS_SQL, "Results by confidence: step of 5 % (0-20) to how many."),
    Column("findings", "sumMap(mapFilter((kind, n) -> n > 0, r.findings))", "Findings, by their kind."),
    Column("records", "sumMap(mapFilter((name, n) -> n > 0, r.tables))", "Records written, by table."),
)

LABEL_SQL = {
    "tier": "tier",
    "model": "model",
    "provider": "provider",
    "band": bands.band_sql("context_score"),
    "task_type": "task_type",
    "component_type": "ifNull(component_type, '')",
    "variant": "ifNull(variant, '')",
}
"""A result's value of a label; empty where it carries none."""

_LATE = Column(
    "late_events", "late.late_events", next(metric.docs for metric in ADDITIVE if metric.name == "late_events")
)
_COUNTED = [*(column for column in of_metrics(ADDITIVE) if column.name != _LATE.name), *_FAMILIES]
_SUBJECTS = of_metrics(SUBJECT_COUNTERS)


def _told(columns: Iterable[Column]) -> list[Column]:
    """As clients get them: a sum of money is Int64, or NULL where it is more (docs/decisions/0091)."""
    return [
        column._replace(
            sql=TOLD[column.name].format(column.sql), docs=f"{column.docs} NULL: over 9.2 billion USD, see 0091."
        )
        if column.name in TOLD
        else column
        for column in taken("counted", columns)
    ]


TOLD = {
    "cost_nano_usd": "accurateCastOrNull({}, 'Int64')",
    "stage_costs_nano_usd_sum": "mapApply((name, nano) -> (name, accurateCastOrNull(nano, 'Int64')), {})",
}
"""How a sum of money is told that was added up in Int128."""


def views() -> list[View]:
    """The views of this family."""
    return [
        _run_results(),
        _run_late_results(),
        _run_subject_tiers(),
        _run_subjects(),
        _run_totals(),
        *(_run_by(label) for label in LABELS),
    ]


_SKEWED = f"toUnixTimestamp64Micro(event_time) >= (toUnixTimestamp64Milli(recorded_at) + {buckets.SKEW_MS + 1}) * 1000"
_IS_LATE = f"""effective_ms < max(effective_ms) OVER (
        PARTITION BY run_id, source_partition ORDER BY source_offset
        ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) - {buckets.LATE_MS}"""
"""Judged against the highest time before it in its partition, in the order of offsets."""
_COUNTABLE = f"(SELECT {WITH_COUNTS}, {_SKEWED} AS is_skewed FROM results FINAL) AS r"


def _run_results() -> View:
    return View(
        "run_results",
        "Every result once, whether it came late, and whether its clock was ahead.",
        "a result",
        (
            Column(
                "*", "*", "Every column of the table `results`: the event's fields, flat, and its place in the log."
            ),
            Column("is_late", _IS_LATE, "Over 24 h behind its run: in the totals, in no bucket."),
            Column("is_skewed", _SKEWED, "Dated over 5 min after its arrival: counted at arrival."),
        ),
        "FROM results FINAL",
        "SELECT event_time, subject_id, model, status FROM run_results WHERE run_id = {run:String}\n"
        "ORDER BY effective_ms DESC LIMIT 10",
    )


def _run_late_results() -> View:
    """Where a run's results in a partition all lie within a day, none can be late: they are not even looked at."""
    labels = ("tier", "model", "provider", "context_score", "task_type", "component_type", "variant")
    named = ", ".join(labels)
    return View(
        "run_late_results",
        "The results that came late: in the totals, in no bucket.",
        "a result over 24 h behind its run",
        (
            RUN_ID,
            *(Column(name, name, f"Its {name.replace('_', ' ')}.") for name in ("source_partition", *labels)),
            Column("source_offset", "source_offset", "Where it stands in the log."),
        ),
        f"""
FROM (
    SELECT run_id, source_partition, source_offset, {named}, {_IS_LATE} AS is_late
    FROM (SELECT run_id, source_partition, source_offset, effective_ms, {named} FROM results FINAL) AS r
    INNER JOIN (
        SELECT run_id, source_partition FROM results GROUP BY run_id, source_partition
        HAVING max(effective_ms) - min(effective_ms) > {buckets.LATE_MS}
    ) AS spanning USING (run_id, source_partition)
)
WHERE is_late
""",
        "SELECT model, count() AS late FROM run_late_results WHERE run_id = {run:String} GROUP BY model ORDER BY model",
    )


def _run_subject_tiers() -> View:
    return View(
        "run_subject_tiers",
        "What became of each subject at each tier.",
        "a run, a subject and a tier",
        (
            *_SUBJECT_COLUMNS,
            Column("tier", "tier", "The tier, 0-15."),
            Column("processed", "max(status != 'failed')", "1: complete at this tier."),
            Column("plan_done", "max(final AND status != 'failed')", "1: a result here ended the subject's plan."),
            Column("failed", "argMax(status, source_offset) = 'failed'", "1: its latest result here failed."),
            Column("reprocessed", "countIf(status = 'success') > 1", "1: more than one success here."),
            Column("last_offset", "max(source_offset)", "Offset of its latest result here."),
        ),
        f"FROM results FINAL\nGROUP BY {_SUBJECT}, tier",
        "SELECT tier, count() AS images, sum(processed) AS complete FROM run_subject_tiers\n"
        "WHERE run_id = {run:String} GROUP BY tier ORDER BY tier",
    )


def _run_subjects() -> View:
    """More successes than tiers with a success: one tier had two."""
    tiers_done = "bitCount(groupBitOrIf(bitShiftLeft(toUInt16(1), tier), status = 'success'))"
    return View(
        "run_subjects",
        "What became of each subject over all tiers.",
        "a run and a subject",
        (
            *_SUBJECT_COLUMNS,
            Column("processed", "max(final AND status != 'failed')", "1: its plan is done."),
            Column("failed", "argMax(status, source_offset) = 'failed'", "1: its latest result failed."),
            Column(
                "reprocessed", f"countIf(status = 'success') > {tiers_done}", "1: more than one success at one tier."
            ),
            Column(
                "band",
                f"argMaxIf({bands.band_sql('context_score')}, source_offset, isNotNull(context_score))",
                "Band of its latest scored result; empty without one.",
            ),
        ),
        f"FROM results FINAL\nGROUP BY {_SUBJECT}",
        "SELECT subject_id FROM run_subjects WHERE run_id = {run:String} AND failed ORDER BY subject_id",
    )


def _run_totals() -> View:
    validated = [column.name for column in VALIDATED]
    counted = [column for column in _told(_COUNTED) if column.name not in validated]
    both = [
        column._replace(sql=f"counted.{column.name} + words.{column.name}")
        for column in _COUNTED
        if column.name in validated
    ]
    return View(
        "run_totals",
        "Every counter of a run's totals, exactly as live.",
        "a run",
        (
            RUN_ID._replace(sql="runs.run_id"),
            *counted,
            *both,
            _LATE,
            *taken("subjects", _SUBJECTS),
            *taken("words", WORDS),
        ),
        f"""
FROM (SELECT run_id FROM results UNION DISTINCT SELECT run_id FROM feedback) AS runs
LEFT JOIN (
    SELECT run_id,
{listed(_COUNTED, "        ")}
    FROM {_COUNTABLE} GROUP BY run_id
) AS counted USING (run_id)
LEFT JOIN (SELECT run_id, count() AS late_events FROM run_late_results GROUP BY run_id) AS late USING (run_id)
LEFT JOIN (
    SELECT run_id,
{listed(_SUBJECTS, "        ")}
    FROM run_subjects GROUP BY run_id
) AS subjects USING (run_id)
LEFT JOIN run_feedback AS words USING (run_id)
""",
        "SELECT processed_subjects, failed, cost_nano_usd / 1e9 AS usd FROM run_totals WHERE run_id = {run:String}",
    )


def _run_by(label: str) -> View:
    carried = "" if label == "tier" else " WHERE value != ''"
    subjects = {"tier": _SUBJECTS, "band": _SUBJECTS[:1]}.get(label, [])
    words = label.replace("_", " ")
    source = f"""
FROM (
    SELECT run_id, {LABEL_SQL[label]} AS value,
{listed(_COUNTED, "        ")}
    FROM {_COUNTABLE}{carried}
    GROUP BY run_id, value
) AS counted
LEFT JOIN (
    SELECT run_id, {LABEL_SQL[label]} AS value, count() AS late_events FROM run_late_results GROUP BY run_id, value
) AS late USING (run_id, value)
"""
    if subjects:
        source += f"LEFT JOIN (\n{_subjects_by(label)}\n) AS subjects USING (run_id, value)\n"
    return View(
        f"run_by_{label}",
        f"A run's counters by {words}; a result that carries none is in no row.",
        f"a run and a {words}",
        (
            RUN_ID,
            Column(label, "value", f"The {words}."),
            *_told(_COUNTED),
            _LATE,
            *taken("subjects", subjects),
        ),
        source,
        f"SELECT {label}, results, failed, cost_nano_usd / 1e9 AS usd FROM run_by_{label}\n"
        f"WHERE run_id = {{run:String}} ORDER BY results DESC, {label}",
    )


def _subjects_by(label: str) -> str:
    if label == "band":
        return (
            f"    SELECT run_id, band AS value,\n{listed(_SUBJECTS[:1], '        ')}\n"
            "    FROM run_subjects WHERE band != '' GROUP BY run_id, value"
        )
    return (
        f"    SELECT run_id, tier AS value,\n{listed(_SUBJECTS, '        ')}\n"
        "    FROM run_subject_tiers GROUP BY run_id, value"
    )
