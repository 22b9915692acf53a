"""Runs, feedback, profiles and alerts → rows of their tables. Few records: row by row, for clarity."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import pyarrow as pa

from events.alerts import Alert, Evidence
from events.envelope import Event, epoch_ms, event_type
from events.feedback import FeedbackRecorded
from events.runs import AnyRunEvent, Plan
from metrics.fold.buckets import effective_ms, effective_run

from .arrays import MOMENT_MS, MOMENT_US, TEXT
from .chunks import Chunk

Row = dict[str, Any]

_ENVELOPE = {
    "event_id": TEXT,
    "event_type": TEXT,
    "schema_version": pa.uint32(),
    "event_time": MOMENT_US,
    "source": TEXT,
}
_POSITION = {
    "recorded_at": MOMENT_MS,
    "source_topic": TEXT,
    "source_partition": pa.uint32(),
    "source_offset": pa.uint64(),
}
_TIER = {
    "tier": pa.uint8(),
    "name": TEXT,
    "images": pa.uint32(),
    "model": TEXT,
    "unit_cost_usd": pa.float64(),
    "batch_size": pa.uint32(),
    "batch_seconds": pa.float64(),
}
_PLACES = ("partition", "offset", "first_offset")
_EVIDENCE = {"event_id": TEXT, "topic": TEXT} | dict.fromkeys(_PLACES, pa.int64())


def _list_of(fields: Mapping[str, pa.DataType]) -> pa.DataType:
    return pa.list_(pa.struct(list(fields.items())))


RUNS: dict[str, pa.DataType] = {
    "run_id": TEXT,
    "reason": TEXT,
    "issued_by": TEXT,
    "name": TEXT,
    "strategy": TEXT,
    "started_at": MOMENT_US,
    "total_images": pa.uint32(),
    "tiers": _list_of(_TIER),
    "tier_order": TEXT,
    "budget_usd": pa.float64(),
    "baseline_name": TEXT,
    "baseline_unit_cost_usd": pa.float64(),
    "baseline_latency_ms": pa.float64(),
    "cheap_models": pa.list_(TEXT),
    "sla_latency_ms": pa.float64(),
    "sla_error_rate": pa.float64(),
    "sla_deadline": MOMENT_US,
    "value_weights_usd": pa.map_(TEXT, pa.float64()),
    "command_id": TEXT,
    "outcome": TEXT,
    "processor_id": TEXT,
    "raw": pa.binary(),
}
FEEDBACK: dict[str, pa.DataType] = {
    "run_id": TEXT,
    "subject_kind": TEXT,
    "subject_id": TEXT,
    "question": TEXT,
    "rating": pa.int8(),
    "validator": TEXT,
    "verdict": TEXT,
    "user_id": TEXT,
    "comment": TEXT,
    "effective_ms": pa.int64(),
}
PROFILES: dict[str, pa.DataType] = {
    "vehicle_id": TEXT,
    "run_id": TEXT,
    "has_spid": pa.bool_(),
    "has_factory_manual": pa.bool_(),
    "receipt_count": pa.uint32(),
    "timeline_event_count": pa.uint32(),
    "user_tag_count": pa.uint32(),
    "reference_doc_count": pa.uint32(),
    "previously_analyzed": pa.bool_(),
    "well_documented": pa.bool_(),
    "deleted": pa.uint8(),
}
ALERTS: dict[str, pa.DataType] = {
    "run_id": TEXT,
    "fingerprint": TEXT,
    "episode_id": TEXT,
    "severity": TEXT,
    "type": TEXT,
    "message": TEXT,
    "action": TEXT,
    "metric": TEXT,
    "value": pa.float64(),
    "threshold": pa.float64(),
    "labels": pa.map_(TEXT, TEXT),
    "started_at": MOMENT_US,
    "ended_at": MOMENT_US,
    "evidence": _list_of(_EVIDENCE),
}


def runs(chunk: Chunk) -> list[pa.RecordBatch]:
    """Every event of a run's life, the plan's fields flat, and beside them the event as it was sent."""
    rows = [_run(event) | {"raw": value} for event, value in zip(chunk.events, chunk.values, strict=True)]
    return _batches(chunk, RUNS, rows)


def feedback(chunk: Chunk) -> list[pa.RecordBatch]:
    """Every word on a result."""
    return _batches(chunk, FEEDBACK, list(map(_feedback, chunk.events, chunk.recorded_ms)))


def profiles(chunk: Chunk, *, deleted: bool = False) -> list[pa.RecordBatch]:
    """Profiles of vehicles, or that these vehicles have none any more."""
    return _batches(chunk, PROFILES, [_fields(event, PROFILES) | {"deleted": int(deleted)} for event in chunk.events])


def alerts(chunk: Chunk) -> list[pa.RecordBatch]:
    """Beginnings and ends of episodes."""
    return _batches(chunk, ALERTS, list(map(_alert, chunk.events)))


def _batches(chunk: Chunk, columns: dict[str, pa.DataType], own: Sequence[Row]) -> list[pa.RecordBatch]:
    """A row an event: its own columns between its envelope and its position."""
    rows = [
        _envelope(event) | row | _position(chunk, offset, recorded_ms)
        for event, row, offset, recorded_ms in zip(chunk.events, own, chunk.offsets, chunk.recorded_ms, strict=True)
    ]
    if not rows:
        return []
    return [pa.RecordBatch.from_pylist(rows, pa.schema(list((_ENVELOPE | columns | _POSITION).items())))]


def _envelope(event: Event) -> Row:
    return {
        "event_id": event.event_id,
        "event_type": event_type(event),
        "schema_version": event.schema_version,
        "event_time": event.event_time,
        "source": event.source,
    }


def _position(chunk: Chunk, offset: int, recorded_ms: int) -> Row:
    return {
        "recorded_at": recorded_ms,
        "source_topic": chunk.topic,
        "source_partition": chunk.partition,
        "source_offset": offset,
    }


def _fields(event: Event, columns: Mapping[str, pa.DataType]) -> Row:
    """The event's fields that are columns as they are."""
    return {name: getattr(event, name) for name in event.__struct_fields__ if name in columns}


def _run(event: AnyRunEvent) -> Row:
    row = _fields(event, RUNS) | {"tiers": [], "cheap_models": [], "value_weights_usd": []}
    row["run_id"] = event.run_id or ""  # rules and silences of all runs
    if isinstance(event, Plan):
        row["tiers"] = [msgspec.structs.asdict(tier) for tier in event.tiers or ()]
        row["cheap_models"] = event.cheap_models or []
        row["value_weights_usd"] = list((event.value_weights_usd or {}).items())
        for name in ("baseline", "sla"):
            part = getattr(event, name)
            if part is not None:
                row |= {f"{name}_{field}": value for field, value in msgspec.structs.asdict(part).items()}
    return row


def _feedback(event: FeedbackRecorded, recorded_ms: int) -> Row:
    effective = effective_ms(epoch_ms(event.event_time), recorded_ms)
    kind, subject = event.subject or ("", "")
    return _fields(event, FEEDBACK) | {
        "run_id": effective_run(event, effective),
        "subject_kind": kind,
        "subject_id": subject,
        "effective_ms": effective,
    }


def _alert(event: Alert) -> Row:
    return _fields(event, ALERTS) | {
        "run_id": event.run_id or "",
        "labels": list((event.labels or {}).items()),
        "evidence": list(map(_evidence, event.evidence or ())),
    }


def _evidence(item: Evidence) -> Row:
    places = {name: _int64(getattr(item, name)) for name in _PLACES}
    return {"event_id": item.event_id or "", "topic": item.topic, **places}


def _int64(number: int | None) -> int | None:
    """Unbounded in the event; what no partition or offset can be is left out."""
    return number if number is not None and -(1 << 63) <= number < 1 << 63 else None
