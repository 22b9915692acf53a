"""Results → columns of the table `results`. The hot path of the sink: column by column, never row by row."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa

from events import numbers
from events.envelope import event_type
from events.results import NO_OUTPUT, ComponentResult, Failure, ImageResult, MessageResult, Result
from metrics.fold.buckets import all_effective_ms, effective_run

from . import arrays
from .arrays import LABEL, TEXT
from .chunks import Chunk

OUTPUT_BYTES = 64 << 10
"""A result's raw `output` is stored up to here; `output_bytes` says how long it was."""

_MICRO = 1_000_000

_KINDS: dict[type[Result], str] = {ImageResult: "image", ComponentResult: "component", MessageResult: "message"}

# Fields that are stored as they are, of every result.
_PLAIN: dict[str, pa.DataType] = {
    "event_id": TEXT,
    "schema_version": pa.uint32(),
    "source": LABEL,
    "status": LABEL,
    "final": pa.bool_(),
    "attempt": pa.uint32(),
    "will_retry": pa.bool_(),
    "tier": pa.uint8(),
    "task_type": LABEL,
    "task_complexity": LABEL,
    "strategy": LABEL,
    "variant": LABEL,
    "batch_id": LABEL,
    "processor_id": LABEL,
    "prompt_version": LABEL,
    "environment": LABEL,
    "trace_id": TEXT,
    "parent_id": TEXT,
    "model": LABEL,
    "model_version": LABEL,
    "provider": LABEL,
    "input_tokens": pa.uint64(),
    "output_tokens": pa.uint64(),
    "cached_tokens": pa.uint64(),
    "tokens_saved": pa.uint64(),
    "cache_hit": pa.bool_(),
    "cost_usd": pa.float64(),
    "price_version": LABEL,
    "cost_source": LABEL,
    "confidence": pa.float64(),
    "context_score": pa.float64(),
    "questions_asked": pa.uint32(),
    "insights": pa.uint32(),
}
# … and of one kind only: NULL in the rows of the others.
_OF_A_KIND: dict[str, pa.DataType] = {
    "vehicle_id": TEXT,
    "vehicle_type": LABEL,
    "image_uri": TEXT,
    "content_hash": TEXT,
    "component_type": LABEL,
    "conversation_id": TEXT,
    "user_id": TEXT,
}

_MAPS: dict[str, pa.DataType] = {
    "stages": pa.float64(),
    "usage": pa.uint64(),
    "stage_costs": pa.float64(),
    "scores": pa.float64(),
    "tables": pa.uint64(),
    "findings": pa.uint64(),
    "attributes": TEXT,
}


def _said(answer: str | bool | float | None) -> str | None:
    return answer if answer is None or isinstance(answer, str) else msgspec.json.encode(answer).decode()


def _or_empty(text: str | None) -> str:
    return text or ""


_ANSWER: dict[str, tuple[pa.DataType, Callable[[Any], Any] | None]] = {
    "question": (TEXT, None),
    "answer": (TEXT, _said),
    "confidence": (pa.float64(), None),
    "table": (TEXT, _or_empty),
    "record_id": (TEXT, _or_empty),
    "agreeing_models": (pa.uint32(), None),
    "asked_models": (pa.uint32(), None),
    "validated_by": (TEXT, None),
}
_GAP: dict[str, tuple[pa.DataType, Callable[[Any], Any] | None]] = {
    "item": (TEXT, None),
    "value": (TEXT, None),
    "how_to_get": (TEXT, None),
}


def batches(chunk: Chunk) -> list[pa.RecordBatch]:
    """The rows of a chunk of results, a batch for each of the three types in it."""
    types = [type(event) for event in chunk.events]
    kinds = sorted(set(types), key=event_type)
    if len(kinds) == 1:
        return [_batch(chunk, kinds[0])]
    return [_batch(chunk.where([place for place, type_ in enumerate(types) if type_ is kind]), kind) for kind in kinds]


def _batch(chunk: Chunk, kind: type[Result]) -> pa.RecordBatch:
    events = chunk.events
    rows = len(events)
    subject = _KINDS[kind]
    values = _by_field(events, kind)
    columns = {name: arrays.column(values[name], type_) for name, type_ in _PLAIN.items()}
    columns |= {name: arrays.maps(values[name], type_) for name, type_ in _MAPS.items()}
    for name, type_ in _OF_A_KIND.items():
        columns[name] = arrays.column(values[name], type_) if name in values else pa.nulls(rows, type_)
    columns["event_type"] = arrays.repeated(event_type(kind), LABEL, rows)
    columns["subject_kind"] = arrays.repeated(subject, LABEL, rows)
    columns["subject_id"] = pa.array(values[f"{subject}_id"], TEXT)
    columns["started_at"] = arrays.moments(values["started_at"])
    columns["context_items"] = arrays.texts(values["context_items"])
    columns["answers"] = arrays.structs(values["answers"], _ANSWER)
    columns["gaps"] = arrays.structs(values["gaps"], _GAP)
    columns |= _rounded(columns, values["latency_ms"]) | _errors(values["error"]) | _outputs(values["output"])
    columns |= _when_and_where(chunk, values["event_time"], values["run_id"])
    return pa.RecordBatch.from_pydict(columns)


def _by_field(events: Sequence[Result], kind: type[Result]) -> dict[str, tuple[Any, ...]]:
    """Field → its value in each event; one pass over the events, which is what the cache likes."""
    return dict(zip(kind.__struct_fields__, zip(*map(msgspec.structs.astuple, events), strict=True), strict=True))


def _rounded(columns: Mapping[str, pa.Array], latencies_ms: Sequence[float | None]) -> dict[str, pa.Array]:
    """What sums are made of: integers, as `events.numbers` rounds them one by one (the tests compare)."""
    scores = columns["scores"]
    micro = arrays.rounded(scores.items, _MICRO)
    return {
        "cost_nano_usd": arrays.rounded(columns["cost_usd"], numbers.NANO_PER_USD),
        "latency_ms": arrays.rounded(arrays.column(latencies_ms, pa.float64()), 1),
        "confidence_ppm": arrays.rounded(columns["confidence"], numbers.PPM),
        "scores_micro": pa.MapArray.from_arrays(scores.offsets, scores.keys, micro),
    }


def _errors(errors: Sequence[Failure | None]) -> dict[str, pa.Array]:
    return {
        "error_type": arrays.column([error and error.type for error in errors], LABEL),
        "error_message": arrays.column([error and error.message for error in errors], TEXT),
        "error_timeout": arrays.column([error and error.timeout for error in errors], pa.bool_()),
    }


def _outputs(outputs: Sequence[msgspec.Raw]) -> dict[str, pa.Array]:
    texts = [b"" if raw is NO_OUTPUT else bytes(raw) for raw in outputs]
    texts = [b"" if text == b"null" else text for text in texts]
    return {
        "output": pa.array([text if len(text) <= OUTPUT_BYTES else _cut(text) for text in texts], pa.binary()),
        "output_bytes": pa.array(list(map(len, texts)), pa.uint32()),
    }


def _cut(text: bytes) -> bytes:
    """The first 64 KiB, less a character that the cut would split."""
    return text[:OUTPUT_BYTES].decode(errors="ignore").encode()


def _when_and_where(
    chunk: Chunk, event_times: Sequence[datetime], run_ids: Sequence[str | None]
) -> dict[str, pa.Array]:
    """Times, the run that the result counts in, and its place in the log."""
    rows = len(chunk.events)
    happened_us = arrays.epoch_us(event_times)
    recorded_ms = np.array(chunk.recorded_ms, np.int64)
    counted_ms = all_effective_ms(happened_us // 1_000, recorded_ms)
    if not all(run_ids):
        run_ids = list(map(effective_run, chunk.events, counted_ms.tolist()))
    return {
        "event_time": pa.array(happened_us).cast(arrays.MOMENT_US),
        "run_id": pa.array(run_ids, LABEL),
        "recorded_at": pa.array(recorded_ms).cast(arrays.MOMENT_MS),
        "effective_ms": pa.array(counted_ms),
        "source_topic": arrays.repeated(chunk.topic, LABEL, rows),
        "source_partition": arrays.repeated(chunk.partition, pa.uint32(), rows),
        "source_offset": pa.array(chunk.offsets, pa.uint64()),
    }
