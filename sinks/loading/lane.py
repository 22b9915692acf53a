"""One topic on its way to its table: what is read and not yet confirmed."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import msgspec
import pyarrow as pa
from aiokafka import TopicPartition

from .chunks import Record, RefusedRecord
from .sources import Source

CHUNK_RECORDS = 1_000
"""Records are made into columns so many at a time: enough for whole columns to pay, few enough for the cache."""
COLLECTED_AFTER = 50_000
"""New objects: a chunk has thousands, none of them in a cycle; to look after each 700 cost a quarter of the time."""


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """How much of a topic one insert carries at most, and waits in memory beside it; how long a stop may take."""

    records: int = 50_000
    bytes: int = 32 << 20
    stop_s: float = 10.0


class Load(NamedTuple):
    """What one insert carries: its rows, the dead letters beside it, the next offsets that it confirms."""

    batches: list[pa.RecordBatch]
    refused: list[tuple[TopicPartition, RefusedRecord]]
    next_offsets: dict[TopicPartition, int]


class Lane:
    """Collects one source's records; `records` and `bytes` count what waits."""

    def __init__(self, source: Source, limits: Limits) -> None:
        self.source = source
        self._limits = limits
        self.clear()

    @property
    def full(self) -> bool:
        """No more should be read before an insert has taken what waits."""
        return self.records >= self._limits.records or self.bytes >= self._limits.bytes

    def due(self, now: float) -> bool:
        """Time for an insert: enough waits, or the first of it waits long enough. `now` as for `take`."""
        return self.full or (self._since is not None and now - self._since >= self.source.linger_s)

    def clear(self) -> None:
        """Forget everything: the partitions are somebody else's now."""
        self.records = 0
        self.bytes = 0
        self._since: float | None = None
        self._raw: dict[TopicPartition, list[Record]] = {}
        self._load = Load([], [], {})

    def take(self, fetched: Mapping[TopicPartition, Sequence[Record]], now: float) -> None:
        """Records of this source's topic, partition by partition in the order of the log."""
        for partition, records in fetched.items():
            self._since = now if self._since is None else self._since
            self.records += len(records)
            self.bytes += sum([len(record.value) for record in records if record.value])
            self._load.next_offsets[partition] = records[-1].offset + 1
            raw = self._raw.setdefault(partition, [])
            raw.extend(records)
            if len(raw) >= CHUNK_RECORDS:
                self._read(partition)

    def unload(self) -> Load:
        """Everything that waits, for an insert; the lane is empty then."""
        for partition in list(self._raw):
            self._read(partition)
        load = self._load
        self.clear()
        return load._replace(batches=self.source.squeeze(load.batches) if load.batches else [])

    def _read(self, partition: TopicPartition) -> None:
        batches, refused = self.source.read(partition.topic, partition.partition, self._raw.pop(partition))
        self._load.batches.extend(batches)
        self._load.refused.extend((partition, record) for record in refused)
