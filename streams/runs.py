"""The run stage: partials, plans and heartbeats → registers of each run, once a second a snapshot (DESIGN.md 5.6)."""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import msgspec
from aiokafka import ConsumerRecord
from aiokafka.partitioner import murmur2

from events.alerts import AlertFiring, AnyAlert
from events.codec import decode, encode
from events.envelope import Event, epoch_ms
from events.heartbeats import ProcessorHeartbeat
from events.partials import Partials
from events.refusals import DeadLetter, Refused
from events.runs import AlertingEvent, AnyRunEvent
from events.snapshots import RunMetrics
from events.topics import Name
from metrics.alerts import states as alerts
from metrics.alerts.look import Look
from metrics.episodes import AlertState
from metrics.fold.buckets import effective_ms, effective_run
from metrics.fold.lifecycle import Stamp
from metrics.registers import RunRegisters, RunSegment, Told
from metrics.snapshot import snapshot

from .decisions import RulesInForce
from .intake import letter
from .setup import Outgoing, StageSetup, Step

SNAPSHOTS_A_LOOK = 200
"""Of one partition; whose last snapshot is oldest comes first. It looks once a second, or as seldom as is set."""
ALL_RUNS = ""
"""Whose registers, in every partition, hold the rules and silences of all runs; no run's id is empty."""
QUIET_MS = 10_000
"""So long after its last partials a run's log counts as read to its end."""
FINISHED_EVERY_MS = 10_000
"""So often a finished run that nothing comes for is looked at: its figures stand still, only its time goes on."""
REST_MS = 60_000
"""So long after nothing moves it any more a run is put to rest (docs/decisions/0032)."""
RESTS_A_LOOK = 20
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
        self._stirred: set[str] = set()  # runs that partials came for since their last tick
        self._stirred_ms: dict[str, int] = {}
        self._still_ms: dict[str, int] = {}  # run → since when nothing moves it
        self._resting: dict[str, bytes] = {}  # in place of registers: what they were, packed
        self._rules = RulesInForce()

    @property
    def awake(self) -> set[str]:
        """The runs whose registers are in memory, not packed."""
        return self._runs.keys() - {ALL_RUNS}

    def restore(self, run_id: str, *segments: RunSegment) -> None:
        """Take in segments of the ledger. What was published of them is not known: it will be again, once.

        Of a run at rest its last snapshot was: it is left alone.
        """
        for segment in segments:
            if segment.packed:
                self._forget(run_id)
                self._resting[run_id] = segment.packed
            else:
                self._run(run_id).restore(segment)
                self._stirred.add(run_id)

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
        """Take a snapshot of each run that changed or whose `as_of` moved on, as of now; published as it is recorded.

        In one transaction with what it was made of, so that a worker that was paused can publish nothing old.
        """
        due: dict[str, int] = {}
        for run_id in list(self._moving):
            if not self._runs[run_id].whole:
                continue
            as_of_ms = self._runs[run_id].as_of(now_ms)
            if run_id in self._touched or self._is_due(run_id, as_of_ms, now_ms):
                due[run_id] = as_of_ms
            elif as_of_ms < now_ms:  # else it waits for its time, or for a clock that is behind to come there
                self._moving.discard(run_id)
                self._still_ms[run_id] = now_ms
        at_rest = self._put_to_rest(now_ms)
        if not due and not at_rest:
            return None
        chosen = sorted(due, key=lambda run_id: self._published.get(run_id, _NEVER))[:SNAPSHOTS_A_LOOK]
        decided: list[Outgoing] = []
        for run_id in chosen:
            metrics, events = self._look(run_id, due[run_id], now_ms)
            decided.append(Outgoing("metrics", run_id.encode(), encode(metrics)))
            decided += [Outgoing("alerts", event.fingerprint.encode(), encode(event)) for event in events]
            self._published[run_id] = due[run_id]
            self._touched.discard(run_id)
        return Step({**self._changed(chosen), **at_rest}, decided=decided)

    def _is_due(self, run_id: str, as_of_ms: int, now_ms: int) -> bool:
        """Whether time alone asks for another snapshot (docs/decisions/0070)."""
        passed_ms = as_of_ms - self._published.get(run_id, _NEVER)
        registers = self._runs[run_id]
        if as_of_ms >= now_ms and registers.finished and not registers.alerts:
            return not 0 <= passed_ms < FINISHED_EVERY_MS
        return passed_ms != 0

    def _put_to_rest(self, now_ms: int) -> dict[str, RunSegment]:
        """Packs the registers of runs that nothing has moved for REST_MS; the next thing that comes wakes a run up."""
        due = [run_id for run_id, since_ms in self._still_ms.items() if now_ms - since_ms >= REST_MS]
        at_rest = {run_id: self._runs[run_id].everything().pack() for run_id in due[:RESTS_A_LOOK]}
        for run_id in at_rest:
            self._forget(run_id)
            self._resting[run_id] = at_rest[run_id].packed
        return at_rest

    def _forget(self, run_id: str) -> None:
        self._runs.pop(run_id, None)
        for book in (self._published, self._stirred_ms, self._still_ms):
            book.pop(run_id, None)
        for runs in (self._touched, self._moving, self._stirred):
            runs.discard(run_id)
        self._rules.forget(run_id)

    def _look(self, run_id: str, as_of_ms: int, now_ms: int) -> tuple[RunMetrics, list[AnyAlert]]:
        """The run's snapshot, and what is decided on it; both are in its registers then."""
        registers = self._runs[run_id]
        registers.take_as_of(as_of_ms)
        if run_id in self._stirred:
            self._stirred.discard(run_id)
            self._stirred_ms[run_id] = now_ms
        quiet = now_ms - self._stirred_ms.get(run_id, now_ms) >= QUIET_MS
        metrics = snapshot(registers, as_of_ms)
        rules, silences = self._rules.of(registers, self._runs.get(ALL_RUNS))
        look = Look(registers, metrics, as_of_ms, quiet=quiet)
        decision = alerts.decide(look, registers.alerts or {}, rules, silences, live=as_of_ms >= now_ms)
        registers.take_alerts(decision.states)
        return msgspec.structs.replace(metrics, alerts=decision.active), decision.events

    def recall(self, records: Sequence[ConsumerRecord]) -> None:
        """Takes over what fires by the topic: decisions are read, not taken again (DESIGN.md 5.7)."""
        for record in records:
            event: AnyAlert | None = None if record.value is None else decode("alerts", record.value, record.headers)
            if event is None or not event.run_id or home_of(event.run_id, self._partitions) != self._number:
                continue
            states = dict(self._run(event.run_id).alerts or {})
            if isinstance(event, AlertFiring):
                since_ms = epoch_ms(event.started_at)
                states[event.fingerprint] = AlertState(rule=event.type, status="firing", since_ms=since_ms, said=event)
            else:
                states.pop(event.fingerprint, None)
            self._run(event.run_id).take_alerts(states)

    def again(self, _run_id: str, _segment: RunSegment, _sequence: int) -> Sequence[Outgoing]:
        """Nothing: the next tick says every run's snapshot anew."""
        return ()

    def _run(self, run_id: str) -> RunRegisters:
        if run_id != ALL_RUNS:
            self._touched.add(run_id)
            self._moving.add(run_id)
            self._still_ms.pop(run_id, None)
        registers = self._runs.get(run_id)
        if registers is None:
            registers = self._runs[run_id] = RunRegisters(run_id)
            if run_id in self._resting:
                registers.restore(RunSegment(packed=self._resting.pop(run_id)))
        return registers

    def _changed(self, run_ids: Iterable[str]) -> Mapping[str, RunSegment]:
        changed = {run_id: self._runs[run_id].changed() for run_id in run_ids}
        return {run_id: segment for run_id, segment in changed.items() if segment is not None}

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
            self._stirred.add(message.run_id)
            taken.touched.add(message.run_id)

    def _take_event(self, topic: Told, record: ConsumerRecord, taken: _Taken) -> None:
        event = decode(topic, record.value, record.headers)
        run_id = run_of(event, record.timestamp)
        homes = range(self._partitions) if run_id == ALL_RUNS else [home_of(run_id, self._partitions)]
        for home in homes:
            if home == self._number:
                taken.touched.add(self._keep(event, Stamp(record.timestamp, record.partition, record.offset)))
            else:
                message = PassedOn(topic, record.offset, record.timestamp, encode(event), record.partition)
                taken.passed_on.append(Outgoing("partials", run_id.encode(), msgspec.json.encode(message), home))

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
    if isinstance(event, AlertingEvent):
        return event.run_id or ALL_RUNS
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
    lambda segment: bool(segment.packed),
    rests_on=("ledger.combine",),  # where the sequences of the partials come from
    reread=("runs", "heartbeats"),
    recalls=("alerts",),
)
