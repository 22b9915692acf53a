"""A run's life: declared with its plan, changed, paused, resumed, finished; its processors' word on commands; and what
people decide about its alerts: rules and silences."""

from typing import Annotated, Literal

import msgspec

from .envelope import Bounded, Count, Event, Fraction, Id, Label, Milliseconds, Severity, Text, Tier, Time, Usd


class TierPlan(msgspec.Struct, kw_only=True, frozen=True, omit_defaults=True):
    """A step of the plan: how many images, by which model, at what price each, in batches of what size and time."""

    tier: Tier
    name: Label | None = None
    images: Count | None = None
    model: Label | None = None
    unit_cost_usd: Usd | None = None
    batch_size: Count | None = None
    batch_seconds: Annotated[float, msgspec.Meta(ge=0, le=10**9)] | None = None


class Baseline(msgspec.Struct, kw_only=True, frozen=True, omit_defaults=True):
    """What the run is compared with: every image by one model at one price."""

    name: Label
    unit_cost_usd: Usd
    latency_ms: Milliseconds | None = None


class Sla(msgspec.Struct, kw_only=True, frozen=True, omit_defaults=True):
    """What was promised: a latency, a share of failed results, an end."""

    latency_ms: Milliseconds | None = None
    error_rate: Fraction | None = None
    deadline: Time | None = None


class RunEvent(Event, kw_only=True, frozen=True, omit_defaults=True):
    """Any event of a run's life: it names its run."""

    run_id: Id  # narrowed: the envelope's is optional
    reason: Text | None = None
    issued_by: Label | None = None


class Plan(RunEvent, kw_only=True, frozen=True, omit_defaults=True):
    """The plan's fields. In `run.updated` None means unchanged.

    `targets`: indicator (S3) → what is aimed at, in the indicator's unit, instead of its default; and
    `confidence_threshold`, 0-1. `baselines`: indicator → what was measured before, to be compared with.
    """

    name: Label | None = None
    strategy: Label | None = None
    started_at: Time | None = None
    total_images: Count | None = None
    tiers: Annotated[list[TierPlan], Bounded] | None = None
    tier_order: Literal["series", "parallel"] | None = None
    budget_usd: Annotated[float, msgspec.Meta(ge=0, le=10**9)] | None = None
    baseline: Baseline | None = None
    cheap_models: Annotated[list[Label], Bounded] | None = None
    sla: Sla | None = None
    value_weights_usd: Annotated[dict[Label, Usd], Bounded] | None = None
    targets: Annotated[dict[Label, float], Bounded] | None = None
    baselines: Annotated[dict[Label, float], Bounded] | None = None


class RunDeclared(Plan, tag="run.declared", kw_only=True, frozen=True, omit_defaults=True):
    """Work over many images begins, with this plan. Declared again, the newer plan replaces the older."""


class RunUpdated(Plan, tag="run.updated", kw_only=True, frozen=True, omit_defaults=True):
    """The fields of the plan that are given change."""


class RunPaused(RunEvent, tag="run.paused", kw_only=True, frozen=True, omit_defaults=True):
    """The processor stopped making new calls."""


class RunResumed(RunEvent, tag="run.resumed", kw_only=True, frozen=True, omit_defaults=True):
    """The processor makes calls again."""


class RunFinished(RunEvent, tag="run.finished", kw_only=True, frozen=True, omit_defaults=True):
    """The processor is done with the run."""


class CommandAcknowledged(RunEvent, tag="command.acknowledged", kw_only=True, frozen=True, omit_defaults=True):
    """A processor took a command, refused it, or says that it took effect."""

    command_id: Id
    outcome: Literal["accepted", "refused", "effective"] = "accepted"
    processor_id: Label | None = None


class RuleChange(msgspec.Struct, kw_only=True, frozen=True, omit_defaults=True):
    """The fields of an alert rule that are given change; None: unchanged. What each is: `metrics.alerts.rules.Rule`.

    A name that no rule has yet makes one: then `metric`, a threshold and the texts are needed.
    """

    enabled: bool | None = None
    metric: Label | None = None
    above: float | None = None
    below: float | None = None
    levels: Annotated[dict[Severity, float], Bounded] | None = None
    clear: float | None = None
    window_s: Annotated[float, msgspec.Meta(ge=10, le=3600)] | None = None
    for_s: Annotated[float, msgspec.Meta(ge=0, le=86_400)] | None = None
    min_samples: Count | None = None
    severity: Severity | None = None
    no_data: Literal["resolve", "keep", "fire"] | None = None
    message: Text | None = None
    action: Text | None = None


class AlertingEvent(Event, kw_only=True, frozen=True, omit_defaults=True):
    """What somebody decides about alerts, of one run or, without `run_id`, of all runs."""

    reason: Text | None = None
    issued_by: Label | None = None


class RulesChanged(AlertingEvent, tag="rules.changed", kw_only=True, frozen=True, omit_defaults=True):
    """Alert rules change, by name. Of two changes of one field the newer holds; a run's own go before those of all."""

    rules: Annotated[dict[Label, RuleChange], Bounded]


class AlertSilenced(AlertingEvent, tag="alert.silenced", kw_only=True, frozen=True, omit_defaults=True):
    """Alerts that fit are held back until `until`: those of a rule, of a fingerprint, or, without either, all.

    One that begins meanwhile stays pending and fires afterwards if its condition still holds.
    """

    silence_id: Id
    until: Time
    rule: Label | None = None
    fingerprint: Id | None = None


class AlertUnsilenced(AlertingEvent, tag="alert.unsilenced", kw_only=True, frozen=True, omit_defaults=True):
    """A silence ends before its time."""

    silence_id: Id


AnyRunEvent = (
    RunDeclared
    | RunUpdated
    | RunPaused
    | RunResumed
    | RunFinished
    | CommandAcknowledged
    | RulesChanged
    | AlertSilenced
    | AlertUnsilenced
)
