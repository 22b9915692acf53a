"""S3's fifteen indicators out of the stored snapshots: `metrics.figures.kpis` said in SQL (DETAILS.md, KPIs)."""

# ruff: noqa: S608 - these texts are made of this package's own constants; no input reaches them

from collections.abc import Iterable

from metrics.figures import derived
from metrics.figures.kpis import INDICATORS, NEAR_TARGET, ON_TARGET, STEADY, has_trend
from metrics.figures.throughput import ENOUGH_RESULTS

from .snapshot_json import AS_OF
from .view import RUN_ID, Column, View


def views() -> list[View]:
    """The views of this family."""
    return [_kpi_results(), _kpi_scores()]


def _figure(name: str) -> str:
    """A figure of `metrics.figures.derived.figures`, or a counter of the time that is asked about."""
    return f"derived['{name}']" if name in derived.NAMES else f"counted['{name}']"


def _counters(*path: str) -> str:
    """Counters of the snapshot's JSON by their flat names."""
    under = ", ".join(f"'{part}'" for part in path)
    scores = ", ".join(
        f"('{name}', JSONExtractInt(metrics, {under}, {', '.join(repr(part) for part in name.split('.'))}))"
        for name in _SCORES
    )
    pairs = f"arrayConcat(JSONExtractKeysAndValues(metrics, {under}, 'Int64'), [{scores}])"
    return f"CAST({pairs}, 'Map(String, Int64)')"


_SCORES = sorted({name for one in INDICATORS for name in one.formula.names if name.startswith("scores.")})


_TEXTS = ("name", "category", "unit", "better")


def _listed(texts: Iterable[str]) -> str:
    return f"[{', '.join(texts)}]"


def _kpi_results() -> View:
    """Each formula is said once, and asked of the whole run, of its last 10 min and of what was before.

    Every function that is named costs the engine 0.1 ms, so what all indicators share is done with arrays.
    """
    formulas = ",\n            ".join(one.formula.sql(_figure) for one in INDICATORS)
    targets = _listed("NULL" if one.target is None else repr(one.target) for one in INDICATORS)
    arrays = {
        **{name: _listed(repr(getattr(one, name)) for one in INDICATORS) for name in _TEXTS},
        "default_target": f"CAST({targets}, 'Array(Nullable(Float64))')",
        "with_trend": _listed(str(int(has_trend(one))) for one in INDICATORS),
    }
    columns = ", ".join(f"{values} AS {name}" for name, values in arrays.items())
    attainment = """multiIf(isNull(value) OR isNull(target), NULL,
        better = 'lower', if(value <= target, 1, greatest(0, target / value)),
        target <= 0, NULL,
        greatest(0, least(1, if(better = 'higher', value / target, 1 - abs(value - target) / target))))"""
    on_target = f"transform(better, {list(ON_TARGET)}, {list(ON_TARGET.values())}, 1)"
    status = f"""multiIf(isNull(attainment), NULL, attainment >= {on_target}, 'on_target',
        attainment >= {NEAR_TARGET}, 'near_target', 'off_target')"""
    trend = f"""multiIf(NOT (with_trend AND enough) OR isNull(recent) OR isNull(before), NULL,
        abs(recent - before) <= {STEADY} * abs(before), 'steady', recent > before, 'up', 'down')"""
    return View(
        "kpi_results",
        "S3's fifteen indicators, minute by minute, out of the snapshots (DETAILS.md, KPIs).",
        "a run, a minute and an indicator",
        (
            *AS_OF,
            Column("name", "name", "The indicator."),
            Column("category", "category", "performance, cost, quality, user_experience or system_health."),
            Column("value", "value", "Its value; NULL where there is nothing to divide by, or no plan to tell."),
            Column("unit", "unit", "ratio (0-1; 3 is 300 %), usd or stars (0-5)."),
            Column(
                "target",
                "if(empty(stored), default_target, arrayFirst(one -> one.1 = name, stored).2)",
                "The run's target, else S3's; NULL where it has none.",
            ),
            Column("attainment", attainment, "Value / target, at most 1; NULL without value or target.", "0-1"),
            Column("status", status, "on_target, near_target (from 0.8 on) or off_target."),
            Column("trend", trend, "The last 10 min against all before: up, steady (within 5 %) or down."),
        ),
        f"""
FROM (
    SELECT run_id, as_of, recorded_at, stored, enough,
        arrayMap(counted -> [
            {formulas}
        ], [whole, window_10m, mapSubtract(whole, window_10m)]) AS found
    FROM (
        SELECT run_id, as_of, recorded_at,
            JSONExtract(metrics, 'kpis', 'Array(Tuple(name String, target Nullable(Float64)))') AS stored,
            JSONExtract(metrics, 'derived', 'Map(String, Nullable(Float64))') AS derived,
            {_counters("totals")} AS whole,
            {_counters("window_10m", "counters")} AS window_10m,
            least(window_10m['results'], whole['results'] - window_10m['results']) >= {ENOUGH_RESULTS} AS enough
        FROM snapshots FINAL
    )
)
ARRAY JOIN {columns},
    found[1] AS value, found[2] AS recent, found[3] AS before
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
