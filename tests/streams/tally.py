"""A stage whose fold is as small as can be, so that what is tested is the law around it.

It adds up the integers in `results` and `feedback` by run (the record's key), keeps every offset that it counted, and
says its absolute sums on `partials`. A value that is no integer is refused.
"""

from collections.abc import Sequence

import msgspec
from aiokafka import ConsumerRecord

from events.refusals import Position, Refused, dead_letter
from events.topics import Name
from streams.setup import Outgoing, StageSetup, Step


class Sums(msgspec.Struct):
    """Absolute: `total` so far, and the `offsets` that are new in this segment."""

    total: int = 0
    offsets: list[tuple[str, int]] = []
    padding: str = ""

    def merge(self, newer: "Sums") -> "Sums":
        return Sums(newer.total, self.offsets + newer.offsets, newer.padding)

    def encode(self) -> bytes:
        return msgspec.json.encode(self)


def decode(value: bytes) -> Sums:
    return msgspec.json.decode(value, type=Sums)


class Said(msgspec.Struct):
    """What is on `partials`: the sum of a run in a source partition as of a transaction."""

    run_id: str
    partition: int
    sequence: int
    total: int


STEP = 300
"""The rest of a chunk is left for steps of its own, so that a kill may come between two of them."""


class Tally:
    def __init__(self, number: int, partitions: int) -> None:
        self.number = number
        self.totals: dict[str, int] = {}
        self.seen: set[tuple[str, int]] = set()

    def restore(self, run_id: str, *segments: Sums) -> None:
        for segment in segments:
            self.totals[run_id] = segment.total
            self.seen.update(segment.offsets)

    def take(self, topic: Name, records: Sequence[ConsumerRecord]) -> Step[Sums]:
        changed: dict[str, Sums] = {}
        letters = []
        for record in records[:STEP]:
            try:
                value = int(record.value or b"")
            except ValueError:
                position = Position(record.topic, record.partition, record.offset, record.timestamp)
                letters.append(dead_letter(position, record.value, Refused("wrong_type", "$: no integer")))
                continue
            if (topic, record.offset) in self.seen:
                raise AssertionError(f"{topic} {record.offset} was folded before")
            self.seen.add((topic, record.offset))
            run_id = (record.key or b"none").decode()
            self.totals[run_id] = self.totals.get(run_id, 0) + value
            part = changed.setdefault(run_id, Sums())
            part.total = self.totals[run_id]
            part.offsets.append((topic, record.offset))
            part.padding = "x" * next((int(v) for k, v in record.headers if k == "padding"), 0)
        return Step(changed, letters, outgoing=lambda sequence: self._say(changed, sequence), rest=records[STEP:])

    def whole(self, run_id: str) -> Sums | None:
        return None

    def tick(self, now_ms: int) -> Step[Sums] | None:
        return None

    def again(self, run_id: str, segment: Sums, sequence: int) -> Sequence[Outgoing]:
        return self._say({run_id: segment}, sequence)

    def _say(self, changed: dict[str, Sums], sequence: int) -> list[Outgoing]:
        return [
            Outgoing(
                "partials", run_id.encode(), msgspec.json.encode(Said(run_id, self.number, sequence, segment.total))
            )
            for run_id, segment in changed.items()
        ]


TALLY: StageSetup[Sums] = StageSetup("combine", ("results", "feedback"), "ledger.combine", Tally, decode)
