"""The health score of a run's processing (S3, System health): 0-100, the mean of the parts that are known.

| part (0-1) | is |
|---|---|
| `success` | results of the last 10 min (else of the run) that did not fail |
| `availability` | minutes with a success / minutes with a result, last 24 h |
| `responsiveness` | results within the latency promised; only with a promise |
| `headroom` | the smallest rate limit's share that is left, full from 20 % on; only with heartbeats that tell it |
| `flow` | 0 while stalled, else 1 |
"""

from collections.abc import Mapping

from events.snapshots import Health, Healthy, Operations, Sla, State

from .formula import Figures, n

HEALTHY, DEGRADED = 90.0, 70.0
ENOUGH_HEADROOM = 0.2
_SUCCESS = (n("success") + n("partial")) / n("results")
_AVAILABILITY = n("minutes_with_success") / n("minutes_with_result")


def health(figures: Figures, window: Mapping[str, int], busy: Operations, promised: Sla, state: State) -> Health:
    """`figures` of the run; `window`: flat counters of its last 10 min. Nothing is healthy before a first result."""
    if not figures.get("results"):
        return Health()
    headrooms = [limit.headroom for limit in busy.rate_limits.values() if limit.headroom is not None]
    parts = {
        "success": _SUCCESS.value(window if window.get("results") else figures),
        "availability": _AVAILABILITY.value(figures),
        "responsiveness": promised.within_latency,
        "headroom": min(1.0, min(headrooms) / ENOUGH_HEADROOM) if headrooms else None,
        "flow": 0.0 if state == "stalled" else 1.0,
    }
    known = {name: part for name, part in parts.items() if part is not None}
    score = 100 * sum(known.values()) / len(known)
    return Health(score=score, status=status(score), parts=known)


def status(score: float) -> Healthy:
    """A score in a word."""
    return "healthy" if score >= HEALTHY else "degraded" if score >= DEGRADED else "unhealthy"
