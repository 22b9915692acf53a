"""A run's plan and whether it goes on, as its own events tell (DESIGN.md 4.2, runs); its alert rules and silences.

Each field of the plan, the phase, each field of a rule, and each silence is a register: the newest event that speaks of
it holds. Newest is by arrival, which orders events of all partitions alike (a producer may not have keyed them by run),
then by position. So it does not matter in which order the partitions are read.
"""

from typing import Any, Literal, NamedTuple

import msgspec

from events.envelope import epoch_ms
from events.runs import (
    AlertSilenced,
    AlertUnsilenced,
    AnyRunEvent,
    CommandAcknowledged,
    RuleChange,
    RulesChanged,
    RunDeclared,
    RunFinished,
    RunPaused,
    RunResumed,
    RunUpdated,
)

from .identity import identity

_PLAN_FIELDS = (
    "name", "strategy", "started_at", "total_images", "tiers", "tier_order", "budget_usd", "baseline", "cheap_models",
    "sla", "value_weights_usd", "targets", "baselines",
)  # fmt: skip


_PHASE = "phase"
_NO_PLAN = dict.fromkeys(_PLAN_FIELDS)


class Stamp(NamedTuple):
    """Where a record of `runs` or `heartbeats` stands among those of all partitions: the higher is the newer."""

    recorded_ms: int
    partition: int
    offset: int


_BEFORE_ALL = Stamp(-1, 0, 0)


class Silence(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Alerts that are held back until then: of a rule, of a fingerprint, or all. One that was ended is over at 0."""

    until_ms: int
    rule: str | None = None
    fingerprint: str | None = None
    reason: str | None = None
    issued_by: str | None = None


_ENDED = Silence(until_ms=0)


class Lifecycle(msgspec.Struct, frozen=True, kw_only=True):
    """What the run's events say. `plan` holds the newest plan with its updates; `seen` the ids that were taken.

    `said`: field of the plan, `phase`, `rule NAME FIELD` or `silence ID` → the event that said it last. `rules`: what
    was changed of alert rules, by name; `silences` by id.
    """

    plan: RunDeclared | None = None
    declared: bool = False
    phase: Literal["open", "paused", "finished"] = "open"
    said: dict[str, Stamp] = {}
    rules: dict[str, RuleChange] = {}
    silences: dict[str, Silence] = {}
    recorded_ms: int | None = None
    seen: tuple[str, ...] = ()

    def take(self, event: AnyRunEvent, at: Stamp) -> "Lifecycle":
        """The life after an event; an id that was taken changes nothing but the time of the newest record."""
        latest_ms = at.recorded_ms if self.recorded_ms is None else max(self.recorded_ms, at.recorded_ms)
        after = self if latest_ms == self.recorded_ms else msgspec.structs.replace(self, recorded_ms=latest_ms)
        id_ = identity(event.event_id).hex()
        if isinstance(event, CommandAcknowledged) or id_ in self.seen:
            return after
        return _taken(msgspec.structs.replace(after, seen=(*self.seen, id_)), event, at)


def _taken(life: Lifecycle, event: AnyRunEvent, at: Stamp) -> Lifecycle:
    match event:
        case RunDeclared():
            planned = _planned(life, event, at, _NO_PLAN | _given(event))
            return _in_phase(msgspec.structs.replace(planned, declared=True), "open", at)
        case RunUpdated():
            return _planned(life, event, at, _given(event))
        case RunPaused():
            return _in_phase(life, "paused", at)
        case RunResumed():
            return _in_phase(life, "open", at)
        case RunFinished():
            return _in_phase(life, "finished", at)
        case RulesChanged():
            return _ruled(life, event, at)
        case AlertSilenced():
            silence = Silence(
                until_ms=epoch_ms(event.until),
                rule=event.rule,
                fingerprint=event.fingerprint,
                reason=event.reason,
                issued_by=event.issued_by,
            )
            return _silenced(life, event.silence_id, silence, at)
        case AlertUnsilenced():
            return _silenced(life, event.silence_id, _ENDED, at)
        case _:
            return life


def _given(event: RunDeclared | RunUpdated) -> dict[str, Any]:
    said = {"event_id": event.event_id, "event_time": event.event_time}
    return said | {name: getattr(event, name) for name in _PLAN_FIELDS if getattr(event, name) is not None}


def _planned(life: Lifecycle, event: RunDeclared | RunUpdated, at: Stamp, fields: dict[str, Any]) -> Lifecycle:
    newer = {name: value for name, value in fields.items() if at > life.said.get(name, _BEFORE_ALL)}
    plan = life.plan or RunDeclared(event_id=event.event_id, event_time=event.event_time, run_id=event.run_id)
    said = life.said | dict.fromkeys(newer, at)
    return msgspec.structs.replace(life, plan=msgspec.structs.replace(plan, **newer), said=said)


def _in_phase(life: Lifecycle, phase: Literal["open", "paused", "finished"], at: Stamp) -> Lifecycle:
    if at < life.said.get(_PHASE, _BEFORE_ALL):
        return life
    return msgspec.structs.replace(life, phase=phase, said=life.said | {_PHASE: at})


_THRESHOLD = ("above", "below", "levels", "clear")


def _ruled(life: Lifecycle, event: RulesChanged, at: Stamp) -> Lifecycle:
    """A threshold is one register: who gives it anew, gives all of it."""
    rules, said = dict(life.rules), dict(life.said)
    for name, change in event.rules.items():
        given = {field: value for field, value in msgspec.structs.asdict(change).items() if value is not None}
        for field in sorted({"threshold" if field in _THRESHOLD else field for field in given}):
            key = f"rule {name} {field}"
            if at > said.get(key, _BEFORE_ALL):
                fields = _THRESHOLD if field == "threshold" else (field,)
                newer = {one: given.get(one) for one in fields}
                rules[name] = msgspec.structs.replace(rules.get(name, RuleChange()), **newer)
                said[key] = at
    return msgspec.structs.replace(life, rules=rules, said=said)


def _silenced(life: Lifecycle, silence_id: str, silence: Silence, at: Stamp) -> Lifecycle:
    key = f"silence {silence_id}"
    if at < life.said.get(key, _BEFORE_ALL):
        return life
    return msgspec.structs.replace(life, silences=life.silences | {silence_id: silence}, said=life.said | {key: at})
