"""The combine stage: results and feedback → rows, absolute, by run and source partition."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec
from aiokafka import ConsumerRecord

from events.partials import Partials
from events.topics import Name
from metrics.fold.partition import Fold, Record, Topic
from metrics.fold.segment import Segment, together

from .intake import decode_all
from .setup import Outgoing, StageSetup, Step

_MESSAGE_BYTES = 4 << 20
"""Half of what the topic takes."""
STEP_RUNS = 400
"""Of so many runs one step folds records. A run costs a step some 2 ms, a record some µs, and the worker does nothing
else meanwhile: a chunk of 4,000 runs at once looked like no progress, was ended, and came again (docs/decisions/0024).
"""


class Combine:
    """The fold of one source partition."""

    def __init__(self, number: int, _partitions: int) -> None:
        self._number = number
        self._fold = Fold()

    def restore(self, run_id: str, *segments: Segment) -> None:
        """Take in segments of the ledger: at once, since most rows are in most of them."""
        self._fold.restore(run_id, together(segments))

    def take(self, topic: Name, records: Sequence[ConsumerRecord]) -> Step[Segment]:
        """Fold a chunk of `results` or `feedback`."""
        kind: Topic = "results" if topic == "results" else "feedback"
        accepted, letters = decode_all(kind, records)
        rest = _of_further_runs(accepted, records)
        if rest:
            accepted, letters = decode_all(kind, records[: -len(rest)])
        changed = self._fold.apply([Record(kind, record.offset, record.timestamp, event) for record, event in accepted])
        return Step(changed, letters, outgoing=lambda sequence: self._told(changed, sequence), rest=rest)

    def whole(self, run_id: str) -> Segment | None:
        """A run's rows, identities and states."""
        return self._fold.whole(run_id)

    def tick(self, _now_ms: int) -> None:
        """Nothing here depends on the time."""

    def recall(self, records: Sequence[ConsumerRecord]) -> None:
        """Nothing: it decides nothing."""

    def again(self, run_id: str, segment: Segment, sequence: int) -> Sequence[Outgoing]:
        """The partials of a segment: more rows than were said, and all true."""
        return self._told({run_id: segment}, sequence)

    def _told(self, changed: Mapping[str, Segment], sequence: int) -> list[Outgoing]:
        return [
            outgoing
            for run_id, segment in changed.items()
            for outgoing in messages(segment.partials(run_id, self._number, sequence))
        ]


def _of_further_runs(
    accepted: Sequence[tuple[ConsumerRecord, Any]], records: Sequence[ConsumerRecord]
) -> Sequence[ConsumerRecord]:
    """Those of `records` that come with and after the first of one run too many for a step."""
    named = [event.run_id or event.event_time.toordinal() for _, event in accepted]  # the default runs are days
    if len(set(named)) <= STEP_RUNS:
        return ()
    seen: set[str | int] = set()
    for name, (record, _) in zip(named, accepted, strict=True):
        seen.add(name)
        if len(seen) > STEP_RUNS:
            return [later for later in records if later.offset >= record.offset]
    raise AssertionError("there were more of them")


def messages(partials: Partials) -> Iterable[Outgoing]:
    """Partials as records of their topic: one, or several that share the rows where one would be too large."""
    value = msgspec.json.encode(partials)
    if len(value) <= _MESSAGE_BYTES or len(partials.rows) < 2:
        yield Outgoing("partials", partials.run_id.encode(), value)
        return
    middle = len(partials.rows) // 2
    yield from messages(msgspec.structs.replace(partials, rows=partials.rows[:middle], more=True))
    yield from messages(msgspec.structs.replace(partials, rows=partials.rows[middle:]))


COMBINE: StageSetup[Segment] = StageSetup(
    "combine", ("results", "feedback"), "ledger.combine", Combine, Segment.decode, lambda segment: segment.sealed
)
