"""Bucket arithmetic, lateness, clock skew and sealing: integer milliseconds, half-open, aligned to the epoch.

DESIGN.md 4.3 (Bucket, Identity); DETAILS.md, Time.
"""

from datetime import datetime, timedelta
from functools import lru_cache
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from events.envelope import EPOCH, Event

Moments = TypeVar("Moments", int, npt.NDArray[np.int64])
"""One moment or many, in ms since 1970."""

SECOND_MS = 1_000
MINUTE_MS = 60_000
HOUR_MS = 3_600_000
DAY_MS = 86_400_000

SKEW_MS = 5 * MINUTE_MS
LATE_MS = DAY_MS

BUCKET_MS = 10 * SECOND_MS
"""Width of the finest rows; minute rows stand beside them."""
KEPT_MS = {BUCKET_MS: HOUR_MS, MINUTE_MS: DAY_MS + SKEW_MS + MINUTE_MS}
"""Width of a row's bucket → how far behind the run's watermark it is kept live.

A watermark may be 5 min ahead of the clock, from which figures look back 24 h: hence a little more than that.
"""
SEAL_AFTER_MS = 90 * DAY_MS

NEVER = -(1 << 62)
"""The time of what has not happened: `watermark_ms` and `first_event_ms` of a run without a result."""


def effective_ms(event_ms: int, recorded_ms: int) -> int:
    """When an event counts: its own time, or its arrival if it claims to be over 5 min after that (clock skew)."""
    return recorded_ms if event_ms - recorded_ms > SKEW_MS else event_ms


def all_effective_ms(event_ms: npt.NDArray[np.int64], recorded_ms: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """The same of many."""
    return np.where(event_ms - recorded_ms > SKEW_MS, recorded_ms, event_ms)


def effective_run(event: Event, effective: int) -> str:
    """The run an event belongs to: its own, else `default-YYYY-MM` of its effective time in ms."""
    return event.run_id or default_run(effective // DAY_MS)


@lru_cache(maxsize=4096)
def default_run(day: int) -> str:
    """The default run of a day since 1970."""
    date = EPOCH + timedelta(days=day)
    return f"default-{date.year:04d}-{date.month:02d}"


def bucket_start(moment_ms: Moments, width_ms: int) -> Moments:
    """Start of the bucket that holds a moment, or of those that hold some."""
    return moment_ms - moment_ms % width_ms


def late_before(watermark_ms: Moments) -> Moments:
    """What happened before this counts in no bucket: more than 24 h behind its run's watermark in its partition."""
    return watermark_ms - LATE_MS


def last_expired(width_ms: int, watermark_ms: Moments) -> Moments:
    """Start of the last bucket that lies wholly behind what is kept of its width."""
    return watermark_ms - (KEPT_MS[width_ms] + width_ms)


def is_expired(bucket_ms: int, width_ms: int, watermark_ms: int) -> bool:
    """Whether a bucket is kept no more; it is never touched again."""
    return bucket_ms <= last_expired(width_ms, watermark_ms)


def is_sealed(last_recorded_ms: int, partition_ms: int, seal_after_ms: int) -> bool:
    """Whether a partition's record time has left a run behind that had its last record at `last_recorded_ms`."""
    return partition_ms - last_recorded_ms > seal_after_ms


def moment(epoch_ms: int) -> datetime:
    """Milliseconds since 1970 as an aware datetime."""
    return EPOCH + timedelta(milliseconds=epoch_ms)
