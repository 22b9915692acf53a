"""Alerts as the `alerts` topic tells them: what fires, what is over, and where a stream goes on after it broke."""

import logging
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from aiokafka.structs import ConsumerRecord

from dashboard.bodies.alerts import AlertEvidence, AlertRow, AlertsBody
from events import codec
from events.alerts import Alert, AlertFiring, AlertResolved
from events.envelope import Severity
from events.refusals import Refused
from events.snapshots import ActiveAlert, RunMetrics
from metrics.alerts.rules import GRAVITY
from metrics.alerts.signals import SIGNALS

log = logging.getLogger(__name__)

KEPT = 2_000
"""Events that are remembered: a history that is longer is ClickHouse's."""


class Told(NamedTuple):
    """An event of the topic. `id`: how far the topic had been read with it, the offset of each partition."""

    id: str
    event: Alert


class Wanted(NamedTuple):
    """Which alerts are asked for; None is any."""

    run: str | None = None
    state: str | None = None
    severity: str | None = None
    type: str | None = None
    model: str | None = None
    since: datetime | None = None
    until: datetime | None = None

    def __contains__(self, row: object) -> bool:
        return isinstance(row, AlertRow) and (
            self.run in (None, row.run_id)
            and self.state in (None, row.state)
            and self.severity in (None, row.severity)
            and self.type in (None, row.type)
            and self.model in (None, row.labels.get("model"))
            and (self.until is None or row.started_at < self.until)
            and (self.since is None or row.ended_at is None or row.ended_at >= self.since)
        )


class LiveAlerts:
    """The last 2,000 events and all that fires; `changed` is told of each event as it comes."""

    def __init__(self, changed: Callable[[Told], None]) -> None:
        self._changed = changed
        self._told: deque[Told] = deque(maxlen=KEPT)
        self._firing: dict[str, AlertFiring] = {}
        self._read: dict[int, int] = {}
        self.unreadable = 0

    def take(self, records: Sequence[ConsumerRecord]) -> None:
        """Takes records of the topic, in offset order of each partition."""
        for record in records:
            if record.value is None:
                continue
            try:
                event = codec.decode("alerts", record.value, record.headers)
            except Refused as refused:
                self.unreadable += 1
                log.warning("the alert at offset %d of partition %d: %s", record.offset, record.partition, refused)
                continue
            self.tell(event, record.partition, record.offset)

    def tell(self, event: Alert, partition: int, offset: int) -> None:
        """Takes the next event of a partition."""
        self._read[partition] = offset
        if isinstance(event, AlertFiring):
            self._firing[event.fingerprint] = event
        else:
            self._firing.pop(event.fingerprint, None)
        self._told.append(Told(self._position(), event))
        self._changed(self._told[-1])

    def after(self, position: str) -> list[Told]:
        """What was told after a `Told.id`; what is older than the memory is not."""
        seen = _offsets(position)
        return [told for told in self._told if _is_beyond(_offsets(told.id), seen)]

    def body(self, wanted: Wanted, snapshots: Iterable[RunMetrics], limit: int) -> AlertsBody:
        """What fires and what is over by the topic, what is pending by the runs' newest snapshots."""
        newest = {(run.run_id, alert.fingerprint): alert for run in snapshots for alert in run.alerts}
        firing = [row_of(event, newest.get((event.run_id, event.fingerprint))) for event in self._firing.values()]
        pending = [_pending(run_id, alert) for (run_id, _), alert in newest.items() if alert.state == "pending"]
        over = [row_of(told.event) for told in reversed(self._told) if isinstance(told.event, AlertResolved)]
        return AlertsBody(
            firing=sorted((row for row in firing if row in wanted), key=_gravest)[:limit],
            pending=sorted((row for row in pending if row in wanted), key=_gravest)[:limit],
            history=[row for row in over if row in wanted][:limit],
        )

    def _position(self) -> str:
        return ".".join(str(self._read.get(number, "")) for number in range(max(self._read) + 1))


def row_of(event: Alert, now: ActiveAlert | None = None) -> AlertRow:
    """An event as the API shows it; `now`: the same alert on its run's newest snapshot."""
    is_over = isinstance(event, AlertResolved)
    return AlertRow(
        severity=event.severity,
        type=event.type,
        message=event.message,
        action=event.action,
        timestamp=event.event_time,
        state="resolved" if is_over else "firing",
        run_id=event.run_id,
        fingerprint=event.fingerprint,
        episode_id=event.episode_id,
        metric=event.metric,
        unit=unit_of(event.metric),
        value=event.value if now is None else now.value,
        threshold=event.threshold if now is None else now.threshold,
        labels=dict(event.labels or {}),
        started_at=event.started_at,
        ended_at=event.ended_at,
        silenced_by=None if now is None else now.silenced_by,
        evidence=[
            AlertEvidence(
                event_id=item.event_id,
                topic=item.topic,
                partition=item.partition,
                offset=item.offset,
                first_offset=item.first_offset,
            )
            for item in event.evidence or ()
        ],
    )


def _pending(run_id: str | None, alert: ActiveAlert) -> AlertRow:
    return AlertRow(
        severity=alert.severity,
        type=alert.type,
        message=alert.message,
        action=alert.action,
        timestamp=alert.since,
        state="pending",
        run_id=run_id,
        fingerprint=alert.fingerprint,
        episode_id=alert.episode_id,
        metric=alert.metric,
        unit=unit_of(alert.metric),
        value=alert.value,
        threshold=alert.threshold,
        labels=alert.labels,
        started_at=alert.since,
        ended_at=None,
        silenced_by=alert.silenced_by,
        evidence=[],
    )


def unit_of(metric: str) -> str:
    """The metric's unit; the log may hold alerts of metrics that are gone."""
    return SIGNALS[metric].unit if metric in SIGNALS else ""


def _gravest(row: AlertRow) -> tuple[int, float, str]:
    severity: Severity = row.severity
    return -GRAVITY[severity], -row.started_at.timestamp(), row.fingerprint


def _offsets(position: str) -> Mapping[int, int]:
    parts = enumerate(position.split("."))
    return {number: int(part) for number, part in parts if part.isascii() and part.isdigit()}


def _is_beyond(offsets: Mapping[int, int], seen: Mapping[int, int]) -> bool:
    return any(offset > seen.get(number, -1) for number, offset in offsets.items())
