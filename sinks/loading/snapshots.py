"""`run.metrics` → rows of `snapshots`: of a run's snapshots within a minute the last one."""

from collections.abc import Sequence
from typing import Annotated

import msgspec
import pyarrow as pa

from events.envelope import Time, epoch_ms
from events.refusals import Refused
from metrics.fold.buckets import MINUTE_MS

from .arrays import MOMENT_MS, MOMENT_US, TEXT
from .chunks import Record, RefusedRecord

_SCHEMA = pa.schema(
    [
        ("run_id", TEXT),
        ("minute", pa.timestamp("s", "UTC")),
        ("as_of", MOMENT_US),
        ("state", TEXT),
        ("source_offsets", pa.map_(TEXT, pa.map_(pa.uint32(), pa.uint64()))),
        ("metrics", pa.binary()),
        ("recorded_at", MOMENT_MS),
        ("source_topic", TEXT),
        ("source_partition", pa.uint32()),
        ("source_offset", pa.uint64()),
    ]
)

_Partition = Annotated[int, msgspec.Meta(ge=0, lt=1 << 32)]
_Offset = Annotated[int, msgspec.Meta(ge=0, le=(1 << 63) - 1)]


class _Head(msgspec.Struct):
    """What is a column; the rest of a snapshot, which may be larger than other events, is stored as it came."""

    run_id: str
    as_of: Time
    state: str
    source_offsets: dict[str, dict[_Partition, _Offset]]


_HEADS = msgspec.json.Decoder(_Head)


def read(topic: str, partition: int, records: Sequence[Record]) -> tuple[list[pa.RecordBatch], list[RefusedRecord]]:
    """One row a run and minute of these records, and those that are no snapshots.

    The table keeps the row with the highest offset, so that neither batches nor restarts matter.
    """
    last: dict[tuple[str, int], tuple[_Head, Record]] = {}
    refused = []
    for record in records:
        try:
            head = _HEADS.decode(record.value or b"")
        except msgspec.DecodeError as error:
            refused.append(RefusedRecord(record, Refused("wrong_type", str(error))))
        else:
            last[head.run_id, epoch_ms(head.as_of) // MINUTE_MS] = head, record
    rows = [
        {
            "run_id": run_id,
            "minute": minute * 60,
            "as_of": head.as_of,
            "state": head.state,
            "source_offsets": [(name, list(next_.items())) for name, next_ in head.source_offsets.items()],
            "metrics": record.value,
            "recorded_at": record.timestamp,
            "source_topic": topic,
            "source_partition": partition,
            "source_offset": record.offset,
        }
        for (run_id, minute), (head, record) in last.items()
    ]
    return [pa.RecordBatch.from_pylist(rows, _SCHEMA)] if rows else [], refused


def newest(batches: Sequence[pa.RecordBatch]) -> list[pa.RecordBatch]:
    """Rows that are not yet stored, in the order they were read, without those that a later one replaces."""
    table = pa.Table.from_batches(batches)
    table = table.append_column("place", pa.array(range(table.num_rows)))
    kept = table.group_by(["run_id", "minute"]).aggregate([("place", "max")])["place_max"]
    return list(table.drop_columns("place").take(kept.combine_chunks()).to_batches())
