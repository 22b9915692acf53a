"""Raw records → events, and a dead letter for each that is none."""

from collections.abc import Sequence
from typing import Any

from aiokafka import ConsumerRecord

from events.codec import Kind, decode
from events.refusals import DeadLetter, Position, Refused, dead_letter


def decode_all(
    kind: Kind, records: Sequence[ConsumerRecord]
) -> tuple[list[tuple[ConsumerRecord, Any]], list[DeadLetter]]:
    """The records of the topic `kind` that hold an event, with it; and the letters for those that do not."""
    accepted: list[tuple[ConsumerRecord, Any]] = []
    letters: list[DeadLetter] = []
    for record in records:
        try:
            accepted.append((record, decode(kind, record.value, record.headers)))
        except Refused as refused:
            letters.append(letter(record, refused))
    return accepted, letters


def letter(record: ConsumerRecord, refused: Refused) -> DeadLetter:
    """The dead letter of a refused record."""
    return dead_letter(Position(record.topic, record.partition, record.offset, record.timestamp), record.value, refused)
