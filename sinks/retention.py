"""What may be forgotten (S4, Data retention): whole runs, so that every figure that stays is still its log's.

A row's own time to live would take the first record of an event and leave its repeat, or half a run: figures that no
log has. A run is one of *calls* where it has results, all of messages (S4's performance data); any other is *lineage*.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

import msgspec
from clickhouse_connect.driver.client import Client

from .client import address
from .errors import translated

TABLES = ("snapshots", "alerts", "runs", "feedback", "results")
"""In the order in which they lose a run: `expired` knows it by its results, and finds one again that is half gone."""
FORGOTTEN = "forgotten_runs"
_NEVER = datetime(1900, 1, 1)  # noqa: DTZ001 - ClickHouse reads it as UTC


class Limits(NamedTuple):
    """Before which moments a run's last record must have arrived for it to go; None: it stays."""

    calls: datetime | None
    lineage: datetime | None
    snapshots: datetime | None = None


class Expired(msgspec.Struct, frozen=True, kw_only=True):
    """A run that may go: rows of results and feedback, repeats that are not merged yet counted too."""

    run_id: str
    kind: str
    rows: int
    last_recorded_at: datetime


def expired(client: Client, limits: Limits) -> list[Expired]:
    """The runs that may go, longest silent first. Blocks. Raises ClickHouseError or one of its kinds."""
    given = {"calls": limits.calls or _NEVER, "lineage": limits.lineage or _NEVER}
    with translated(address(client)):
        rows = client.query(_EXPIRED, given, tz_mode="aware").named_results()
        return msgspec.convert(list(rows), list[Expired])


def forget(client: Client, run_ids: Sequence[str]) -> None:
    """Removes every row of these runs, and returns when they are gone from the disk too. Blocks.

    They are noted as forgotten before: whoever is killed in between has forgotten nothing that is not noted, and the
    next `expired` finds what he left.
    """
    if not run_ids:
        return
    with translated(address(client)):
        client.insert(FORGOTTEN, [[run_id] for run_id in run_ids], ["run_id"], settings={"async_insert": 0})
    for table in TABLES:
        _delete(client, table, "run_id IN {runs:Array(String)}", {"runs": list(run_ids)})


def old_snapshots(client: Client, before: datetime) -> int:
    """How many minutes' snapshots are older. Blocks."""
    with translated(address(client)):
        found = client.query("SELECT count() FROM snapshots WHERE as_of < {at:DateTime64(6)}", {"at": before})
    return int(found.result_rows[0][0])


def forget_snapshots(client: Client, before: datetime) -> None:
    """Removes the minute history of all runs before that moment. Blocks."""
    _delete(client, "snapshots", "as_of < {at:DateTime64(6)}", {"at": before})


def _delete(client: Client, table: str, which: str, given: dict[str, object]) -> None:
    with translated(address(client)):
        client.command(
            f"ALTER TABLE {table} DELETE WHERE {which}",
            given,
            settings={"mutations_sync": 2},
        )


_EXPIRED = """
SELECT run_id, if(max(called) = 1 AND max(traced) = 0, 'calls', 'lineage') AS kind, countIf(counted) AS rows,
    max(recorded_at) AS last_recorded_at
FROM (
    SELECT toString(run_id) AS run_id, recorded_at, 1 AS counted, subject_kind = 'message' AS called,
        subject_kind != 'message' AS traced
    FROM results
    UNION ALL
    SELECT toString(run_id), recorded_at, 1, 0, 0 FROM feedback
    UNION ALL
    SELECT toString(run_id), recorded_at, 0, 0, 0 FROM runs
)
GROUP BY run_id
HAVING last_recorded_at < if(kind = 'calls', {calls:DateTime64(3)}, {lineage:DateTime64(3)})
ORDER BY last_recorded_at, run_id
"""
