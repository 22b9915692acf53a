"""A snapshot → the other bodies of the API: a row in a list of runs, what is going on now, what it will cost. Pure."""

from dashboard.bodies.live import (
    Activity,
    CostProjection,
    Performance,
    ProviderHealth,
    RealtimeBody,
    RecentError,
    RunRow,
)
from dashboard.live.figures import done, percent, usd, usd_or_none
from events.numbers import NANO_PER_USD
from events.snapshots import Counters, RunMetrics

NAMED_PROVIDERS = ("openai", "anthropic", "aws")
"""S0's apiHealth names these whether or not a run uses them."""
DEGRADED_PERCENT, DOWN_PERCENT = 5.0, 50.0


def run_row(event: RunMetrics) -> RunRow:
    """The run in a list of runs."""
    return RunRow(
        run_id=event.run_id or "",
        name=event.name,
        state=event.state,
        as_of=event.as_of,
        started_at=event.started_at,
        percent_complete=done(event.progress.processed, event.progress.total),
        results=event.totals.get("results", 0),
        total_spent=usd(event.projection.spent_nano_usd),
        firing=sum(alert.state == "firing" and alert.silenced_by is None for alert in event.alerts),
    )


def realtime_body(event: RunMetrics, rows: list[Activity], errors: list[RecentError]) -> RealtimeBody:
    """S0's RealtimeMetrics: the last 60 s of the snapshot beside the feed's rows."""
    window, totals, latency = event.window_60s, event.totals, event.latency.totals
    return RealtimeBody(
        run_id=event.run_id or "",
        as_of=event.as_of,
        images_per_minute=window.images_per_minute if window else 0.0,
        results_per_minute=window.results_per_minute if window else 0.0,
        cost_per_minute=window.cost_nano_usd_per_minute / NANO_PER_USD if window else 0.0,
        recent_activity=rows,
        recent_errors=errors,
        performance=Performance(
            p50_response_time=latency.p50 if latency else None,
            p95_response_time=latency.p95 if latency else None,
            p99_response_time=latency.p99 if latency else None,
            timeout_rate=percent(totals.get("timeouts", 0), totals.get("results")),
        ),
        api_health={
            provider: _health(event.by_provider.get(provider, {}))
            for provider in dict.fromkeys((*NAMED_PROVIDERS, *event.by_provider))
        },
    )


def cost_projection(event: RunMetrics) -> CostProjection:
    """S0's cost projection."""
    projection = event.projection
    breakdown = {f"tier{tier}": usd(nano) for tier, nano in projection.by_tier_nano_usd.items()}
    if projection.other_nano_usd:
        breakdown["other"] = usd(projection.other_nano_usd)
    return CostProjection(
        current_spend=usd(projection.spent_nano_usd),
        projected_total=usd_or_none(projection.projected_nano_usd),
        remaining_images=event.progress.left,
        estimated_completion=event.eta.completion,
        breakdown=breakdown,
    )


def _health(group: Counters) -> ProviderHealth:
    error_rate = percent(group.get("failed", 0), group.get("results"))
    timed = group.get("latency_count", 0)
    if error_rate is None:
        status = "unknown"
    else:
        status = "down" if error_rate > DOWN_PERCENT else "degraded" if error_rate > DEGRADED_PERCENT else "ok"
    return ProviderHealth(
        status=status, latency=group.get("latency_ms_sum", 0) / timed if timed else None, error_rate=error_rate
    )
