"""Every ratio by SQL: the formulas of `metrics.figures.ratios` over a run's counters and its plan (docs/metrics.md)."""

from metrics.figures.derived import DERIVED
from metrics.figures.ratio import Ratio
from metrics.figures.ratios import RATIOS, of_label
from metrics.fold.counters import ADDITIVE, FEEDBACK_COUNTERS, SUBJECT_COUNTERS
from metrics.fold.groups import LABELS

from .view import RUN_ID, Column, View, listed

_OF_RUN = {metric.name for metric in ADDITIVE + SUBJECT_COUNTERS + FEEDBACK_COUNTERS if metric.sql is not None}
_DERIVED = {figure.name: f"({figure.sql})" for figure in DERIVED if figure.sql is not None}
_NONE = "CAST(NULL, 'Nullable(Float64)')"


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
    FROM run_by_model GROUP BY run_id
) AS by_model ON totals.run_id = by_model.run_id
LEFT JOIN (
    SELECT run_id, CAST(groupArray((band, subjects)), 'Map(String, UInt64)') AS images
    FROM run_by_band GROUP BY run_id
) AS by_band ON totals.run_id = by_band.run_id
""",
        "SELECT error_rate, validation_rate, cost_per_image_nano_usd, roi FROM run_ratios WHERE run_id = {run:String}",
    )


def _run_label_ratios() -> View:
    chosen = of_label("tier")  # which has them all
    columns = [Column(ratio.name, ratio.name, ratio.docs, ratio.unit) for ratio in chosen]
    parts = "\n    UNION ALL\n".join(_of_label(label, chosen) for label in LABELS)
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
        f"FROM (\n{parts}\n)",
        "SELECT label_value, error_rate, average_confidence, cost_per_result_nano_usd FROM run_label_ratios\n"
        "WHERE run_id = {run:String} AND label = 'model' ORDER BY label_value",
    )


def _of_label(label: str, chosen: list[Ratio]) -> str:
    known = of_label(label)
    ratios = [
        Column(r.name, r.formula.sql(str) if r in known else "CAST(NULL, 'Nullable(Float64)')", "") for r in chosen
    ]
    columns = [RUN_ID, Column("label", f"'{label}'", ""), Column("label_value", f"toString({label})", ""), *ratios]
    return f"    SELECT\n{listed(columns, '        ')}\n    FROM run_by_{label}"
