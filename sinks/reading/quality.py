"""How well generated components turn out, how fast, for how much (S1): sums over chosen results."""

# ruff: noqa: S608 - these texts are made of this package's own constants; values are parameters

from datetime import datetime
from typing import Any

import msgspec

from .chosen import Chosen, named
from .history import History

_COMPONENTS = "isNotNull(results.component_type)"


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """Sums over some results; `scores_micro` and `score_counts` by the score's name, percentiles in ms."""

    results: int
    failed: int
    components: int
    cost_nano_usd: int
    failed_cost_nano_usd: int
    priced: int
    cache_hits: int
    latency_ms_sum: int
    timed: int
    percentiles: list[float]
    scores_micro: dict[str, int]
    score_counts: dict[str, int]


class Slot(msgspec.Struct, frozen=True, kw_only=True):
    """A component type's results of one hour of the day (UTC), on whichever day."""

    component_type: str
    hour: int
    results: int
    failed: int
    latency_ms_sum: int
    timed: int


class Stage(msgspec.Struct, frozen=True, kw_only=True):
    """A stage of a component type's results; each half is 0 where nobody said it."""

    component_type: str
    stage: str
    ms_sum: float = 0.0
    timed: int = 0
    usd_sum: float = 0.0
    priced: int = 0


class Groups(msgspec.Struct, frozen=True, kw_only=True):
    """The chosen results counted in every way that the page shows; types and models beyond `chosen.NAMED` are OTHER.

    `points`: by the begin of a step, ms since 1970. `halves`: 0 the earlier, 1 the later half of the time.
    """

    totals: Figures
    types: dict[str, Figures]
    models: dict[str, Figures]
    points: dict[int, Figures]
    halves: dict[int, Figures]
    slots: list[Slot]


def groups(history: History, chosen: Chosen, step_ms: int, middle_ms: int) -> Groups:
    """Every group's figures, out of one scan; some result is chosen (`span` is not None). Raises ClickHouseError."""
    where = chosen.where(_COMPONENTS)
    clause, values = named({"kind": "results.component_type", "by_model": "results.model"}, where)
    parameters = chosen.parameters() | {"step": step_ms, "middle": middle_ms}
    found = history.rows(_GROUPS.format(named=clause, where=where, figures=_FIGURES, **values), parameters)
    figures = [(row, msgspec.convert(row, Figures)) for row in found]

    def of(grouping: str, key: str) -> dict[Any, Figures]:
        return {row[key]: one for row, one in figures if row["grouped"] == grouping}

    slots = [
        Slot(
            component_type=row["kind"], hour=row["hour"], results=one.results, failed=one.failed,
            latency_ms_sum=one.latency_ms_sum, timed=one.timed,
        )
        for row, one in figures
        if row["grouped"] == "slot"
    ]  # fmt: skip
    return Groups(
        totals=of("all", "grouped")["all"],
        types=of("type", "kind"),
        models=of("model", "by_model"),
        points=of("point", "point"),
        halves=of("half", "half"),
        slots=slots,
    )


_FIGURES = """count() AS results, countIf(status = 'failed') AS failed,
    uniqExact(run_id, source_partition, subject_id) AS components,
    ifNull(sum(results.cost_nano_usd), 0) AS cost_nano_usd,
    ifNull(sumIf(results.cost_nano_usd, status = 'failed'), 0) AS failed_cost_nano_usd,
    count(results.cost_nano_usd) AS priced, countIf(cache_hit) AS cache_hits,
    ifNull(sum(latency_ms), 0) AS latency_ms_sum, count(latency_ms) AS timed,
    arrayMap(ms -> ifNull(toFloat64(ms), 0.), quantilesExact(0.5, 0.95, 0.99)(latency_ms)) AS percentiles,
    sumMap(results.scores_micro) AS scores_micro,
    sumMap(mapApply((name, micro) -> (name, toUInt64(1)), results.scores_micro)) AS score_counts"""
_GROUPS = """{named}
SELECT toString({kind}) AS kind, toString({by_model}) AS by_model,
    intDiv(effective_ms, {{step:Int64}}) * {{step:Int64}} AS point, toUInt8(effective_ms >= {{middle:Int64}}) AS half,
    toHour(fromUnixTimestamp64Milli(effective_ms, 'UTC')) AS hour,
    multiIf(grouping(hour) = 0, 'slot', grouping(kind) = 0, 'type', grouping(by_model) = 0, 'model',
        grouping(point) = 0, 'point', grouping(half) = 0, 'half', 'all') AS grouped,
    {figures}
FROM (SELECT * FROM results FINAL {where}) AS results
GROUP BY GROUPING SETS ((), (kind), (by_model), (point), (half), (kind, hour))
ORDER BY grouped, kind, hour"""


def span(history: History, chosen: Chosen) -> tuple[datetime, datetime] | None:
    """When the first and the last chosen component counts; None without any. Raises ClickHouseError."""
    [row] = history.rows(
        "SELECT count() AS n, fromUnixTimestamp64Milli(min(effective_ms), 'UTC') AS first, "
        f"fromUnixTimestamp64Milli(max(effective_ms), 'UTC') AS last FROM results {chosen.where(_COMPONENTS)}",
        chosen.parameters(),
    )
    return (row["first"], row["last"]) if row["n"] else None


def stages(history: History, chosen: Chosen) -> list[Stage]:
    """Time and money of each stage and component type; the 100 stages with the most results. Raises ClickHouseError."""
    where = chosen.where(_COMPONENTS)
    clause, values = named({"kind": "results.component_type"}, where)
    found = history.rows(_STAGES.format(named=clause, where=where, **values), chosen.parameters())
    return msgspec.convert(found, list[Stage])


_STAGES = """{named}
SELECT toString({kind}) AS component_type, toString(said.1) AS stage,
    sum(said.2) AS ms_sum, sum(said.3) AS timed, sum(said.4) AS usd_sum, sum(said.5) AS priced
FROM (SELECT * FROM results FINAL {where}) AS results
ARRAY JOIN arrayConcat(
    arrayMap((name, ms) -> (name, ms, 1, 0., 0), mapKeys(stages), mapValues(stages)),
    arrayMap((name, usd) -> (name, 0., 0, usd, 1), mapKeys(stage_costs), mapValues(stage_costs))) AS said
GROUP BY component_type, stage ORDER BY timed + priced DESC, component_type, stage LIMIT 100"""


def budget(history: History, run_id: str) -> tuple[float | None, float]:
    """A run's declared budget and what it has spent so far, in dollars. Raises ClickHouseError."""
    plan = history.rows("SELECT budget_usd FROM run_plans WHERE run_id = {run:String}", {"run": run_id})
    spent = history.rows(
        "SELECT ifNull(sum(cost_nano_usd), 0) AS nano FROM results FINAL WHERE run_id = {run:String}", {"run": run_id}
    )
    return (plan[0]["budget_usd"] if plan else None), spent[0]["nano"] / 1e9
