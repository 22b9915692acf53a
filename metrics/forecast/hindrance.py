"""Why a run stands still, and what limits one that runs (S0, Bottleneck identification; DESIGN.md 4.3, stalled).

The first cause that the log shows, in this order: a provider whose rate limit is used up; a provider that fails; no
processor that says it lives; all calls under way taken; else the tier that has the most time left, or nothing known.
"""

from events.snapshots import Hindrance, Operations, Progress, State
from metrics.figures.operations import rate_limits
from metrics.figures.throughput import WINDOW_10M_MS
from metrics.fold import buckets
from metrics.fold.groups import Group
from metrics.registers import RunRegisters

from . import eta

FAILING = 0.5
"""A provider fails where more than this share of its results did."""
FEWEST_RESULTS = 5
FULL = 0.9
"""Calls under way / capacity from which processors are full."""
SCARCE = 0.05
"""A rate limit of which less is left holds a run up."""


def stalled(registers: RunRegisters, state: State, progress: Progress) -> Hindrance | None:
    """Why nothing came; None unless the run is stalled. A heartbeat of any age speaks: the dead say no more."""
    last_ms = registers.last_event_ms
    if state != "stalled" or last_ms is None:
        return None
    beats = sorted(registers.heartbeats.values(), key=lambda one: one.at)
    waiting = [tier.tier for tier in progress.tiers if tier.images is not None and tier.images > tier.complete]
    tier = waiting[0] if waiting else None
    open_requests = sum(beat.event.active_requests for beat in beats if beat.event.state != "stopped")
    silent = f"no result since {buckets.moment(last_ms):%H:%M:%S} UTC" + (f", tier {tier}" if tier is not None else "")

    def found(kind: str, why: str, provider: str | None = None) -> Hindrance:
        return Hindrance(
            kind=kind,  # type: ignore[arg-type]
            text=f"{silent}: {why}",
            tier=tier,
            provider=provider,
            open_requests=open_requests,
            last_event_at=buckets.moment(last_ms),
        )

    for provider, limit in rate_limits(beats).items():
        if limit.remaining == 0:
            return found("rate_limit", f"the rate limit of {provider} is used up ({limit.limit})", provider)
    failing = _failing(registers, last_ms)
    if failing is not None:
        provider, share = failing
        return found("provider", f"{share:.0%} of the last results of {provider} failed", provider)
    if beats and all(beat.effective_ms < last_ms or beat.event.state == "stopped" for beat in beats):
        return found("processors", "no processor has said anything since")
    if open_requests:
        return found("capacity", f"{open_requests} calls are open and do not answer")
    return found("unknown", "no open calls, no rate limit, no failing provider is known")


def bottleneck(registers: RunRegisters, state: State, progress: Progress, busy: Operations) -> Hindrance | None:
    """What limits a run that runs; None where nothing is known to, and in any other state."""
    last_ms = registers.last_event_ms
    if state != "running" or last_ms is None:
        return None
    for provider, limit in busy.rate_limits.items():
        if limit.headroom is not None and limit.headroom < SCARCE:
            return Hindrance(
                kind="rate_limit",
                text=f"{limit.headroom:.0%} of the rate limit of {provider} is left",
                provider=provider,
            )
    failing = _failing(registers, last_ms)
    if failing is not None:
        provider, share = failing
        text = f"{share:.0%} of the results of {provider} in the last 10 min failed"
        return Hindrance(kind="provider", text=text, provider=provider)
    if busy.capacity and busy.queue_depth and busy.active_requests >= FULL * busy.capacity:
        text = f"{busy.active_requests} of {busy.capacity} calls are under way and {busy.queue_depth} images wait"
        return Hindrance(kind="capacity", text=text, open_requests=busy.active_requests)
    slowest = max(progress.tiers, key=lambda tier: tier.seconds_left or 0, default=None)
    if slowest is None or not slowest.seconds_left:
        return None
    text = (
        f"tier {slowest.tier} has {eta.text(slowest.seconds_left)} left at {slowest.images_per_minute:.1f} images/min"
    )
    return Hindrance(kind="tier", text=text, tier=slowest.tier)


def _failing(registers: RunRegisters, last_ms: int) -> tuple[str, float] | None:
    """The provider of which most failed in the 10 min before the last result, and its share; None where none does."""
    sums: dict[Group, list[int]] = {}
    for _, group, counters in registers.bucket_rows(buckets.BUCKET_MS, last_ms - WINDOW_10M_MS, last_ms):
        if group[0] == "provider":
            count = sums.setdefault(group, [0, 0])
            count[0] += counters.get("failed", 0)
            count[1] += counters.get("results", 0)
    shares = {provider: failed / n for (_, provider), (failed, n) in sums.items() if n >= FEWEST_RESULTS}
    worst = max(sorted(shares), key=lambda provider: shares[provider], default=None)
    return None if worst is None or shares[worst] <= FAILING else (worst, shares[worst])
