"""What SQL says of runs up to given offsets: the counters of the views, over just these rows (DESIGN.md 4.3, parity).

The views' own statements are asked, with the tables they read cut off: the formula is not written a second time.
"""

# ruff: noqa: S608 - offsets are integers, names are quoted here, and the rest is this package's own text

import re
from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple

from aiokafka.admin import AIOKafkaAdminClient
from clickhouse_connect.driver.client import Client

from events.topics import Name, full_name
from metrics.fold.counters import ADDITIVE, FEEDBACK_COUNTERS, SUBJECT_COUNTERS, add_counters
from metrics.fold.groups import LABELS, SUMMED, TOTALS, Group
from metrics.fold.identity import identity
from metrics.views.view import WITH_COUNTS
from sinks.client import address
from sinks.errors import translated
from sinks.loading.chunks import Record
from sinks.loading.sources import SOURCES
from sinks.schema.migrations import SCHEMAS

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
_READ_BY_COUNTERS = (
    "event_id", "event_type", "run_id", "subject_id", "status", "final", "error_timeout", "attempt", "tier",
    "task_type", "component_type", "variant", "model", "provider", "latency_ms", "input_tokens", "output_tokens",
    "cached_tokens", "tokens_saved", "cache_hit", "cost_nano_usd", "confidence_ppm", "scores_micro", "context_score",
    "questions_asked", "tables", "insights", "findings", "effective_ms", "will_retry", "stages", "stage_costs",
)  # fmt: skip
_BESIDE = (
    "schema_version", "source", "subject_kind", "vehicle_id", "vehicle_type", "image_uri", "content_hash",
    "conversation_id", "user_id", "error_type", "error_message", "task_complexity", "strategy", "batch_id",
    "processor_id", "prompt_version", "environment", "trace_id", "parent_id", "model_version", "cost_usd",
    "price_version", "cost_source", "confidence", "usage", "context_items", "attributes", "output", "output_bytes",
)  # fmt: skip
"""Columns that no counter is made of. Not compared: what is nested (`answers`, `gaps`) and times beside `effective_ms`.
"""
_FEEDBACK = ("event_id", "run_id", "subject_kind", "subject_id", "question", "rating", "validator", "verdict")


class RowDifference(NamedTuple):
    """A record whose row is `missing`, `extra` (no such record counts) or `different`; `detail`: what in it."""

    partition: int
    offset: int
    what: Literal["missing", "extra", "different"]
    detail: str


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

    def rows(self, run_id: str | None, topic: Literal["results", "feedback"], partition: int) -> "RowCheck":
        """For comparing the rows of a run's records, or of all, with these records."""
        return RowCheck(self._client, self._prefix, run_id, topic, partition)


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


class RowCheck:
    """The stored rows of one run, or of all, in one topic partition against its records, in the order of offsets.

    Args:
        run_id: None for all runs; then columns that no counter is made of are compared too.
        topic: `results` or `feedback`.
    """

    def __init__(
        self, client: Client, prefix: str, run_id: str | None, topic: Literal["results", "feedback"], partition: int
    ) -> None:
        self._client = client
        self._topic = topic
        self._full = full_name(topic, prefix)
        self._run_id = run_id
        self._partition = partition
        self._read = next(source.read for source in SOURCES if source.topic == topic)
        beside = _BESIDE if run_id is None else ()
        self._columns = (*_READ_BY_COUNTERS, *beside) if topic == "results" else _FEEDBACK
        self._ids: set[bytes] = set()
        self._next = 0

    def differences(self, records: Sequence[Record], end: int) -> list[RowDifference]:
        """The next records, all up to offset `end`. Blocks. Raises ClickHouseError or one of its kinds."""
        wanted, stored = self._wanted(records), self._stored(end)
        self._next = end
        found = []
        for offset in sorted(wanted.keys() | stored.keys()):
            ours, theirs = wanted.get(offset), stored.get(offset)
            if theirs is None:
                found.append(RowDifference(self._partition, offset, "missing", "no row of this record is stored"))
            elif ours is None:
                found.append(RowDifference(self._partition, offset, "extra", "no event counts first there"))
            elif ours != theirs:
                wrong = [f"{n}: {theirs[n]!r} stored, {ours[n]!r} in the log" for n in ours if ours[n] != theirs[n]]
                found.append(RowDifference(self._partition, offset, "different", "; ".join(wrong)))
        return found

    def _wanted(self, records: Sequence[Record]) -> dict[int, dict[str, Any]]:
        rows: dict[int, dict[str, Any]] = {}
        batches, _ = self._read(self._full, self._partition, records)
        found = [row for batch in batches for row in batch.to_pylist()]
        for row in sorted(found, key=lambda row: row["source_offset"]):
            event = identity(f"{row['run_id']}\n{row['event_id']}")
            if self._run_id not in (None, row["run_id"]) or (self._topic == "results" and event in self._ids):
                continue
            self._ids.add(event)
            rows[row["source_offset"]] = {name: _plain(row[name]) for name in self._columns}
        return rows

    def _stored(self, end: int) -> dict[int, dict[str, Any]]:
        columns = ", ".join((*self._columns, "source_offset"))
        of_run = "1" if self._run_id is None else f"run_id = {_quoted(self._run_id)}"
        with translated(address(self._client)):
            answer = self._client.query(
                f"SELECT {columns} FROM {self._topic} FINAL WHERE {of_run} "
                f"AND source_topic = {_quoted(self._full)} AND source_partition = {self._partition} "
                f"AND source_offset >= {self._next} AND source_offset < {end}"
            )
            rows = list(answer.named_results())
        return {row["source_offset"]: {name: _plain(row[name]) for name in self._columns} for row in rows}


def _plain(value: Any) -> Any:
    """A value as both sides have it: bytes as text, maps as dicts without zeros."""
    if isinstance(value, bytes):
        return value.decode()
    if isinstance(value, list) and all(isinstance(item, tuple) for item in value):
        value = dict(value)
    return {_plain(key): inner for key, inner in value.items()} if isinstance(value, dict) else value
