"""What the sink reads and where it goes: a topic, a table, and how records become rows."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import pyarrow as pa

from events import codec
from events.profiles import VehicleProfiled
from events.refusals import Refused
from events.topics import Name
from metrics.fold.buckets import moment

from . import results, rows, snapshots
from .chunks import Chunk, Record, RefusedRecord, decode

Read = Callable[[str, int, Sequence[Record]], tuple[list[pa.RecordBatch], list[RefusedRecord]]]
"""(full topic, partition, records) → rows, and the records that were refused."""


class Source(NamedTuple):
    """A topic and its table.

    `linger_s`: rows wait so long for more. `squeeze` leaves out waiting rows that a later one replaces.
    `dead_letters`: this stage is the one that writes the topic's refused records to the DLQ (DESIGN.md 2).
    """

    topic: Name
    table: str
    read: Read
    linger_s: float = 1.0
    squeeze: Callable[[Sequence[pa.RecordBatch]], list[pa.RecordBatch]] = list
    dead_letters: bool = False


def _events(kind: codec.Kind, make: Callable[[Chunk], list[pa.RecordBatch]]) -> Read:
    def read(topic: str, partition: int, records: Sequence[Record]) -> tuple[list[pa.RecordBatch], list[RefusedRecord]]:
        chunk, refused = decode(kind, topic, partition, records)
        return make(chunk), refused

    return read


def _read_profiles(
    topic: str, partition: int, records: Sequence[Record]
) -> tuple[list[pa.RecordBatch], list[RefusedRecord]]:
    """Profiles; a record with a key and no value says that the vehicle has none any more."""
    chunk, refused = decode("profiles", topic, partition, [record for record in records if record.value is not None])
    deletions: list[Record] = []
    events: list[VehicleProfiled] = []
    for record in records:
        if record.value is None:
            try:
                events.append(_deletion(partition, record))
            except Refused as reason:
                refused.append(RefusedRecord(record, reason))
            else:
                deletions.append(record)
    gone = Chunk.of(topic, partition, deletions, events)
    return rows.profiles(chunk) + rows.profiles(gone, deleted=True), refused


def _deletion(partition: int, record: Record) -> VehicleProfiled:
    try:
        vehicle_id = (record.key or b"").decode()
    except UnicodeDecodeError as error:
        raise Refused("not_text", "the key of a deletion") from error
    if not vehicle_id:
        raise Refused("missing_field", "the key of a deletion, which names the vehicle")
    name = f"deleted-{partition}-{record.offset}"
    return VehicleProfiled(event_id=name, event_time=moment(record.timestamp), vehicle_id=vehicle_id)


SOURCES: tuple[Source, ...] = (
    Source("results", "results", _events("results", results.batches)),
    Source("feedback", "feedback", _events("feedback", rows.feedback)),
    Source("runs", "runs", _events("runs", rows.runs)),
    Source("profiles", "profiles", _read_profiles, dead_letters=True),
    Source("alerts", "alerts", _events("alerts", rows.alerts)),
    # A live run says a snapshot a second, and only the last of a minute is kept: waiting saves most of the writing.
    Source("metrics", "snapshots", snapshots.read, linger_s=10.0, squeeze=snapshots.newest),
)
