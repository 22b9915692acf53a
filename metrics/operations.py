"""How busy: each processor's newest heartbeat of the last 2 min, added up (DETAILS.md, Alerts)."""

from events.snapshots import Operations

from . import buckets
from .registers import RunRegisters

HEARTBEAT_MS = 2 * buckets.MINUTE_MS


def operations(registers: RunRegisters, as_of_ms: int) -> Operations:
    """Queue, open calls and capacity at `as_of`; a stopped processor does not count."""
    live = [
        heartbeat.event
        for heartbeat in registers.heartbeats.values()
        if as_of_ms - HEARTBEAT_MS <= heartbeat.effective_ms <= as_of_ms + buckets.SKEW_MS
        and heartbeat.event.state != "stopped"
    ]
    return Operations(
        processors=len(live),
        queue_depth=sum(event.queue_depth for event in live),
        active_requests=sum(event.active_requests for event in live),
        capacity=sum(event.capacity or 0 for event in live),
    )
