"""The run stage: partials, plans and heartbeats → registers of each run, once a second a snapshot (DESIGN.md 5.6)."""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import msgspec
from aiokafka import ConsumerRecord
from aiokafka.partitioner import murmur2

from events.codec import decode, encode
from events.envelope import Event, epoch_ms
from events.heartbeats import ProcessorHeartbeat
from events.partials import Partials
from events.refusals import DeadLetter, Refused
from events.runs import AnyRunEvent
from events.topics import Name
from metrics.buckets import effective_ms, effective_run
from metrics.lifecycle import Stamp
from metrics.registers import RunRegisters, RunSegment, Told
from metrics.snapshot import snapshot

from .intake import letter
from .setup import Outgoing, StageSetup, Step

SNAPSHOTS_PER_SECOND = 200
"""Of one partition; whose last snapshot is oldest comes first."""
_NEVER = -1


class PassedOn(msgspec.Struct, tag="run.passed_on", tag_field="event_type", frozen=True):
    """A record of `runs` or `heartbeats` on its way, over `partials`, to the partition that keeps its run.

    Its producer hashed the run id otherwise than we do (librdkafka's default is CRC32), or gave no key at all. Without
    `partition` it is an older version's, which the stage that passed it on says again once it is of this version.
    """

    topic: Told
    offset: int
    timestamp_ms: int
    value: bytes
    partition: int | None = None


class _Taken(NamedTuple):
    """What a chunk brought: the runs of this partition that it touched, what is for others, and what was refused."""

    touched: set[str]
    passed_on: list[Outgoing]
    letters: list[DeadLetter]


_PARTIALS = msgspec.json.Decoder(Partials | PassedOn)


class Runs:
    """The registers of all runs of one partition."""

    def __init__(self, number: int, partitions: int) -> None:
        self._number = number
        self._partitions = partitions
        self._runs: dict[str, RunRegisters] = {}
        self._published: dict[str, int] = {}  # run → `as_of` of its last snapshot
        self._touched: set[str] = set()  # changed since that
        self._moving: set[str] = set()  # runs whose `as_of` may differ from that of the last snapshot

    def restore(self, run_id: str, segment: RunSegment) -> None:
        """Take in a segment of the ledger. What was published of it is not known: it will be again, once."""
        self._run(run_id).restore(segment)

    def take(self, topic: Name, records: Sequence[ConsumerRecord]) -> Step[RunSegment]:
        """Take a chunk of `partials`, `runs` or `heartbeats` into the registers."""
        taken = _Taken(set(), [], [])
        for record in records:
            try:
                if topic == "partials":
                    self._take_partials(record, taken)
                else:
                    self._take_event("runs" if topic == "runs" else "heartbeats", record, taken)
            except Refused as refused:
                taken.letters.append(letter(record, refused))
        return Step(self._changed(taken.touched), taken.letters, taken.passed_on)

    def whole(self, run_id: str) -> RunSegment:
        """A run's registers."""
        return self._runs[run_id].everything()

    def tick(self, now_ms: int) -> Step[RunSegment] | None:
        """Take a snapshot of each run that changed or whose `as_of` moved, as of now; published once it is recorded."""
        due: dict[str, int] = {}
        for run_id in list(self._moving):
            if not self._runs[run_id].whole:
                continue
            as_of_ms = self._runs[run_id].as_of(now_ms)
            if run_id in self._touched or as_of_ms != self._published.get(run_id, _NEVER):
                due[run_id] = as_of_ms
            else:
                self._moving.discard(run_id)
        if not due:
            return None
        chosen = sorted(due, key=lambda run_id: self._published.get(run_id, _NEVER))[:SNAPSHOTS_PER_SECOND]
        for run_id in chosen:
            self._runs[run_id].take_as_of(due[run_id])
            self._published[run_id] = due[run_id]
            self._touched.discard(run_id)
        return Step(self._changed(chosen), outgoing=lambda _sequence: [self._snapshot(run_id) for run_id in chosen])

    def again(self, _run_id: str, _segment: RunSegment, _sequence: int) -> Sequence[Outgoing]:
        """Nothing: the next tick says every run's snapshot anew."""
        return ()

    def _run(self, run_id: str) -> RunRegisters:
        self._touched.add(run_id)
        self._moving.add(run_id)
        registers = self._runs.get(run_id)
        if registers is None:
            registers = self._runs[run_id] = RunRegisters(run_id)
        return registers

    def _changed(self, run_ids: Iterable[str]) -> Mapping[str, RunSegment]:
        changed = {run_id: self._runs[run_id].changed() for run_id in run_ids}
        return {run_id: segment for run_id, segment in changed.items() if segment is not None}

    def _snapshot(self, run_id: str) -> Outgoing:
        metrics = snapshot(self._runs[run_id], self._published[run_id])
        return Outgoing("metrics", run_id.encode(), encode(metrics))

    def _take_partials(self, record: ConsumerRecord, taken: _Taken) -> None:
        try:
            message = _PARTIALS.decode(record.value or b"")
        except msgspec.MsgspecError as error:
            raise Refused("wrong_type", f"$: not written by a stage ({error})") from error
        if isinstance(message, PassedOn):
            if message.partition is not None:
                event = decode(message.topic, message.value)
                at = Stamp(message.timestamp_ms, message.partition, message.offset)
                taken.touched.add(self._keep(event, at))
        else:
            self._run(message.run_id).take_partials(message)
            taken.touched.add(message.run_id)

    def _take_event(self, topic: Told, record: ConsumerRecord, taken: _Taken) -> None:
        event = decode(topic, record.value, record.headers)
        run_id = run_of(event, record.timestamp)
        if home_of(run_id, self._partitions) == self._number:
            taken.touched.add(self._keep(event, Stamp(record.timestamp, record.partition, record.offset)))
        else:
            message = PassedOn(topic, record.offset, record.timestamp, encode(event), record.partition)
            taken.passed_on.append(Outgoing("partials", run_id.encode(), msgspec.json.encode(message)))

    def _keep(self, event: AnyRunEvent | ProcessorHeartbeat, at: Stamp) -> str:
        run_id = run_of(event, at.recorded_ms)
        registers = self._run(run_id)
        if isinstance(event, ProcessorHeartbeat):
            registers.take_heartbeat(event, at)
        else:
            registers.take_run_event(event, at)
        return run_id


def run_of(event: Event, recorded_ms: int) -> str:
    """The run that an event counts in, given its arrival."""
    return effective_run(event, effective_ms(epoch_ms(event.event_time), recorded_ms))


def home_of(run_id: str, partitions: int) -> int:
    """The partition of `partials` that keeps a run: as our producers hash its id (murmur2, Kafka's own way)."""
    return int((murmur2(run_id.encode()) & 0x7FFFFFFF) % partitions)


RUNS: StageSetup[RunSegment] = StageSetup(
    "run",
    ("partials", "runs", "heartbeats"),
    "ledger.run",
    Runs,
    RunSegment.decode,
    rests_on=("ledger.combine",),  # where the sequences of the partials come from
    reread=("runs", "heartbeats"),
)
