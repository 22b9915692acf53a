"""Alerts: inactive → pending → firing → resolved, as a pure function of what was, a look at the run, and the rules.

What comes of it is a recorded decision (DESIGN.md 5.7): it is written with the events it gave rise to, and read by a
replay, not taken again. An alert is one rule, one of its levels, and one value of its metric's label; its fingerprint
is a hash of these and the run, its episode a hash of the fingerprint and the bucket in which the condition first held.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Literal, NamedTuple

import msgspec

from events.alerts import AlertFiring, AlertResolved, Evidence
from events.envelope import MAX_ITEMS, Severity
from events.snapshots import ActiveAlert
from metrics.episodes import AlertState, States, episode_of, fingerprint_of
from metrics.fold import buckets
from metrics.fold.identity import identity
from metrics.fold.lifecycle import Silence

from .look import Look, Reading
from .rules import GRAVITY, Armed, Condition, Rule
from .signals import read

RESOLVED_AFTER_S = 60
"""A value must stay on the good side for so long (DETAILS.md, Alerts)."""
SHOWN = 50
"""Active alerts on a snapshot, firing ones first, the gravest first."""
LEVEL = "level"
SOURCE = "imageledger"


class Decision(NamedTuple):
    """The states after, what is to be said, and the alerts that are active, as a snapshot shows them."""

    states: dict[str, AlertState]
    events: list[AlertFiring | AlertResolved]
    active: list[ActiveAlert]


Verdict = Literal["holds", "between", "over", "unknown"]


class _Case(NamedTuple):
    """One alert to look at: a rule, one of its thresholds, and one reading of its metric."""

    fingerprint: str
    rule: Armed
    condition: Condition
    reading: Reading
    labels: dict[str, str]
    verdict: Verdict


def decide(
    look: Look, before: States, rules: Mapping[str, Armed], silences: Mapping[str, Silence], *, live: bool
) -> Decision:
    """What holds now, given what held.

    Args:
        look: the run at `as_of`.
        before: the states that the last decision left.
        rules: those in force for the run.
        silences: by id; those that fit and are not over hold alerts back.
        live: whether `as_of` goes by the clock. A run that is finished, or not live any more, has no alerts.
    """
    states: dict[str, AlertState] = {}
    events: list[AlertFiring | AlertResolved] = []
    active: list[ActiveAlert] = []
    if live and look.metrics.state != "finished":
        for case in _cases(look, before, rules):
            silence = _silence(case, silences, look.as_of_ms)
            state = _next(look, case, before.get(case.fingerprint), is_silenced=silence is not None)
            if state is None:
                continue
            states[case.fingerprint] = state
            if state.said is not None and not _is_firing(before.get(case.fingerprint)):
                events.append(state.said)
            if state.status != "over":
                active.append(_active(case, state, silence))
    for fingerprint, state in before.items():
        was_firing = _is_firing(state) and not _is_firing(states.get(fingerprint))
        if was_firing:
            events.append(_resolved(state, look))
        if (was_firing or state.status == "over") and _began_now(state, look):
            states[fingerprint] = msgspec.structs.replace(state, status="over", inside_ms=None, said=None)
    return Decision(states, events, sorted(active, key=_order)[:SHOWN])


def _cases(look: Look, before: States, rules: Mapping[str, Armed]) -> Iterator[_Case]:
    """Every alert that begins or is active already, those of what has no reading any more included."""
    run_id, seen = look.registers.run_id, set()
    for one in rules.values():
        for reading in read(look, one.rule.metric, round(one.rule.window_s * 1000)):
            for condition in one.conditions:
                verdict = _verdict(one.rule, condition, reading)
                if verdict != "holds" and not before:
                    continue
                labels = {one.label: reading.label} if one.label else {}
                if one.rule.levels is not None:
                    labels[LEVEL] = condition.severity
                fingerprint = fingerprint_of(run_id, one.name, labels)
                seen.add(fingerprint)
                yield _Case(fingerprint, one, condition, reading, labels, verdict)
    for fingerprint in before.keys() - seen:
        gone = _gone(fingerprint, before[fingerprint], rules)
        if gone is not None:
            yield gone


def _gone(fingerprint: str, state: AlertState, rules: Mapping[str, Armed]) -> _Case | None:
    """A firing alert about something that its metric does not name any more; None where its rule is off or another."""
    one, said = rules.get(state.rule), state.said
    if one is None or said is None or one.rule.metric != said.metric:
        return None
    labels, reading = dict(said.labels or {}), Reading(None)
    for condition in one.conditions:
        if labels.get(LEVEL, condition.severity) == condition.severity:
            return _Case(fingerprint, one, condition, reading, labels, _verdict(one.rule, condition, reading))
    return None


_WITHOUT_DATA: dict[str, Verdict] = {"resolve": "over", "keep": "unknown", "fire": "holds"}


def _verdict(rule: Rule, condition: Condition, reading: Reading) -> Verdict:
    if reading.value is None or (reading.samples is not None and reading.samples < rule.min_samples):
        return _WITHOUT_DATA[rule.no_data]
    if condition.holds(reading.value, reading.reference):
        return "holds"
    return "over" if condition.is_over(reading.value, reading.reference) else "between"


def _next(look: Look, case: _Case, before: AlertState | None, *, is_silenced: bool) -> AlertState | None:
    verdict, now_ms = case.verdict, look.as_of_ms
    if before is not None and before.status == "over":
        if _began_now(before, look):
            return before
        before = None
    if before is None:
        if verdict != "holds":
            return None
        offsets = look.metrics.source_offsets
        before = AlertState(rule=case.rule.name, status="pending", since_ms=now_ms, offsets=offsets)
    if verdict == "unknown":
        return before
    if before.status == "pending":
        if verdict != "holds":
            return None
        if is_silenced or _seconds(before.since_ms, now_ms) < case.rule.rule.for_s:
            return before
        return msgspec.structs.replace(before, status="firing", said=_firing(look, case, before))
    if verdict != "over":
        return before if before.inside_ms is None else msgspec.structs.replace(before, inside_ms=None)
    if before.inside_ms is None:
        return msgspec.structs.replace(before, inside_ms=now_ms)
    return None if _seconds(before.inside_ms, now_ms) >= RESOLVED_AFTER_S else before


def _seconds(since_ms: int, now_ms: int) -> int:
    """From one look to another, by the seconds that they stand for: a look a second is never quite one apart."""
    return now_ms // buckets.SECOND_MS - since_ms // buckets.SECOND_MS


def _firing(look: Look, case: _Case, state: AlertState) -> AlertFiring:
    run_id, metrics = look.registers.run_id, look.metrics
    episode_id = episode_of(case.fingerprint, state.since_ms)
    return AlertFiring(
        event_id=_event_id(episode_id, "firing", look),
        event_time=metrics.as_of,
        run_id=run_id,
        source=SOURCE,
        fingerprint=case.fingerprint,
        episode_id=episode_id,
        severity=case.condition.severity,
        type=case.rule.name,
        message=_message(case),
        action=case.rule.rule.action,
        metric=case.rule.rule.metric,
        value=case.reading.value,
        threshold=_threshold(case),
        labels=case.labels or None,
        started_at=buckets.moment(state.since_ms),
        evidence=_evidence(look, state),
    )


def _resolved(state: AlertState, look: Look) -> AlertResolved:
    """The end of an episode, in the words of its beginning. `ended_at`: since when the value was on the good side."""
    said = state.said
    assert said is not None
    fields: dict[str, Any] = msgspec.structs.asdict(said)
    ended_ms = max(state.since_ms, look.as_of_ms if state.inside_ms is None else state.inside_ms)
    return AlertResolved(
        **fields
        | {
            "event_id": _event_id(said.episode_id, "resolved", look),
            "event_time": look.metrics.as_of,
            "ended_at": buckets.moment(ended_ms),
        }
    )


def _evidence(look: Look, state: AlertState) -> list[Evidence]:
    """The snapshot that was decided on, and the records that came while the condition held, by partition."""
    found = [Evidence(event_id=look.metrics.event_id, topic="metrics")]
    for topic, offsets in look.metrics.source_offsets.items():
        for partition, next_offset in offsets.items():
            first = state.offsets.get(topic, {}).get(partition, 0)
            at = int(partition)
            found.append(Evidence(topic=topic, partition=at, offset=next_offset - 1, first_offset=max(0, first - 1)))
    return found[:MAX_ITEMS]


def _active(case: _Case, state: AlertState, silence: str | None) -> ActiveAlert:
    said = state.said
    return ActiveAlert(
        fingerprint=case.fingerprint,
        episode_id=episode_of(case.fingerprint, state.since_ms),
        state="firing" if said is not None else "pending",
        severity=case.condition.severity,
        type=case.rule.name,
        message=_message(case) if said is None else said.message,
        action=case.rule.rule.action if said is None else said.action,
        metric=case.rule.rule.metric,
        value=case.reading.value,
        threshold=_threshold(case),
        labels=case.labels,
        since=buckets.moment(state.since_ms),
        firing_since=None if said is None else said.event_time,
        silenced_by=silence,
    )


def _message(case: _Case) -> str:
    return case.rule.rule.message.replace("{label}", case.reading.label)


def _threshold(case: _Case) -> float:
    return case.condition.threshold * case.reading.reference


def _silence(case: _Case, silences: Mapping[str, Silence], as_of_ms: int) -> str | None:
    """The first silence that holds the alert back."""
    for silence_id, silence in silences.items():
        if (
            as_of_ms < silence.until_ms
            and silence.rule in (None, case.rule.name)
            and silence.fingerprint in (None, case.fingerprint)
        ):
            return silence_id
    return None


def _event_id(episode_id: str, what: str, look: Look) -> str:
    return identity(f"{episode_id}\n{what}\n{look.as_of_ms}").hex()


def _began_now(state: AlertState, look: Look) -> bool:
    """Whether an episode that began now would have the same name."""
    began, now = (buckets.bucket_start(moment_ms, buckets.BUCKET_MS) for moment_ms in (state.since_ms, look.as_of_ms))
    return began == now


def _is_firing(state: AlertState | None) -> bool:
    return state is not None and state.status == "firing"


def _order(alert: ActiveAlert) -> tuple[bool, int, Any, str]:
    severity: Severity = alert.severity
    return alert.state != "firing", -GRAVITY[severity], alert.since, alert.fingerprint
