"""An alert that is not inactive: its name, which firing of it this is, and what is remembered of it."""

from collections.abc import Mapping
from typing import Literal

import msgspec

from events.alerts import AlertFiring
from metrics.fold import buckets
from metrics.fold.identity import identity


class AlertState(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An alert that is not inactive. Times are `as_of` of the look that found it so.

    `since_ms`: the condition first held, with the log at `offsets`. `inside_ms`: of a firing one, since when the value
    has been on the good side. `over`: resolved in the bucket that it began in, where a new episode would have its id.
    """

    rule: str
    status: Literal["pending", "firing", "over"]
    since_ms: int
    inside_ms: int | None = None
    offsets: dict[str, dict[str, int]] = {}
    said: AlertFiring | None = None


States = Mapping[str, AlertState]
"""Fingerprint → state."""


def fingerprint_of(run_id: str, rule: str, labels: Mapping[str, str]) -> str:
    """The alert's name: the same whenever this rule is broken by the same thing in the same run."""
    return identity(msgspec.json.encode([run_id, rule, sorted(labels.items())]).decode()).hex()


def episode_of(fingerprint: str, since_ms: int) -> str:
    """The name of one firing: when its condition first held decides it."""
    return identity(f"{fingerprint}\n{buckets.bucket_start(since_ms, buckets.BUCKET_MS)}").hex()
