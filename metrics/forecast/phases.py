"""Plan against actual, tier by tier: images, time, money and pace as planned, and as they came (S2's phases)."""

from collections.abc import Mapping

from events.numbers import nano_usd
from events.runs import RunDeclared, TierPlan
from events.snapshots import Phase, PhaseFigures, Progress, TierProgress
from metrics.fold import buckets
from metrics.fold.counters import FIRST_MS, LAST_MS

Counters = Mapping[str, int]


def phases(plan: RunDeclared | None, progress: Progress, by_tier: Mapping[int, Counters]) -> list[Phase]:
    """Every tier that is planned or has results; `by_tier`: flat counters of the whole run."""
    planned = {tier.tier: tier for tier in (plan.tiers or [] if plan else [])}
    return [_phase(tier, planned.get(tier.tier), by_tier.get(tier.tier, {})) for tier in progress.tiers]


def _phase(tier: TierProgress, planned: TierPlan | None, counters: Counters) -> Phase:
    first_ms, last_ms = counters.get(FIRST_MS), counters.get(LAST_MS)
    return Phase(
        tier=tier.tier,
        name=tier.name,
        planned=PhaseFigures() if planned is None else _planned(planned, tier.batches),
        actual=_actual(tier.complete, counters),
        began_at=None if first_ms is None else buckets.moment(first_ms),
        last_result_at=None if last_ms is None else buckets.moment(last_ms),
    )


def _planned(planned: TierPlan, batches: int | None) -> PhaseFigures:
    price = None if planned.unit_cost_usd is None else nano_usd(planned.unit_cost_usd)
    seconds = None if batches is None or planned.batch_seconds is None else batches * planned.batch_seconds
    return PhaseFigures(
        images=planned.images,
        seconds=seconds,
        cost_nano_usd=None if price is None or planned.images is None else planned.images * price,
        unit_cost_nano_usd=price,
        images_per_minute=planned.images * 60 / seconds if planned.images is not None and seconds else None,
    )


def _actual(complete: int, counters: Counters) -> PhaseFigures:
    if not counters.get("results"):
        return PhaseFigures()
    cost = counters.get("cost_nano_usd", 0)
    seconds = (counters[LAST_MS] - counters[FIRST_MS]) / 1_000 if FIRST_MS in counters else None
    return PhaseFigures(
        images=complete,
        seconds=seconds,
        cost_nano_usd=cost,
        unit_cost_nano_usd=cost / complete if complete else None,
        images_per_minute=complete * 60 / seconds if seconds else None,
    )
