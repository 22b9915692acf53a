"""How far: images whose plan is done, of the images planned; each tier of its own images (DESIGN.md 4.3, Processed)."""

from collections.abc import Mapping

from events.runs import RunDeclared, TierPlan
from events.snapshots import Progress, TierProgress
from metrics.figures.throughput import Recent
from metrics.fold.counters import FIRST_MS

Counters = Mapping[str, int]


def progress(
    plan: RunDeclared | None, totals: Counters, by_tier: Mapping[int, Counters], window: Recent, as_of_ms: int
) -> Progress:
    """Progress of the run and of every tier that is planned or has results. `left` counts failed images too."""
    total = plan.total_images if plan else None
    processed = totals.get("processed_subjects", 0)
    planned = {tier.tier: tier for tier in (plan.tiers or [] if plan else [])}
    return Progress(
        total=total,
        processed=processed,
        failed=totals.get("failed_subjects", 0),
        left=None if total is None else max(0, total - processed),
        percent=percent(processed, total),
        tiers=[
            _tier(number, planned.get(number), by_tier.get(number, {}), window, as_of_ms)
            for number in sorted(planned.keys() | by_tier.keys())
        ],
    )


def percent(done: int, of: int | None) -> float | None:
    """0-100, two decimals; None of nothing."""
    return min(100.0, round(100 * done / of, 2)) if of else None


def _since(counters: Counters, window: Recent, as_of_ms: int) -> Recent:
    """The window, or what of it a tier that began within it has had."""
    first_ms = counters.get(FIRST_MS)
    if first_ms is None:
        return window
    return window._replace(span_ms=min(window.span_ms, max(0, as_of_ms - first_ms)))


def _tier(number: int, planned: TierPlan | None, counters: Counters, window: Recent, as_of_ms: int) -> TierProgress:
    window = _since(counters, window, as_of_ms)
    images = planned.images if planned else None
    complete = counters.get("processed_subjects", 0)
    lately = window.by_tier.get(number, {})
    rate = window.per_minute(lately.get("processed_subjects", 0))
    left = None if images is None else max(0, images - complete)
    return TierProgress(
        tier=number,
        name=planned.name if planned else None,
        images=images,
        complete=complete,
        failed=counters.get("failed_subjects", 0),
        percent=percent(complete, images),
        images_per_minute=rate,
        results_per_minute=window.per_minute(lately.get("results", 0)),
        batches=_batches(images, planned),
        batches_complete=_batches(images, planned, complete),
        seconds_left=0.0 if left == 0 else left * 60 / rate if left is not None and rate else None,
    )


def _batches(images: int | None, planned: TierPlan | None, complete: int | None = None) -> int | None:
    """The plan's batches, or those that are complete; None where the plan has no batches."""
    if images is None or planned is None or not planned.batch_size:
        return None
    if complete is not None and complete < images:
        return complete // planned.batch_size
    return -(-images // planned.batch_size)
