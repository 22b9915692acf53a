"""Stored rows held against the records that they were made of (`imageledger verify`)."""

# ruff: noqa: S608 - offsets are integers, names are our own, texts are quoted

from collections.abc import Collection, Sequence
from typing import Any, Literal, NamedTuple

import pyarrow as pa
from clickhouse_connect.driver.client import Client

from events.topics import BY_NAME, Name, full_name
from metrics.fold.identity import identity
from sinks.client import address
from sinks.errors import translated
from sinks.loading.chunks import Record
from sinks.loading.sources import SOURCES

_READ_BY_COUNTERS = {
    "event_id", "event_type", "run_id", "subject_id", "status", "final", "error_timeout", "attempt", "tier",
    "task_type", "component_type", "variant", "model", "provider", "latency_ms", "input_tokens", "output_tokens",
    "cached_tokens", "tokens_saved", "cache_hit", "cost_nano_usd", "confidence_ppm", "scores_micro", "context_score",
    "questions_asked", "answers", "gaps", "tables", "insights", "findings", "effective_ms", "will_retry", "stages",
    "stage_costs",
    "subject_kind", "question", "rating", "validator", "verdict",
}  # fmt: skip
_DERIVED = {"minute", "source_topic", "source_partition", "source_offset"}
"""What is the place itself, or made of a column that is compared."""
_AS_WRITTEN = {"output_format_arrow_string_as_string": 1, "output_format_arrow_low_cardinality_as_dictionary": 0}
_SHOWN_CHARACTERS = 200


class RowDifference(NamedTuple):
    """A record whose row is `missing`, `extra` (no such record counts) or `different`; `detail`: what in it."""

    partition: int
    offset: int
    what: Literal["missing", "extra", "different"]
    detail: str


class RowCheck:
    """The stored rows of one run, or of all, in one topic partition against its records, in the order of offsets.

    A topic that keeps only the newest record of a key says nothing of rows whose record is gone, nor of records whose
    row a newer one replaced: there a row is compared with its record where both are left.

    Args:
        run_id: None for all runs. With one, only what counters are made of is compared: it explains a figure.
        without: runs whose records are passed over.
    """

    def __init__(
        self,
        client: Client,
        prefix: str,
        run_id: str | None,
        topic: Name,
        partition: int,
        without: Collection[str] = frozenset(),
    ) -> None:
        self._client = client
        self._topic = topic
        self._full = full_name(topic, prefix)
        self._run_id = run_id
        self._without = without
        self._partition = partition
        self._source = next(source for source in SOURCES if source.topic == topic)
        self._is_whole = "compact" not in BY_NAME[topic].cleanup
        self._ids: set[bytes] = set()
        self._next = 0

    def differences(self, records: Sequence[Record], end: int) -> list[RowDifference]:
        """The next records, all up to offset `end`. Blocks. Raises ClickHouseError or one of its kinds."""
        batches, _ = self._source.read(self._full, self._partition, records)
        if not batches and not self._is_whole:
            self._next = end
            return []
        wanted = self._wanted(batches)
        stored = self._stored(self._compared(batches[0].schema.names if batches else ["event_id"]), end)
        self._next = end
        found = []
        for offset in sorted(wanted.keys() | stored.keys() if self._is_whole else wanted.keys() & stored.keys()):
            told = _compare(wanted.get(offset), stored.get(offset, []))
            if told is not None:
                found.append(RowDifference(self._partition, offset, *told))
        return found

    def _compared(self, names: Sequence[str]) -> list[str]:
        if self._run_id is None:
            return [name for name in names if name not in _DERIVED]
        return [name for name in names if name in _READ_BY_COUNTERS]

    def _wanted(self, batches: Sequence[pa.RecordBatch]) -> dict[int, dict[str, Any]]:
        rows: dict[int, dict[str, Any]] = {}
        found = [row for batch in batches for row in batch.to_pylist()]
        for row in sorted(found, key=lambda row: row["source_offset"]):
            if self._topic == "results":  # an event counts once; of every other topic each record is a row
                event = identity(f"{row['run_id']}\n{row['event_id']}")
                if event in self._ids:
                    continue
                self._ids.add(event)
            if self._run_id in (None, row["run_id"]) and row["run_id"] not in self._without:
                rows[row["source_offset"]] = {name: _plain(row[name]) for name in self._compared(list(row))}
        return rows

    def _stored(self, columns: Sequence[str], end: int) -> dict[int, list[dict[str, Any]]]:
        of_run = "1" if self._run_id is None else "run_id = {run:String}"
        names = ", ".join(f"`{name}`" for name in (*columns, "source_offset"))
        with translated(address(self._client)):
            answer = self._client.query_arrow(
                f"SELECT {names} FROM {self._source.table} FINAL WHERE {of_run} AND source_topic = {{topic:String}} "
                f"AND source_partition = {self._partition} AND source_offset >= {self._next} AND source_offset < {end}",
                {"run": self._run_id or "", "topic": self._full},
                settings=_AS_WRITTEN,
            )
        rows: dict[int, list[dict[str, Any]]] = {}
        for row in answer.to_pylist():
            rows.setdefault(row["source_offset"], []).append({name: _plain(row[name]) for name in columns})
        return rows


def _compare(
    ours: dict[str, Any] | None, stored: Sequence[dict[str, Any]]
) -> tuple[Literal["missing", "extra", "different"], str] | None:
    """What is wrong with the rows at an offset; None where the one of its record stands there alone."""
    if not stored:
        return "missing", "no row of this record is stored"
    if ours is None:
        return "extra", "no event counts first there"
    if len(stored) > 1:
        return "extra", f"{len(stored)} rows say that they are of this record"
    (theirs,) = stored
    wrong = [f"{name}: {_said(theirs[name], ours[name])}" for name in ours if ours[name] != theirs[name]]
    return ("different", "; ".join(wrong)) if wrong else None


def _plain(value: Any) -> Any:
    """A value as both sides have it: bytes as text, maps as dicts."""
    if isinstance(value, bytes):
        return value.decode()
    if isinstance(value, list):
        return dict(value) if value and isinstance(value[0], tuple) else [_plain(item) for item in value]
    if isinstance(value, dict):
        return {name: _plain(inner) for name, inner in value.items()}
    return value


def _said(theirs: Any, ours: Any) -> str:
    return f"{_short(theirs)} stored, {_short(ours)} in the log"


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= _SHOWN_CHARACTERS else text[:_SHOWN_CHARACTERS] + "…"
