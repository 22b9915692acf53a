"""What S0's AnalyticsMetrics are made of: counters of chosen results by model, score, table and time."""

# ruff: noqa: S608 - these texts are made of this package's own constants; values are parameters

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec

from metrics.fold.bands import band_sql
from metrics.fold.counters import OF_ANSWERS, OF_RESULTS
from metrics.views.images import CONTEXT_SCORE
from metrics.views.view import WITH_COUNTS

from .chosen import Chosen, named
from .history import History

Counters = Mapping[str, int]

# Under names of their own: ClickHouse would take `latency_ms` in one column for the sum of another.
_COUNTERS = ", ".join(f"{column.metric.sql} AS `{column.metric.name}_`" for column in OF_RESULTS + OF_ANSWERS)
_NAMES = tuple(column.metric.name for column in OF_RESULTS + OF_ANSWERS)
_SUBJECTS = "uniqExact(r.run_id, r.source_partition, r.event_type, r.subject_id) AS subjects_"
_CHOSEN = f"FROM (SELECT {WITH_COUNTS} FROM results FINAL {{where}}) AS r"


class Score(msgspec.Struct, frozen=True, kw_only=True):
    """Images whose latest scored result has this context score; confidence 0-1, nano-dollars an image."""

    context_score: int
    images: int
    confidence: float | None
    cost_nano_usd: float


class Table(msgspec.Struct, frozen=True, kw_only=True):
    """A table's records; `value_usd` is None where no run's plan says what a record is worth. Confidence 0-1."""

    name: str
    records: int
    confidence: float | None
    value_usd: float | None


class Band(msgspec.Struct, frozen=True, kw_only=True):
    """Vehicles whose newest profile is of a band; empty without a profile."""

    tier: str
    vehicles: int
    cost_usd: float | None


def span(history: History, chosen: Chosen) -> tuple[datetime, datetime] | None:
    """When the first and the last chosen result count; None without any. Raises ClickHouseError."""
    [row] = history.rows(
        "SELECT count() AS n, fromUnixTimestamp64Milli(min(effective_ms), 'UTC') AS first, "
        f"fromUnixTimestamp64Milli(max(effective_ms), 'UTC') AS last FROM results {chosen.where()}",
        chosen.parameters(),
    )
    return (row["first"], row["last"]) if row["n"] else None


def by_model(history: History, chosen: Chosen) -> dict[tuple[str, str], Counters]:
    """(model, provider) → the counters of `run.metrics`. Raises ClickHouseError."""
    where = chosen.where()
    columns = {name: f"toString(results.{name})" for name in ("model", "provider")}
    clause, values = named(columns, where, "r")
    found = history.rows(
        f"{clause} SELECT {values['model']} AS by_model, {values['provider']} AS by_provider, {_COUNTERS} "
        f"{_CHOSEN.format(where=where)} GROUP BY by_model, by_provider",
        chosen.parameters(),
    )
    return {(row["by_model"], row["by_provider"]): _counters(row) for row in found}


def by_time(history: History, chosen: Chosen, step_s: int) -> dict[datetime, Counters]:
    """Begin of each slice of `step_s` with a result → its counters and `subjects`. Raises ClickHouseError."""
    found = history.rows(
        f"SELECT toDateTime(intDiv(r.effective_ms, {{step:Int64}} * 1000) * {{step:Int64}}, 'UTC') AS slice, "
        f"{_COUNTERS}, {_SUBJECTS} {_CHOSEN.format(where=chosen.where())} GROUP BY slice ORDER BY slice",
        chosen.parameters() | {"step": step_s},
    )
    return {row["slice"]: {**_counters(row), "subjects": row["subjects_"]} for row in found}


def by_score(history: History, chosen: Chosen) -> list[Score]:
    """Each whole context score, the highest first. Raises ClickHouseError."""
    found = history.rows(
        f"""
SELECT toInt32(floor(score)) AS context_score, count() AS images, avg(sure) AS confidence, avg(cost) AS cost_nano_usd
FROM (
    SELECT argMaxIf(r.context_score, (r.source_offset, r.source_partition), isNotNull(r.context_score)) AS score,
        if(count(r.confidence_ppm) = 0, NULL, sum(ifNull(r.confidence_ppm, 0)) / count(r.confidence_ppm) / 1e6) AS sure,
        sum(ifNull(r.cost_nano_usd, 0)) AS cost
    {_CHOSEN.format(where=chosen.where("results.event_type = 'image.result'"))}
    GROUP BY r.run_id, r.subject_id
)
WHERE isNotNull(score)
GROUP BY context_score ORDER BY context_score DESC
""",
        chosen.parameters(),
    )
    return msgspec.convert(found, list[Score])


def by_table(history: History, chosen: Chosen) -> list[Table]:
    """Each table that results wrote to, the fullest first; at most 200. Raises ClickHouseError."""
    source = _CHOSEN.format(where=chosen.where())
    found = history.rows(
        f"""
SELECT filled.name AS name, sum(filled.n) AS records, any(said.confidence) AS confidence,
    if(countIf(mapContains(plan.value_weights_usd, filled.name)) = 0, NULL,
        sum(filled.n * plan.value_weights_usd[filled.name])) AS value_usd
FROM (
    SELECT r.run_id AS run_id, toString(entry.1) AS name, sum(entry.2) AS n
    {source}
    ARRAY JOIN CAST(r.tables, 'Array(Tuple(String, UInt64))') AS entry
    GROUP BY run_id, name
) AS filled
LEFT JOIN run_plans AS plan USING (run_id)
LEFT JOIN (
    SELECT answer.table AS name, avg(answer.confidence) AS confidence
    {source} ARRAY JOIN r.answers AS answer
    GROUP BY name
) AS said ON said.name = filled.name
GROUP BY name ORDER BY records DESC, name LIMIT 200
""",
        chosen.parameters(),
    )
    return msgspec.convert(found, list[Table])


def images(history: History, chosen: Chosen) -> int:
    """Distinct subjects of the chosen results. Raises ClickHouseError."""
    [row] = history.rows(f"SELECT {_SUBJECTS} {_CHOSEN.format(where=chosen.where())}", chosen.parameters())
    return int(row["subjects_"])


def completeness(history: History) -> list[Band]:
    """The vehicles of all runs by the band of their newest profile. Raises ClickHouseError."""
    return msgspec.convert(history.rows(_BANDS), list[Band])


# The two columns that it needs of `vehicle_processing_summary`, which reads twenty.
_BANDS = f"""
SELECT tier, count() AS vehicles, avg(nano_usd) / 1e9 AS cost_usd
FROM (
    SELECT vehicle_id, max(band) AS tier, sum(cost) AS nano_usd
    FROM (
        SELECT assumeNotNull(results.vehicle_id) AS vehicle_id, '' AS band, ifNull(cost_nano_usd, 0) AS cost
        FROM results FINAL WHERE isNotNull(results.vehicle_id)
        UNION ALL
        SELECT vehicle_id, {band_sql(f"({CONTEXT_SCORE})")}, 0 FROM profiles FINAL
    )
    GROUP BY vehicle_id
)
GROUP BY tier
"""


def _counters(row: Mapping[str, Any]) -> Counters:
    return {name: row[f"{name}_"] for name in _NAMES}
