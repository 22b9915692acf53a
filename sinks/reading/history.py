"""Questions to ClickHouse, answered as rows; and the runs that it knows."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

import msgspec
from clickhouse_connect.driver.client import Client

from events.snapshots import State
from sinks.client import address
from sinks.errors import translated


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
    """A run at a moment: images a minute over the 60 s before it, spent so far."""

    at_ms: int
    images_per_minute: float
    spent_nano_usd: int


class History:
    """Questions about what is stored. The reader's client is enough; threads may share it.

    Every method blocks (call it in a thread) and raises ClickHouseError or one of its kinds.
    """

    def __init__(self, client: Client) -> None:
        self._client = client

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

    def runs(self, limit: int = 1_000) -> list[Run]:
        """Runs with a result, a plan or a snapshot, the one with the latest record first."""
        return msgspec.convert(self.rows(_RUNS, {"limit": limit}), list[Run])


_COURSE = """
SELECT toUnixTimestamp64Milli(if(state = 'finished', least(as_of, ifNull(ended, as_of)), as_of)) AS at_ms,
    JSONExtractFloat(metrics, 'window_60s', 'images_per_minute') AS images_per_minute,
    JSONExtractInt(metrics, 'projection', 'spent_nano_usd') AS spent_nano_usd
FROM (
    SELECT as_of, state, metrics,
        parseDateTime64BestEffortOrNull(JSONExtractString(metrics, 'last_event_at'), 6, 'UTC') AS ended
    FROM snapshots FINAL WHERE run_id = {run:String})
ORDER BY at_ms
"""
_RUNS = """
SELECT run_id, any(plan_name) AS name, any(newest) AS state,
    sum(n) AS results, sum(bad) AS failed, sum(cost) AS cost_nano_usd,
    coalesce(any(plan_start), fromUnixTimestamp64Milli(min(first_ms), 'UTC')) AS started_at,
    fromUnixTimestamp64Milli(max(last_ms), 'UTC') AS last_event_at
FROM (
    SELECT run_id, count() AS n, countIf(status = 'failed') AS bad, ifNull(sum(cost_nano_usd), 0) AS cost,
        min(effective_ms) AS first_ms, max(effective_ms) AS last_ms,
        NULL AS plan_name, NULL AS plan_start, NULL AS newest
    FROM results FINAL GROUP BY run_id
    UNION ALL
    SELECT run_id, 0, 0, 0, toUnixTimestamp64Milli(min(event_time)), toUnixTimestamp64Milli(max(event_time)),
        argMax(name, source_offset), argMax(started_at, source_offset), NULL
    FROM runs FINAL WHERE run_id != '' GROUP BY run_id
    UNION ALL
    SELECT run_id, 0, 0, 0, NULL, NULL, NULL, NULL, argMax(state, source_offset)
    FROM snapshots GROUP BY run_id)
GROUP BY run_id ORDER BY last_event_at DESC, run_id LIMIT {limit:UInt32}
"""
