"""What SQL says of runs up to given offsets: the counters of the views, over just these rows (DESIGN.md 4.3, parity).

The views' own statements are asked, with the tables they read cut off: the formula is not written a second time.
"""

# ruff: noqa: S608 - offsets are integers, names are quoted here, and the rest is this package's own text

import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Literal

from aiokafka.admin import AIOKafkaAdminClient
from clickhouse_connect.driver.client import Client

from events.topics import Name, full_name
from metrics.fold.counters import ADDITIVE, FEEDBACK_COUNTERS, SUBJECT_COUNTERS, add_counters
from metrics.fold.groups import LABELS, SUMMED, TOTALS, Group
from metrics.views.view import WITH_COUNTS
from sinks import retention
from sinks.client import address
from sinks.errors import translated
from sinks.schema.migrations import SCHEMAS

from .stored import RowCheck

Cuts = Mapping[str, Mapping[str, Mapping[str, int]]]
"""Run → topic → partition → next offset."""
Counters = dict[Group, dict[str, int]]

TOLD_BY_SQL = frozenset(
    metric.name for metric in ADDITIVE + SUBJECT_COUNTERS + FEEDBACK_COUNTERS if metric.sql is not None
)
"""Counters that SQL knows; scores, stages, findings and records beside them."""
MOST_IN_SQL = (1 << 63) - 1
"""A sum of money beyond is NULL (docs/decisions/0091)."""
_TOPICS: tuple[Literal["results", "feedback"], ...] = ("results", "feedback")
_READS = re.compile(r"\b(FROM|JOIN)\s+(\w+)(\s+FINAL\b)?")
_RUNS_A_QUERY = 200


async def stored_offsets(
    bootstrap: str, prefix: str, group: str, security: Mapping[str, Any]
) -> dict[tuple[str, int], int]:
    """(topic without prefix, partition) → the offset up to which the sink has confirmed everything as stored.

    `security`: aiokafka's own arguments for TLS and SASL.
    """
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap, **security)
    await admin.start()
    try:
        found = await admin.list_consumer_group_offsets(group)
    finally:
        await admin.close()
    return {(at.topic.removeprefix(prefix), at.partition): committed.offset for at, committed in found.items()}


class Sql:
    """ClickHouse asked about the log under `prefix`. Every method blocks, and raises ClickHouseError or its kinds."""

    def __init__(self, client: Client, prefix: str) -> None:
        self._client = client
        self._prefix = prefix

    def counters(self, cuts: Cuts) -> dict[str, Counters]:
        """Run → group → flat counters of its rows below the cuts."""
        found: dict[str, Counters] = {run_id: {(TOTALS, ""): {}} for run_id in cuts}
        run_ids = sorted(cuts)
        for at in range(0, len(run_ids), _RUNS_A_QUERY):
            some = {run_id: cuts[run_id] for run_id in run_ids[at : at + _RUNS_A_QUERY]}
            for view, label in (("run_totals", None), *((f"run_by_{label}", label) for label in LABELS)):
                with translated(address(self._client)):
                    answer = list(self._client.query(_cut_off(view, self._prefix, some)).named_results())
                for row in answer:
                    group = (TOTALS, "") if label is None else (label, str(row[label]))
                    found[row["run_id"]][group] = _flat(row)
        return found

    def forgotten(self, run_ids: Collection[str] | None) -> set[str]:
        """Those of these runs, or of all, that `sinks.retention` took away whole: no table has anything of them."""
        found: set[str] = set()
        asked = sorted(self._of(retention.FORGOTTEN) if run_ids is None else run_ids)
        for at in range(0, len(asked), _RUNS_A_QUERY):
            some = asked[at : at + _RUNS_A_QUERY]
            left = set().union(*(self._of(table, some) for table in retention.TABLES))
            found |= self._of(retention.FORGOTTEN, some) - left
        return found

    def _of(self, table: str, run_ids: Sequence[str] | None = None) -> set[str]:
        """Those of these runs, or of all, that a table knows."""
        which = "1" if run_ids is None else "run_id IN {runs:Array(String)}"
        query = f"SELECT DISTINCT toString(run_id) FROM {table} WHERE {which}"
        with translated(address(self._client)):
            return {row[0] for row in self._client.query(query, {"runs": run_ids or []}).result_rows}

    def rows(self, run_id: str | None, topic: Name, partition: int, without: Collection[str] = frozenset()) -> RowCheck:
        """For comparing the rows of a run's records, or of all but some, with these records."""
        return RowCheck(self._client, self._prefix, run_id, topic, partition, without)


def _flat(row: Mapping[str, Any]) -> dict[str, int]:
    flat = {name: int(row[name]) for name in TOLD_BY_SQL if row.get(name)}
    for family in ("findings", "records"):
        add_counters(flat, {f"{family}.{name}": int(n) for name, n in row[family].items()})
    for family, unit in SUMMED.items():
        for name, n in row[f"{family}_count"].items():
            flat[f"{family}.{name}.count"] = int(n)
            flat[f"{family}.{name}.{unit}"] = int(row[f"{family}_{unit}"].get(name) or 0)
    return flat


def _cut_off(view: str, prefix: str, cuts: Cuts) -> str:
    """A view's statement over the rows below the cuts, which stand in for the tables that it reads."""
    columns = {"results": WITH_COUNTS}
    parts = [
        f"{topic}_cut AS (SELECT {columns.get(topic, '*')} FROM {topic} FINAL WHERE {_below(topic, prefix, cuts)})"
        for topic in _TOPICS
    ]
    parts += [f"{name} AS ({query})" for name, query in _read_by(view, {}).items()]
    return f"WITH {', '.join(parts)} SELECT * FROM {view}"


def _read_by(view: str, found: dict[str, str]) -> dict[str, str]:
    """View → its query over the cut tables: of every view that one reads, and last of itself."""
    query = (SCHEMAS / "views" / f"{view}.sql").read_text().partition(" AS\n")[2]
    for _, name, _ in _READS.findall(query):
        if name not in found and (SCHEMAS / "views" / f"{name}.sql").exists():
            _read_by(name, found)
    found[view] = _READS.sub(lambda match: f"{match[1]} {match[2]}_cut" if match[2] in _TOPICS else match[0], query)
    return found


def _below(topic: Name, prefix: str, cuts: Cuts) -> str:
    places = {
        f"{run_id}/{partition}": offset
        for run_id, by_topic in cuts.items()
        for partition, offset in by_topic.get(topic, {}).items()
    }
    if not places:
        return "0"
    keys, offsets = ", ".join(map(_quoted, places)), ", ".join(map(str, places.values()))
    return (
        f"run_id IN ({', '.join(map(_quoted, cuts))}) AND source_topic = {_quoted(full_name(topic, prefix))} AND "
        f"source_offset < transform(concat(run_id, '/', toString(source_partition)), [{keys}], [{offsets}], 0)"
    )


def _quoted(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
