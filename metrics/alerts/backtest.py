"""When alert rules would have fired: the log told again in its own time, before anyone turns them on."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import NamedTuple

import msgspec

from events.alerts import AlertFiring, AlertResolved
from events.envelope import Event, Severity, epoch_ms
from events.heartbeats import ProcessorHeartbeat
from events.runs import AlertingEvent
from metrics.fold import buckets
from metrics.fold.lifecycle import Stamp
from metrics.fold.partition import TOPICS, Fold, Record, Topic
from metrics.registers import LIVE_MS, RunRegisters
from metrics.snapshot import snapshot

from .look import Look
from .rules import Armed
from .states import decide

_AT_ONCE = 5_000


class Arrived(NamedTuple):
    """A record as it came: topic without prefix, where it stands, when it came, and the event in it."""

    topic: str
    partition: int
    offset: int
    recorded_ms: int
    event: Event


class Episode(msgspec.Struct, kw_only=True):
    """One firing that would have been. `resolved_at` null: it would still fire."""

    run_id: str
    rule: str
    severity: Severity
    labels: dict[str, str]
    message: str
    value: float | None
    threshold: float | None
    began_at: datetime
    fired_at: datetime
    resolved_at: datetime | None = None
    seconds: float | None = None


class Backtest:
    """Records in the order of their arrival in, episodes out.

    Args:
        rules: those that are tried, the same for every run.
        since_ms: looks begin then; all that came before is counted, as it would have been.
        run_id: only this run; None for all.
        step_ms: from one look to the next; live it is a second.
    """

    def __init__(
        self, rules: Mapping[str, Armed], since_ms: int, run_id: str | None = None, step_ms: int = 5_000
    ) -> None:
        self.episodes: list[Episode] = []
        self.last_ms = buckets.NEVER
        self._rules = rules
        self._run_id = run_id
        self._step_ms = step_ms
        self._next_ms = since_ms
        self._sequence = 0
        self._folds: dict[int, Fold] = defaultdict(Fold)
        self._waiting: dict[int, list[Record]] = defaultdict(list)
        self._runs: dict[str, RunRegisters] = {}
        self._firing: dict[str, Episode] = {}

    def take(self, records: Iterable[Arrived]) -> None:
        """The next records."""
        for record in records:
            self._look_until(record.recorded_ms)
            self.last_ms = max(self.last_ms, record.recorded_ms)
            event = record.event
            if isinstance(event, AlertingEvent):
                continue
            run_id = buckets.effective_run(event, buckets.effective_ms(epoch_ms(event.event_time), record.recorded_ms))
            if self._run_id not in (None, run_id):
                continue
            at = Stamp(record.recorded_ms, record.partition, record.offset)
            if record.topic in TOPICS:
                topic: Topic = "results" if record.topic == "results" else "feedback"
                self._waiting[record.partition].append(Record(topic, record.offset, record.recorded_ms, event))
                if len(self._waiting[record.partition]) >= _AT_ONCE:
                    self._fold()
            elif isinstance(event, ProcessorHeartbeat):
                self._run(run_id).take_heartbeat(event, at)
            elif record.topic == "runs":
                self._run(run_id).take_run_event(event, at)  # type: ignore[arg-type]

    def finish(self, until_ms: int) -> list[Episode]:
        """After the last record: looks go on until `until_ms`, at most for an hour."""
        self._look_until(min(until_ms, self.last_ms + LIVE_MS))
        return self.episodes

    def _look_until(self, moment_ms: int) -> None:
        """Looks that are due before a record; what was quiet for an hour has nothing new to show."""
        while self._next_ms < moment_ms:
            self._fold()
            for registers in self._runs.values():
                self._look(registers, self._next_ms)
            self._next_ms += self._step_ms
            if self._next_ms - self.last_ms > LIVE_MS:
                behind = (moment_ms - self._next_ms) // self._step_ms
                self._next_ms += max(0, behind) * self._step_ms

    def _fold(self) -> None:
        for partition, records in self._waiting.items():
            if records:
                self._sequence += 1
                for run_id, segment in self._folds[partition].apply(records).items():
                    self._run(run_id).take_partials(segment.partials(run_id, partition, self._sequence))
                records.clear()

    def _look(self, registers: RunRegisters, now_ms: int) -> None:
        as_of_ms = registers.as_of(now_ms)
        if as_of_ms != now_ms and not registers.alerts:
            return
        look = Look(registers, snapshot(registers, as_of_ms), as_of_ms, quiet=True)
        decision = decide(look, registers.alerts or {}, self._rules, {}, live=as_of_ms == now_ms)
        registers.take_alerts(decision.states)
        for event in decision.events:
            self._note(event)

    def _note(self, event: AlertFiring | AlertResolved) -> None:
        if isinstance(event, AlertFiring):
            episode = Episode(
                run_id=event.run_id or "",
                rule=event.type,
                severity=event.severity,
                labels=dict(event.labels or {}),
                message=event.message,
                value=event.value,
                threshold=event.threshold,
                began_at=event.started_at,
                fired_at=event.event_time,
            )
            self._firing[event.fingerprint] = episode
            self.episodes.append(episode)
        else:
            episode = self._firing.pop(event.fingerprint)
            episode.resolved_at = event.event_time
            episode.seconds = max(0.0, (event.event_time - episode.fired_at).total_seconds())

    def _run(self, run_id: str) -> RunRegisters:
        registers = self._runs.get(run_id)
        if registers is None:
            registers = self._runs[run_id] = RunRegisters(run_id)
        return registers
