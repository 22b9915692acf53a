"""How busy and how well it runs: each processor's newest heartbeat of the last 2 min, and S0's operational ratios."""

from events.snapshots import Operations, RateLimit
from metrics.fold import buckets
from metrics.registers import Heartbeat, RunRegisters

from .formula import n
from .ratio import Ratio

HEARTBEAT_MS = 2 * buckets.MINUTE_MS

RATIOS = (
    Ratio(
        "success_rate",
        "operations",
        "0-1",
        "Results that did not fail / results.",
        (n("success") + n("partial")) / n("results"),
    ),
    Ratio("retry_rate", "operations", "0-1", "Results with `attempt` over 1 / results.", n("retries") / n("results")),
    Ratio(
        "retrying_share",
        "operations",
        "0-1",
        "Failed results that will be tried again / failed results.",
        n("retrying") / n("failed"),
    ),
    Ratio(
        "mean_latency_ms",
        "operations",
        "ms",
        "Mean of the results with a latency.",
        n("latency_ms_sum") / n("latency_count"),
    ),
    Ratio(
        "sla_compliance",
        "operations",
        "0-1",
        "Results within the latency that the plan promises / results with a latency (from the histogram, within 1 %).",
        n("within_sla") / n("latency_count"),
    ),
    Ratio(
        "completion_rate",
        "operations",
        "0-1",
        "Images whose plan is done / images.",
        n("processed_subjects") / n("subjects"),
    ),
    Ratio(
        "batch_completion_rate",
        "operations",
        "0-1",
        "Complete batches / batches, as the plan cuts its images.",
        n("batches_complete") / n("batches"),
    ),
    Ratio(
        "availability",
        "operations",
        "0-1",
        "Minutes of the last 24 h with a success / those with a result.",
        n("minutes_with_success") / n("minutes_with_result"),
    ),
)


def operations(registers: RunRegisters, as_of_ms: int) -> Operations:
    """Queue, open calls, capacity and rate limits at `as_of`; a stopped processor does not count."""
    live = [
        heartbeat
        for heartbeat in registers.heartbeats.values()
        if as_of_ms - HEARTBEAT_MS <= heartbeat.effective_ms <= as_of_ms + buckets.SKEW_MS
        and heartbeat.event.state != "stopped"
    ]
    return Operations(
        processors=len(live),
        queue_depth=sum(heartbeat.event.queue_depth for heartbeat in live),
        active_requests=sum(heartbeat.event.active_requests for heartbeat in live),
        capacity=sum(heartbeat.event.capacity or 0 for heartbeat in live),
        rate_limits=rate_limits(live),
    )


def rate_limits(heartbeats: list[Heartbeat]) -> dict[str, RateLimit]:
    """Provider → what the newest of these heartbeats says of its limit. A limit is the account's: nothing adds up."""
    found: dict[str, RateLimit] = {}
    for heartbeat in sorted(heartbeats, key=lambda one: one.at):
        event = heartbeat.event
        if event.provider is not None and event.rate_limit is not None and event.rate_limit_remaining is not None:
            limit, remaining = event.rate_limit, event.rate_limit_remaining
            found[event.provider] = RateLimit(
                limit=limit, remaining=remaining, headroom=min(1.0, remaining / limit) if limit else None
            )
    return dict(sorted(found.items()))
