"""The body of `GET /api/alerts`: S0's Alert, with which run, since when and why."""

from datetime import datetime
from typing import Literal

from dashboard.bodies.live import Body
from events.envelope import Severity


class AlertEvidence(Body, frozen=True, kw_only=True):
    """An event by its id, or the run's newest record of a partition that was counted (`firstOffset`: at its begin)."""

    event_id: str | None
    topic: str | None
    partition: int | None
    offset: int | None
    first_offset: int | None


class AlertRow(Body, frozen=True, kw_only=True):
    """S0's Alert, and which, since when and why. `timestamp`: when it fired; of a pending one when it began.

    `value` and `threshold` are in the metric's `unit` (fraction, usd, s, ms, count, score; empty for a metric that is
    no longer known); of a firing one of a live run `value` is that of the newest snapshot.
    """

    severity: Severity
    type: str
    message: str
    action: str
    timestamp: datetime
    state: Literal["pending", "firing", "resolved"]
    run_id: str | None
    fingerprint: str
    episode_id: str
    metric: str
    unit: str
    value: float | None
    threshold: float | None
    labels: dict[str, str]
    started_at: datetime
    ended_at: datetime | None
    silenced_by: str | None
    evidence: list[AlertEvidence]


class AlertsBody(Body, frozen=True, kw_only=True):
    """`firing` and `pending` the gravest first, `history` (resolved ones) the newest first."""

    firing: list[AlertRow]
    pending: list[AlertRow]
    history: list[AlertRow]
