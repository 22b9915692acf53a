"""How well generated components turn out, how fast, for how much (S1): sums over chosen results."""

# ruff: noqa: S608 - these texts are made of this package's own constants; values are parameters

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec

from .chosen import NAMED, OTHER, Chosen
from .history import History

_COMPONENTS = "isNotNull(results.component_type)"


def _bounded(column: str, where: str, shown: str | None = None) -> str:
    """The column's value (`shown`, where the rows call it so), OTHER where it is not one of the NAMED most frequent."""
    named = f"SELECT {column} FROM results {where} GROUP BY 1 ORDER BY count() DESC, 1 LIMIT {NAMED}"
    value = shown or column
    return f"if({value} IN ({named}), toString({value}), '{OTHER}')"


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


def by(history: History, chosen: Chosen, key: str | None) -> dict[Any, Figures]:
    """Figures by `component_type`, `model`, `half` (of the chosen time: 0 or 1), by seconds of a `bucket:N`, or of all.

    Raises ClickHouseError.
    """
    where, parameters = chosen.where(_COMPONENTS), chosen.parameters()
    value = _KEYS.get(key or "", "toUInt8(0)")
    if key in {"component_type", "model"}:
        value = _bounded(f"results.{key}", where, "results.key")
        source = f"SELECT *, {key} AS key FROM results FINAL {where}"
    else:
        source = f"SELECT * FROM results FINAL {where}"
    if key and key.startswith("bucket:"):
        value, parameters = "intDiv(effective_ms, {step:Int64}) * {step:Int64}", parameters | {"step": int(key[7:])}
    if key == "half":
        parameters |= {"middle": _middle(history, where, parameters)}
    found = history.rows(f"SELECT {value} AS group_key, {_FIGURES} FROM ({source}) AS results GROUP BY 1", parameters)
    return {row.pop("group_key"): msgspec.convert(row, Figures) for row in found}


_KEYS = {"half": "toUInt8(effective_ms >= {middle:Int64})"}
_FIGURES = """count() AS results, countIf(status = 'failed') AS failed,
    uniqExact(run_id, source_partition, subject_id) AS components,
    ifNull(sum(results.cost_nano_usd), 0) AS cost_nano_usd,
    ifNull(sumIf(results.cost_nano_usd, status = 'failed'), 0) AS failed_cost_nano_usd,
    count(results.cost_nano_usd) AS priced, countIf(cache_hit) AS cache_hits,
    ifNull(sum(latency_ms), 0) AS latency_ms_sum, count(latency_ms) AS timed,
    arrayMap(ms -> ifNull(toFloat64(ms), 0.), quantilesExact(0.5, 0.95, 0.99)(latency_ms)) AS percentiles,
    sumMap(results.scores_micro) AS scores_micro,
    sumMap(mapApply((name, micro) -> (name, toUInt64(1)), results.scores_micro)) AS score_counts"""


def _middle(history: History, where: str, parameters: Mapping[str, Any]) -> int:
    [row] = history.rows(f"SELECT min(effective_ms) AS low, max(effective_ms) AS high FROM results {where}", parameters)
    return (int(row["low"]) + int(row["high"])) // 2


def slots(history: History, chosen: Chosen) -> list[Slot]:
    """For the heatmap. Raises ClickHouseError."""
    where = chosen.where(_COMPONENTS)
    kind = _bounded("results.component_type", where)
    found = history.rows(
        f"SELECT {kind} AS component_type, toHour(fromUnixTimestamp64Milli(effective_ms, 'UTC')) AS hour, "
        "count() AS results, countIf(status = 'failed') AS failed, ifNull(sum(latency_ms), 0) AS latency_ms_sum, "
        f"count(latency_ms) AS timed FROM (SELECT * EXCEPT output FROM results FINAL {where}) AS results "
        "GROUP BY 1, 2 ORDER BY 1, 2",
        chosen.parameters(),
    )
    return msgspec.convert(found, list[Slot])


def stages(history: History, chosen: Chosen) -> list[Stage]:
    """Time and money of each stage and component type; the 100 stages with the most results. Raises ClickHouseError."""
    where = chosen.where(_COMPONENTS)
    kind = _bounded("results.component_type", where)
    of = f"FROM (SELECT * EXCEPT output FROM results FINAL {where}) AS results"
    found = history.rows(
        "SELECT component_type, stage, sum(ms) AS ms_sum, sum(t) AS timed, sum(usd) AS usd_sum, sum(p) AS priced FROM ("
        f"SELECT {kind} AS component_type, toString(said.1) AS stage, said.2 AS ms, 1 AS t, 0. AS usd, 0 AS p {of} "
        "ARRAY JOIN CAST(stages, 'Array(Tuple(String, Float64))') AS said UNION ALL "
        f"SELECT {kind}, toString(said.1), 0., 0, said.2, 1 {of} "
        "ARRAY JOIN CAST(stage_costs, 'Array(Tuple(String, Float64))') AS said) "
        "GROUP BY 1, 2 ORDER BY timed + priced DESC, 1, 2 LIMIT 100",
        chosen.parameters(),
    )
    return msgspec.convert(found, list[Stage])


def span(history: History, chosen: Chosen) -> tuple[datetime, datetime] | None:
    """When the first and the last chosen component counts; None without any. Raises ClickHouseError."""
    [row] = history.rows(
        "SELECT count() AS n, fromUnixTimestamp64Milli(min(effective_ms), 'UTC') AS first, "
        f"fromUnixTimestamp64Milli(max(effective_ms), 'UTC') AS last FROM results {chosen.where(_COMPONENTS)}",
        chosen.parameters(),
    )
    return (row["first"], row["last"]) if row["n"] else None


def budget(history: History, run_id: str) -> tuple[float | None, float]:
    """A run's declared budget and what it has spent so far, in dollars. Raises ClickHouseError."""
    plan = history.rows("SELECT budget_usd FROM run_plans WHERE run_id = {run:String}", {"run": run_id})
    spent = history.rows(
        "SELECT ifNull(sum(cost_nano_usd), 0) AS nano FROM results FINAL WHERE run_id = {run:String}", {"run": run_id}
    )
    return (plan[0]["budget_usd"] if plan else None), spent[0]["nano"] / 1e9
