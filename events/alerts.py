"""An alert begins and ends: two events an episode, never more."""

from typing import Annotated

import msgspec

from .envelope import Bounded, Event, Id, Label, Severity, Text, Time


class Evidence(msgspec.Struct, kw_only=True, frozen=True, omit_defaults=True):
    """What the alert rests on: an event by its id, or the run's newest record of a partition that was counted.

    `first_offset`: where that partition stood when the condition first held; the records from there to `offset` came
    while it held.
    """

    event_id: Id | None = None
    topic: Label | None = None
    partition: int | None = None
    offset: int | None = None
    first_offset: int | None = None


class Alert(Event, kw_only=True, frozen=True, omit_defaults=True):
    """`fingerprint` names the condition, `episode_id` this firing of it: both deterministic (DESIGN.md 5.7)."""

    fingerprint: Id
    episode_id: Id
    severity: Severity
    type: Label
    message: Text
    action: Text
    metric: Label
    value: float | None = None
    threshold: float | None = None
    labels: Annotated[dict[Label, Label], Bounded] | None = None
    started_at: Time
    ended_at: Time | None = None
    evidence: Annotated[list[Evidence], Bounded] | None = None


class AlertFiring(Alert, tag="alert.firing", kw_only=True, frozen=True, omit_defaults=True):
    """The condition has held for as long as its rule asks."""


class AlertResolved(Alert, tag="alert.resolved", kw_only=True, frozen=True, omit_defaults=True):
    """The condition is over; `ended_at` says since when."""


AnyAlert = AlertFiring | AlertResolved
