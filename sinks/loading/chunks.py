"""Records as they come from one partition, decoded: what rows are made of."""

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

from events import codec
from events.refusals import Refused


class Record(Protocol):
    """What is needed of a consumer's record: aiokafka's has it."""

    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes]]


class Chunk(NamedTuple):
    """Accepted records of one partition, in the order of the log; the lists are of one length.

    `topic` is the full name. `recorded_ms`: the records' times (arrival). `values`: the events as they were sent.
    """

    topic: str
    partition: int
    events: list[Any]
    offsets: list[int]
    recorded_ms: list[int]
    values: list[bytes]

    @classmethod
    def of(cls, topic: str, partition: int, records: Sequence[Record], events: list[Any]) -> "Chunk":
        """Records, and the event in each."""
        return cls(
            topic,
            partition,
            events,
            [record.offset for record in records],
            [record.timestamp for record in records],
            [record.value or b"" for record in records],
        )

    def where(self, chosen: Sequence[int]) -> "Chunk":
        """The records at these places of the lists."""
        return Chunk(
            self.topic,
            self.partition,
            [self.events[i] for i in chosen],
            [self.offsets[i] for i in chosen],
            [self.recorded_ms[i] for i in chosen],
            [self.values[i] for i in chosen],
        )


class RefusedRecord(NamedTuple):
    """A record that is no valid event, and why."""

    record: Record
    refused: Refused


def decode(
    kind: codec.Kind, topic: str, partition: int, records: Sequence[Record]
) -> tuple[Chunk, list[RefusedRecord]]:
    """The records that are events of `kind`, and those that are not."""
    accepted: list[Record] = []
    events: list[Any] = []
    refused: list[RefusedRecord] = []
    for record in records:
        try:
            events.append(codec.decode(kind, record.value, record.headers))
        except Refused as reason:
            refused.append(RefusedRecord(record, reason))
        else:
            accepted.append(record)
    return Chunk.of(topic, partition, accepted, events), refused
