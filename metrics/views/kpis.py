"""S3's fifteen indicators out of the stored snapshots: `metrics.figures.kpis` said in SQL (DETAILS.md, KPIs)."""

# ruff: noqa: S608 - these texts are made of this package's own constants; no input reaches them

from metrics.figures import derived
from metrics.figures.kpis import INDICATORS, NEAR_TARGET, OF_PLAN, ON_TARGET, STEADY, Indicator, has_trend
from metrics.figures.throughput import ENOUGH_RESULTS

from .snapshot_json import AS_OF
from .view import RUN_ID, Column, View


def views() -> list[View]:
    """The views of this family."""
    return [_kpi_results(), _kpi_scores()]


def of_snapshot(name: str) -> str:
    """A figure of `metrics.figures.derived.figures` out of a snapshot's JSON."""
    if name in derived.NAMES:
        return f"JSONExtract(metrics, 'derived', '{name}', 'Nullable(Float64)')"
    return _counter("'totals'", name)


def _of_window(name: str) -> str:
    return of_snapshot(name) if name in OF_PLAN else _counter("'window_10m', 'counters'", name)


def _of_before(name: str) -> str:
    return of_snapshot(name) if name in OF_PLAN else f"({of_snapshot(name)} - {_of_window(name)})"


def _counter(where: str, name: str) -> str:
    path = ", ".join(f"'{part}'" for part in name.split("."))
    return f"JSONExtractInt(metrics, {where}, {path})"


def _target(indicator: Indicator) -> str:
    """What the snapshot was made with; S3's own where it was made before there were targets."""
    default = "NULL" if indicator.target is None else repr(indicator.target)
    return f"if(empty(stored), {default}, arrayFirst(one -> one.1 = '{indicator.name}', stored).2)"


def _spans(indicator: Indicator) -> tuple[str, str]:
    """The indicator over the last 10 min, and over all before; NULL where there is no trend to tell."""
    if not has_trend(indicator):
        return "NULL", "NULL"
    few = " OR ".join(f"{figure('results')} < {ENOUGH_RESULTS}" for figure in (_of_window, _of_before))
    recent, before = (f"if({few}, NULL, {indicator.formula.sql(figure)})" for figure in (_of_window, _of_before))
    return recent, before


def _row(indicator: Indicator) -> str:
    texts = (f"'{text}'" for text in (indicator.name, indicator.category, indicator.unit, indicator.better))
    numbers = (indicator.formula.sql(of_snapshot), _target(indicator), *_spans(indicator))
    return f"        ({', '.join((*texts, *numbers))})"


def _kpi_results() -> View:
    rows = ",\n".join(map(_row, INDICATORS))
    value, target, better, recent, before = "kpi.5", "kpi.6", "kpi.4", "kpi.7", "kpi.8"
    attainment = f"""multiIf(isNull({value}) OR isNull({target}), NULL,
        {better} = 'lower', if({value} <= {target}, 1, greatest(0, {target} / {value})),
        {target} <= 0, NULL,
        greatest(0, least(1, if({better} = 'higher', {value} / {target}, 1 - abs({value} - {target}) / {target}))))"""
    on_target = f"transform({better}, {list(ON_TARGET)}, {list(ON_TARGET.values())}, 1)"
    status = f"""multiIf(isNull(attainment), NULL, attainment >= {on_target}, 'on_target',
        attainment >= {NEAR_TARGET}, 'near_target', 'off_target')"""
    trend = f"""multiIf(isNull({recent}) OR isNull({before}), NULL,
        abs({recent} - {before}) <= {STEADY} * abs({before}), 'steady', {recent} > {before}, 'up', 'down')"""
    return View(
        "kpi_results",
        "S3's fifteen indicators, minute by minute, out of the snapshots (DETAILS.md, KPIs).",
        "a run, a minute and an indicator",
        (
            *AS_OF,
            Column("name", "kpi.1", "The indicator."),
            Column("category", "kpi.2", "performance, cost, quality, user_experience or system_health."),
            Column("value", value, "Its value; NULL where there is nothing to divide by, or no plan to tell."),
            Column("unit", "kpi.3", "ratio (0-1; 3 is 300 %), usd or stars (0-5)."),
            Column("target", target, "The run's target, else S3's; NULL where it has none."),
            Column("attainment", attainment, "Value / target, at most 1; NULL without value or target.", "0-1"),
            Column("status", status, "on_target, near_target (from 0.8 on) or off_target."),
            Column("trend", trend, "The last 10 min against all before: up, steady (within 5 %) or down."),
        ),
        f"""
FROM (
    SELECT run_id, as_of, recorded_at, arrayJoin(CAST([
{rows}
    ], 'Array(Tuple(String, String, String, String, {", ".join(["Nullable(Float64)"] * 4)}))')) AS kpi
    FROM (
        SELECT run_id, as_of, recorded_at, metrics,
            JSONExtract(metrics, 'kpis', 'Array(Tuple(name String, target Nullable(Float64)))') AS stored
        FROM snapshots FINAL
    )
)
""",
        "SELECT name, value, target, attainment, status, trend FROM kpi_results WHERE run_id = {run:String}\n"
        "ORDER BY as_of DESC, category, name LIMIT 15",
    )


def _kpi_scores() -> View:
    return View(
        "kpi_scores",
        "The categories' scores and the overall score, minute by minute (S3).",
        "a run and a minute",
        (
            RUN_ID,
            Column("as_of", "as_of", "The moment that it describes."),
            Column("overall_score", "100 * arrayAvg(mapValues(means))", "Mean of the categories.", "0-100"),
            Column(
                "category_scores",
                "mapApply((category, mean) -> (category, 100 * mean), means)",
                "Category to mean attainment; without those that have none.",
                "0-100",
            ),
        ),
        """
FROM (
    SELECT run_id, as_of, CAST(groupArray((category, mean)), 'Map(String, Float64)') AS means
    FROM (
        SELECT run_id, as_of, category, avg(attainment) AS mean
        FROM kpi_results WHERE isNotNull(attainment) GROUP BY run_id, as_of, category
    )
    GROUP BY run_id, as_of
)
""",
        "SELECT as_of, overall_score, category_scores FROM kpi_scores WHERE run_id = {run:String} ORDER BY as_of",
    )
