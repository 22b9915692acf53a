"""A snapshot → S0's DashboardMetrics. Pure; every figure comes from the snapshot's integers, divided once."""

from dashboard.bodies.live import (
    Band,
    Costs,
    Current,
    DashboardBody,
    Distribution,
    Doubts,
    Efficiency,
    ModelCost,
    Progress,
    Quality,
    Table,
    Tier,
)
from events.numbers import NANO_PER_USD
from events.snapshots import Counters, RunMetrics

BANDS = ("rich", "good", "medium", "poor")


def usd(nano: int) -> float:
    """Whole nano-dollars → dollars."""
    return nano / NANO_PER_USD


def percent(part: float, whole: float | None) -> float | None:
    """0-100, or None with nothing to divide by."""
    return 100 * part / whole if whole else None


def done(part: int, planned: int | None) -> float | None:
    """Percent of a plan, which more images than planned do not pass."""
    return percent(min(part, planned), planned) if planned else None


def dashboard_body(event: RunMetrics) -> DashboardBody:
    """S0's DashboardMetrics of the snapshot."""
    return DashboardBody(
        run_id=event.run_id or "",
        name=event.name,
        strategy=event.strategy,
        state=event.state,
        as_of=event.as_of,
        started_at=event.started_at,
        last_event_at=event.last_event_at,
        results=event.totals.get("results", 0),
        current=_current(event),
        progress=_progress(event),
        costs=_costs(event),
        quality=_quality(event),
        efficiency=_efficiency(event),
        context=_context(event.by_band),
        tables=_tables(event.totals),
        doubts=_doubts(event),
    )


def _current(event: RunMetrics) -> Current:
    window, busy = event.window_10m, event.operations
    per_minute = window.images_per_minute if window else 0.0
    return Current(
        images_per_minute=per_minute,
        cost_per_minute=window.cost_nano_usd_per_minute / NANO_PER_USD if window else 0.0,
        active_requests=busy.active_requests,
        queue_depth=busy.queue_depth,
        images_per_minute_60s=event.window_60s.images_per_minute if event.window_60s else 0.0,
        images_per_second=per_minute / 60,
        images_per_hour=per_minute * 60,
        results_per_minute=window.results_per_minute if window else 0.0,
        processors=busy.processors,
        capacity=busy.capacity,
        velocity=None if event.state == "finished" else event.velocity,
    )


def _progress(event: RunMetrics) -> Progress:
    progress, eta = event.progress, event.eta
    tiers = [
        Tier(
            tier=tier.tier,
            name=tier.name,
            total=tier.images,
            complete=tier.complete,
            failed=tier.failed,
            percent=done(tier.complete, tier.images),
            images_per_minute=tier.images_per_minute,
            requests_per_second=tier.results_per_minute / 60,
            batches=tier.batches,
            batches_complete=tier.batches_complete,
            eta_seconds=None if event.state == "finished" else tier.seconds_left,
        )
        for tier in progress.tiers
    ]
    complete = {tier.tier: tier.complete for tier in tiers}
    return Progress(
        total=progress.total,
        processed=progress.processed,
        tier1_complete=complete.get(1, 0),
        tier2_complete=complete.get(2, 0),
        tier3_complete=complete.get(3, 0),
        percent_complete=done(progress.processed, progress.total),
        eta=eta.text,
        eta_range=eta.range_text,
        eta_seconds=eta.seconds,
        estimated_completion=eta.completion,
        remaining=progress.left,
        failed=progress.failed,
        failed_percent=percent(progress.failed, progress.total or event.totals.get("subjects")),
        tiers=tiers,
    )


def _costs(event: RunMetrics) -> Costs:
    projection, budget, totals = event.projection, event.budget, event.totals
    spent = projection.spent_nano_usd
    subjects = totals.get("subjects", 0)
    return Costs(
        total_spent=usd(spent),
        projected_total=usd_or_none(projection.projected_nano_usd),
        avg_cost_per_image=usd(spent) / subjects if subjects else None,
        cost_by_tier={tier: usd(group.get("cost_nano_usd", 0)) for tier, group in event.by_tier.items()},
        cost_by_model={model: usd(group.get("cost_nano_usd", 0)) for model, group in event.by_model.items()},
        budget_remaining=usd_or_none(budget.remaining_nano_usd),
        budget_total=usd_or_none(budget.allocated_nano_usd),
        budget_spent_percent=percent(spent, budget.allocated_nano_usd),
        budget_projected_percent=(
            None
            if projection.projected_nano_usd is None
            else percent(projection.projected_nano_usd, budget.allocated_nano_usd)
        ),
        baseline_name=projection.baseline_name,
        baseline_total=usd_or_none(projection.baseline_nano_usd),
        savings=usd_or_none(projection.savings_nano_usd),
        by_model=_by_model(event.by_model, totals.get("results", 0)),
    )


def _by_model(groups: dict[str, Counters], all_results: int) -> list[ModelCost]:
    rows = [
        ModelCost(
            model=model,
            images=group.get("results", 0),
            unit_cost=_unit_cost(group),
            cost=usd(group.get("cost_nano_usd", 0)),
            percent=percent(group.get("results", 0), all_results) or 0.0,
            unpriced=group.get("unpriced", 0),
        )
        for model, group in groups.items()
    ]
    return sorted(rows, key=lambda row: (-row.images, row.model))


def _unit_cost(group: Counters) -> float | None:
    priced = group.get("results", 0) - group.get("unpriced", 0)
    return usd(group.get("cost_nano_usd", 0)) / priced if priced else None


def _quality(event: RunMetrics) -> Quality:
    return Quality(
        avg_confidence=_share(event, "average_confidence"),
        validation_rate=_share(event, "validation_rate"),
        consensus_rate=_share(event, "consensus_rate"),
        error_rate=_share(event, "error_rate"),
        reprocessing_rate=_share(event, "reprocessing_rate"),
    )


def _efficiency(event: RunMetrics) -> Efficiency:
    images = {band: event.by_band.get(band, {}).get("subjects", 0) for band in BANDS}
    return Efficiency(
        cheap_model_usage=_share(event, "cheap_model_usage"),
        expensive_model_usage=_share(event, "expensive_model_usage"),
        context_score_distribution=Distribution(**images),
        context_distribution=Distribution(**images),
        poor_context_percent=_share(event, "poor_context_share"),
        tokens_per_image=event.ratios.get("tokens_per_image"),
    )


def _share(event: RunMetrics, ratio: str) -> float | None:
    """A ratio of the snapshot in percent."""
    return percent_or_none(event.ratios.get(ratio))


def percent_or_none(share: float | None) -> float | None:
    """0-1 → 0-100."""
    return None if share is None else 100 * share


def _context(bands: dict[str, Counters]) -> list[Band]:
    scored = sum(bands.get(band, {}).get("subjects", 0) for band in BANDS)
    if not scored:
        return []
    return [
        Band(
            band=band,
            images=bands.get(band, {}).get("subjects", 0),
            percent=percent(bands.get(band, {}).get("subjects", 0), scored) or 0.0,
            unit_cost=_unit_cost(bands.get(band, {})),
        )
        for band in BANDS
    ]


def _tables(totals: Counters) -> list[Table]:
    records, subjects = totals.get("records", {}), totals.get("subjects", 0)
    added = sum(records.values())
    rows = [
        Table(
            table=table,
            records=count,
            percent=percent(count, added) or 0.0,
            per_image=count / subjects if subjects else None,
        )
        for table, count in records.items()
    ]
    return sorted(rows, key=lambda row: (-row.records, row.table))


def _doubts(event: RunMetrics) -> Doubts:
    totals = event.totals
    return Doubts(
        unpriced=totals.get("unpriced", 0),
        untimed=totals.get("untimed", 0),
        duplicates=totals.get("duplicates", 0),
        late_events=totals.get("late_events", 0),
        clock_skewed_events=totals.get("clock_skewed_events", 0),
        after_seal=totals.get("after_seal", 0),
        retries=totals.get("retries", 0),
        truncated=list(event.truncated),
    )


def usd_or_none(nano: int | None) -> float | None:
    """The same where it may be unknown."""
    return None if nano is None else usd(nano)
