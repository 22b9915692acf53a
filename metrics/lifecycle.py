"""A run's plan and whether it goes on, as its own events tell, in the order of their offsets (DESIGN.md 4.2, runs)."""

from typing import Literal

import msgspec

from events.runs import AnyRunEvent, CommandAcknowledged, RunDeclared, RunFinished, RunPaused, RunResumed, RunUpdated

from .identity import identity

_PLAN_FIELDS = (
    "name", "strategy", "started_at", "total_images", "tiers", "tier_order", "budget_usd", "baseline", "cheap_models",
    "sla", "value_weights_usd",
)  # fmt: skip


class Lifecycle(msgspec.Struct, frozen=True, kw_only=True):
    """What the run's events say. `plan` holds the newest plan with its updates; `seen` the ids that were taken."""

    plan: RunDeclared | None = None
    declared: bool = False
    phase: Literal["open", "paused", "finished"] = "open"
    next_offset: int = 0
    recorded_ms: int | None = None
    seen: tuple[str, ...] = ()

    def take(self, event: AnyRunEvent, offset: int, recorded_ms: int) -> "Lifecycle":
        """The life after an event. An older offset or an id that was taken changes nothing but the position."""
        if offset < self.next_offset:
            return self
        latest_ms = recorded_ms if self.recorded_ms is None else max(self.recorded_ms, recorded_ms)
        after = msgspec.structs.replace(self, next_offset=offset + 1, recorded_ms=latest_ms)
        id_ = identity(event.event_id).hex()
        if isinstance(event, CommandAcknowledged) or id_ in self.seen:
            return after
        return _taken(msgspec.structs.replace(after, seen=(*self.seen, id_)), event)


def _taken(life: Lifecycle, event: AnyRunEvent) -> Lifecycle:
    replace = msgspec.structs.replace
    match event:
        case RunDeclared():
            return replace(life, plan=event, declared=True, phase="open")
        case RunUpdated():
            return replace(life, plan=_updated(life.plan, event))
        case RunPaused():
            return replace(life, phase="paused")
        case RunResumed():
            return replace(life, phase="open")
        case RunFinished():
            return replace(life, phase="finished")
        case _:
            return life


def _updated(plan: RunDeclared | None, update: RunUpdated) -> RunDeclared:
    said = {name: getattr(update, name) for name in _PLAN_FIELDS if getattr(update, name) is not None}
    if plan is None:
        plan = RunDeclared(event_id=update.event_id, event_time=update.event_time, run_id=update.run_id)
    return msgspec.structs.replace(plan, **said)
