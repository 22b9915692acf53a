"""What people decide about alerts: rules and silences, as events on `runs`, and what is in force by them."""

from collections.abc import Iterable
from datetime import datetime

import msgspec

from dashboard.bodies.live import Body
from dashboard.pages.formats import short, written
from events.envelope import Severity
from events.runs import AlertingEvent, AlertSilenced, AlertUnsilenced, RuleChange, RulesChanged
from events.sdk.ids import uuid7
from events.sdk.reader import Entry, Reader
from events.sdk.security import OPEN, Security
from metrics.alerts.rules import BUILT_IN, Rule, changed, conditions
from metrics.alerts.signals import SIGNALS, Signal
from metrics.fold.buckets import moment
from metrics.fold.lifecycle import Lifecycle, Stamp


class RuleRow(Body, frozen=True, kw_only=True):
    """A rule in force; `metrics.alerts.rules.Rule` says what each field is.

    `about`: what the metric is, `unit`: its unit. `limit`: the thresholds in words, multiples of what the metric is
    compared with as "1.50 times". `changed`: by an event.
    """

    name: str
    enabled: bool
    metric: str
    about: str
    unit: str
    limit: str
    by: str | None
    above: float | None
    below: float | None
    levels: dict[Severity, float] | None
    clear: float | None
    window_s: float
    for_s: float
    min_samples: int
    severity: Severity
    no_data: str
    message: str
    action: str
    changed: bool


class SilenceRow(Body, frozen=True, kw_only=True):
    """A silence that is not over; `runId` null: of all runs."""

    silence_id: str
    run_id: str | None
    rule: str | None
    fingerprint: str | None
    until: datetime
    reason: str | None
    issued_by: str | None


class RulesBody(Body, frozen=True, kw_only=True):
    """`problems`: changes in the log that cannot be applied, and why."""

    rules: list[RuleRow]
    silences: list[SilenceRow]
    problems: list[str]


async def rules_of(
    bootstrap: str, prefix: str, run_id: str | None, now: datetime, security: Security = OPEN
) -> RulesBody:
    """What is in force for a run, or for all. Raises SdkError."""
    async with Reader(bootstrap, "runs", prefix=prefix, security=security) as reader:
        entries = [entry async for entry in reader.to_now() if isinstance(entry.event, AlertingEvent)]
    return in_force(entries, run_id, now)


def in_force(entries: Iterable[Entry], run_id: str | None, now: datetime) -> RulesBody:
    """The same, of the log's events about alerts."""
    lives = _lives(entries, run_id)
    rules, problems = changed(BUILT_IN, *(life.rules for life in lives.values()))
    names = {name for life in lives.values() for name in life.rules}
    silences = [
        SilenceRow(
            silence_id=silence_id,
            run_id=of,
            rule=silence.rule,
            fingerprint=silence.fingerprint,
            until=moment(silence.until_ms),
            reason=silence.reason,
            issued_by=silence.issued_by,
        )
        for of, life in lives.items()
        for silence_id, silence in life.silences.items()
        if moment(silence.until_ms) > now
    ]
    return RulesBody(
        rules=[_row(name, rule, is_changed=name in names) for name, rule in rules.items()],
        silences=silences,
        problems=problems,
    )


def effective(entries: Iterable[Entry], run_id: str | None) -> tuple[dict[str, Rule], list[str]]:
    """The rules by name, those that are off included, and what is wrong with changes in the log."""
    return changed(BUILT_IN, *(life.rules for life in _lives(entries, run_id).values()))


def _lives(entries: Iterable[Entry], run_id: str | None) -> dict[str | None, Lifecycle]:
    """What was said of all runs (None), then what was said of this one."""
    lives: dict[str | None, Lifecycle] = {None: Lifecycle(), run_id: Lifecycle()}
    for entry in entries:
        event = entry.event
        if event.run_id in lives:
            at = Stamp(entry.position.timestamp_ms, entry.position.partition, entry.position.offset)
            lives[event.run_id] = lives[event.run_id].take(event, at)
    return lives


def _row(name: str, rule: Rule, *, is_changed: bool) -> RuleRow:
    signal = SIGNALS[rule.metric]
    fields = msgspec.structs.asdict(rule)
    return RuleRow(
        name=name,
        about=signal.docs,
        unit=signal.unit,
        limit=_limit(rule, signal),
        by=signal.label,
        changed=is_changed,
        **fields,
    )


def _limit(rule: Rule, signal: Signal) -> str:
    """The rule's thresholds as a page writes them; of a relative one they are multiples of its reference."""

    def said(threshold: float) -> str:
        return f"{short(threshold)} times" if signal.is_relative else written(threshold, signal.unit)

    edges = conditions(rule)
    side = "above" if edges[0].is_above else "below"
    if rule.levels is None:
        return f"{side} {said(edges[0].threshold)}"
    return f"{side} " + ", ".join(f"{said(edge.threshold)} ({edge.severity})" for edge in edges)


def rules_changed(
    run_id: str | None, rules: dict[str, RuleChange], reason: str | None, issued_by: str, now: datetime, source: str
) -> RulesChanged:
    """The event of changed rules."""
    return RulesChanged(
        event_id=uuid7(), event_time=now, run_id=run_id, source=source, reason=reason, issued_by=issued_by, rules=rules
    )


def silenced(
    run_id: str | None,
    until: datetime,
    rule: str | None,
    fingerprint: str | None,
    reason: str | None,
    issued_by: str,
    now: datetime,
    source: str,
) -> AlertSilenced:
    """The event of a new silence."""
    name = uuid7()
    return AlertSilenced(
        event_id=name,
        event_time=now,
        run_id=run_id,
        source=source,
        reason=reason,
        issued_by=issued_by,
        silence_id=name,
        until=until,
        rule=rule,
        fingerprint=fingerprint,
    )


def unsilenced(
    run_id: str | None, silence_id: str, reason: str | None, issued_by: str, now: datetime, source: str
) -> AlertUnsilenced:
    """The event of a silence's end."""
    return AlertUnsilenced(
        event_id=uuid7(),
        event_time=now,
        run_id=run_id,
        source=source,
        reason=reason,
        issued_by=issued_by,
        silence_id=silence_id,
    )
