"""Every ratio by SQL: the formulas of `metrics.figures.ratios` over a run's counters and its plan (docs/metrics.md)."""

# ruff: noqa: S608 - these texts are made of this package's own constants; no input reaches them

from collections.abc import Collection

from metrics.figures.derived import DERIVED
from metrics.figures.ratio import Ratio
from metrics.figures.ratios import RATIOS, of_label
from metrics.fold.counters import ADDITIVE, FEEDBACK_COUNTERS, SUBJECT_COUNTERS
from metrics.fold.groups import LABELS

from .runs import LABEL_SQL, TOLD
from .view import RUN_ID, Column, View, listed, of_metrics

_OF_RUN = {metric.name for metric in ADDITIVE + SUBJECT_COUNTERS + FEEDBACK_COUNTERS if metric.sql is not None}
_DERIVED = {figure.name: f"({figure.sql})" for figure in DERIVED if figure.sql is not None}


def views() -> list[View]:
    """The views of this family."""
    return [_run_ratios(), _run_label_ratios()]


def told_by_sql(ratio: Ratio) -> bool:
    """Whether the stored events tell it; heartbeats, histograms and batches of the plan are on snapshots alone."""
    return set(ratio.formula.names) <= _OF_RUN | _DERIVED.keys()


def _run_ratios() -> View:
    def column(name: str) -> str:
        return _DERIVED.get(name) or f"totals.{name}"

    columns = [Column(r.name, r.formula.sql(column), r.docs, r.unit) for r in RATIOS if told_by_sql(r)]
    return View(
        "run_ratios",
        "A run's ratios, exactly as live; NULL with nothing to divide by.",
        "a run",
        (RUN_ID._replace(sql="totals.run_id"), *columns),
        """
FROM run_totals AS totals
LEFT JOIN run_plans AS plan ON totals.run_id = plan.run_id
LEFT JOIN (
    SELECT run_id, CAST(groupArray((model, results)), 'Map(String, UInt64)') AS results
    FROM (SELECT run_id, model, count() AS results FROM results FINAL WHERE model != '' GROUP BY run_id, model)
    GROUP BY run_id
) AS by_model ON totals.run_id = by_model.run_id
LEFT JOIN (
    SELECT run_id, CAST(groupArray((band, subjects)), 'Map(String, UInt64)') AS images
    FROM (SELECT run_id, band, count() AS subjects FROM run_subjects WHERE band != '' GROUP BY run_id, band)
    GROUP BY run_id
) AS by_band ON totals.run_id = by_band.run_id
""",
        "SELECT error_rate, validation_rate, cost_per_image_nano_usd, roi FROM run_ratios WHERE run_id = {run:String}",
    )


def _run_label_ratios() -> View:
    """All labels out of one read: counted by all of them at once, and the few sums that are left dealt out by each.

    A UNION of `run_by_tier` and its like says the same, and took the engine a second and a half to plan.
    """
    chosen = of_label("tier")  # which has them all
    columns = [Column(ratio.name, ratio.formula.sql(_of_label), ratio.docs, ratio.unit) for ratio in chosen]
    return View(
        "run_label_ratios",
        "The ratios of a run's tiers, models and other groups, exactly as live.",
        "a run, a label and a value of it",
        (
            RUN_ID,
            Column("label", "label", "tier, model, provider, band, task_type, component_type or variant."),
            Column("label_value", "label_value", "Its value."),
            *columns,
        ),
        _by_every_label({name for ratio in chosen for name in ratio.formula.names}),
        "SELECT label_value, error_rate, average_confidence, cost_per_result_nano_usd FROM run_label_ratios\n"
        "WHERE run_id = {run:String} AND label = 'model' ORDER BY label_value",
    )


_SUBJECTS = of_metrics(SUBJECT_COUNTERS)


def _of_label(name: str) -> str:
    of_subjects = any(column.name == name for column in _SUBJECTS)
    return f"subjects.{name}" if of_subjects else f"counted.{name}"


def _by_every_label(names: Collection[str]) -> str:
    """The counters as `counted`, and those of subjects as `subjects`, NULL where a label has none."""
    counted = [column for column in of_metrics(ADDITIVE) if column.name in names]
    sums = [column._replace(sql=TOLD.get(column.name, "{}").format(f"sum(one.{column.name})")) for column in counted]
    of_tier = [column._replace(sql=f"toNullable({column.sql})") for column in _SUBJECTS]
    of_band = [of_tier[0], *(column._replace(sql="NULL") for column in _SUBJECTS[1:])]
    return f"""
FROM (
    SELECT run_id, labelled.1 AS label, labelled.2 AS label_value,
{listed(sums, "        ")}
    FROM (
        SELECT run_id, {", ".join(f"{LABEL_SQL[label]} AS by_{label}" for label in LABELS)},
{listed(counted, "            ")}
        FROM results AS r FINAL
        GROUP BY run_id, {", ".join(f"by_{label}" for label in LABELS)}
    ) AS one
    ARRAY JOIN [{", ".join(f"('{label}', toString(by_{label}))" for label in LABELS)}] AS labelled
    WHERE label_value != ''
    GROUP BY run_id, label, label_value
) AS counted
LEFT JOIN (
    SELECT run_id, 'tier' AS label, toString(tier) AS label_value,
{listed(of_tier, "        ")}
    FROM run_subject_tiers GROUP BY run_id, tier
    UNION ALL
    SELECT run_id, 'band', band,
{listed(of_band, "        ")}
    FROM run_subjects WHERE band != '' GROUP BY run_id, band
) AS subjects USING (run_id, label, label_value)
"""
