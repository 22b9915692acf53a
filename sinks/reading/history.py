"""Questions to ClickHouse, answered as rows; and the runs that it knows."""

from collections.abc import Callable, Hashable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple, TypeVar
from uuid import UUID

import msgspec
from clickhouse_connect.driver.client import Client

from events.snapshots import State
from sinks.client import address
from sinks.errors import translated

from .kept import UNNAMED, Kept

T = TypeVar("T")


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """A run as the store knows it: declared, with results, or both.

    `started_at`: what its plan says, else its first event. `results`, `failed`, `cost_nano_usd`: each event once.
    `state`: of its newest snapshot; None before the first.
    """

    run_id: str
    name: str | None
    started_at: datetime | None
    last_event_at: datetime | None
    results: int
    failed: int
    cost_nano_usd: int
    state: State | None


class Point(NamedTuple):
    """A run at a moment: images a minute over the 60 s before it, spent so far, to draw."""

    at_ms: int
    images_per_minute: float
    spent_nano_usd: float


class Part(NamedTuple):
    """A part of a table: what it is called, and what it holds (`kept`)."""

    name: str
    uuid: UUID


class Look(NamedTuple):
    """The parts of `results` at a moment, and every run with each part that it stands in."""

    parts: frozenset[Part]
    runs: list[tuple[str, str]]


class History:
    """Questions about what is stored. The reader's client is enough; threads may share it.

    Every method blocks (call it in a thread) and raises ClickHouseError or one of its kinds.
    """

    def __init__(self, client: Client) -> None:
        self._client = client
        self._kept = Kept()
        self.looked: Look | None = None
        """What was found the last time, however long ago; None where its parts have no UUIDs."""

    def rows(self, sql: str, parameters: Mapping[str, Any] | None = None) -> list[dict[str, Any]]:
        """A query's rows as dicts; `{name:Type}` in `sql` takes its value from `parameters`."""
        with translated(address(self._client)):
            return list(self._client.query(sql, parameters=dict(parameters or {}), tz_mode="aware").named_results())

    def newest_snapshot_json(self, run_id: str) -> bytes | None:
        """The run's newest stored snapshot as JSON, up to ten seconds older than the topic's; None without one."""
        found = self.rows(
            "SELECT metrics FROM snapshots WHERE run_id = {run:String} ORDER BY source_offset DESC LIMIT 1",
            {"run": run_id},
        )
        return found[0]["metrics"].encode() if found else None

    def course(self, run_id: str) -> list[Point]:
        """The run minute by minute, oldest first, as its snapshots said; a finished run's ends with its last result."""
        return [Point(**row) for row in self.rows(_COURSE, {"run": run_id})]

    def parts(self, *tables: str) -> frozenset[Part]:
        """The parts of these tables. ClickHouse has them at hand: it takes half as long as to look where runs stand."""
        sql = " UNION ALL ".join(_PARTS.format(table) for table in tables)
        return frozenset(Part(**row) for row in self.rows(sql))

    def look(self) -> Look:
        """Where the runs stand now, which is asked again only where parts came or went."""
        last = self.looked
        if last is not None and self.parts("results") == last.parts:
            return last
        rows = self.rows(_RUNS_IN_PARTS)
        parts = frozenset(Part(row["name"], row["uuid"]) for row in rows)
        found = Look(parts, [(row["run_id"], row["name"]) for row in rows])
        self.looked = None if any(part.uuid == UNNAMED for part in parts) else found
        return found

    def kept(self, about: Hashable, ask: Callable[[], T], *others: str) -> T:
        """What `ask` answers out of `results` and `others`; kept while their parts are the same (`kept.Kept`).

        Nobody may change an answer.
        """
        return self._kept.answer(about, lambda: {part.uuid for part in self.parts("results", *others)}, ask)

    def runs(self, limit: int = 1_000) -> list[Run]:
        """Runs with a result, a plan or a snapshot, the one with the latest record first."""
        counted = {row["run_id"]: row for row in self.rows(TOTALS)}
        unsettled = [run_id for run_id, row in counted.items() if not row["settled"]]
        if unsettled:
            given = {"all": len(unsettled) > MOST_NAMED, "runs": unsettled[:MOST_NAMED]}
            counted |= {row["run_id"]: row for row in self.rows(_COUNTED_ONCE, given)}
        told = {row["run_id"]: row for row in self.rows(_TOLD)}
        found = [_run(run_id, counted.get(run_id, {}), told.get(run_id, {})) for run_id in counted | told]
        return sorted(found, key=_latest_first)[:limit]


_COURSE = """
SELECT toUnixTimestamp64Milli(if(state = 'finished', least(as_of, ifNull(ended, as_of)), as_of)) AS at_ms,
    JSONExtractFloat(metrics, 'window_60s', 'images_per_minute') AS images_per_minute,
    JSONExtractFloat(metrics, 'projection', 'spent_nano_usd') AS spent_nano_usd
FROM (
    SELECT as_of, state, metrics,
        parseDateTime64BestEffortOrNull(JSONExtractString(metrics, 'last_event_at'), 6, 'UTC') AS ended
    FROM snapshots FINAL WHERE run_id = {run:String})
ORDER BY at_ms
"""
MOST_NAMED = 100
"""Runs that a question names; where more are unsettled, all are counted anew."""
_SUMS = """count() AS results, countIf(status = 'failed') AS failed, ifNull(sum(cost_nano_usd), 0) AS cost_nano_usd,
        min(effective_ms) AS first_ms, max(effective_ms) AS last_ms"""
_PARTS = "SELECT _part AS name, _part_uuid AS uuid FROM {} GROUP BY name, uuid"
"""By nothing else: so ClickHouse reads no row, and plans for none of the projections."""
_RUNS_IN_PARTS = """
SELECT toString(run_id) AS run_id, _part AS name, _part_uuid AS uuid FROM results GROUP BY run_id, name, uuid
"""
_LEVEL = 3


def merged(part: str) -> bool:
    """Whether a part was merged, and so has each event once: by the level in PARTITION_FIRST_LAST_LEVEL, its name.

    `results` has no partitions but `all`.
    """
    return part.split("_")[_LEVEL] != "0"


# What the projection `totals_of_runs` has of each part. A run is settled that stands in one merged part alone.
TOTALS = f"""
SELECT run_id, sum(results) AS results, sum(failed) AS failed, sum(cost_nano_usd) AS cost_nano_usd,
    min(first_ms) AS first_ms, max(last_ms) AS last_ms,
    count() = 1 AND splitByChar('_', any(part))[{_LEVEL + 1}] != '0' AS settled
FROM (SELECT run_id, _part AS part, {_SUMS} FROM results GROUP BY run_id, part) GROUP BY run_id
"""  # noqa: S608 - made of this module's own constants
_COUNTED_ONCE = f"""
SELECT run_id, {_SUMS} FROM results FINAL WHERE {{all:Bool}} OR run_id IN {{runs:Array(String)}} GROUP BY run_id
"""  # noqa: S608 - as above
_TOLD = """
SELECT run_id, any(plan_name) AS name, any(newest) AS state, any(plan_start) AS starts_at,
    min(first) AS first_ms, max(last) AS last_ms
FROM (
    SELECT run_id, toUnixTimestamp64Milli(min(event_time)) AS first, toUnixTimestamp64Milli(max(event_time)) AS last,
        argMax(name, source_offset) AS plan_name, argMax(started_at, source_offset) AS plan_start, NULL AS newest
    FROM runs FINAL WHERE run_id != '' GROUP BY run_id
    UNION ALL
    SELECT run_id, NULL, NULL, NULL, NULL, argMax(state, source_offset) FROM snapshots GROUP BY run_id)
GROUP BY run_id
"""


def _run(run_id: str, counted: Mapping[str, Any], told: Mapping[str, Any]) -> Run:
    times_ms = [row[name] for row in (counted, told) for name in ("first_ms", "last_ms") if row.get(name) is not None]
    first, last = (_moment(min(times_ms)), _moment(max(times_ms))) if times_ms else (None, None)
    return Run(
        run_id=run_id,
        name=told.get("name"),
        started_at=told.get("starts_at") or first,
        last_event_at=last,
        results=counted.get("results", 0),
        failed=counted.get("failed", 0),
        cost_nano_usd=counted.get("cost_nano_usd", 0),
        state=told.get("state"),
    )


def _moment(ms: int) -> datetime:
    return datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=ms)


def _latest_first(run: Run) -> tuple[bool, float, str]:
    last = run.last_event_at
    return last is None, -last.timestamp() if last else 0, run.run_id
