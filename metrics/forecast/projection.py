"""What the run will have cost, what it would have cost by the baseline, and what is left of the budget.

Per planned tier: spent + images left × that tier's recent cost per image; never total / percent (DESIGN.md 4.3). A
tier's cost per image is that of the last 10 min, else of the run so far, else the plan's (DETAILS.md, Rates). A month
is 30 days at the pace of the last 24 h (S1, Monthly cost projection).
"""

from collections.abc import Mapping
from fractions import Fraction

from events.numbers import nano_usd
from events.runs import RunDeclared, TierPlan
from events.snapshots import Budget, Day, Progress, Projection
from metrics.figures.throughput import Recent
from metrics.fold import buckets

Counters = Mapping[str, int]


def projection(
    plan: RunDeclared | None,
    progress: Progress,
    totals: Counters,
    by_tier: Mapping[int, Counters],
    window: Recent,
    day: Day,
    *,
    finished: bool,
) -> Projection:
    """Of a finished run what it cost: its failed images are tried no more.

    `by_tier_nano_usd` and `other_nano_usd` add up to `projected_nano_usd`, which is null if a price is unknown.

    Without planned tiers, what is left is priced at the run's own cost per image and all of it is `other`.
    """
    spent = totals.get("cost_nano_usd", 0)
    baseline = _baseline(plan)
    tiers = {tier.tier: tier for tier in (plan.tiers or [] if plan else [])}
    breakdown: dict[str, int | None] = {}
    for number, tier in sorted(tiers.items()):
        counters = by_tier.get(number, {})
        left = 0 if finished else max(0, (tier.images or 0) - counters.get("processed_subjects", 0))
        rest = _rest(left, _tier_cost(window.by_tier.get(number, {}), counters, tier))
        breakdown[str(number)] = None if rest is None else counters.get("cost_nano_usd", 0) + rest
    other: int | None = spent - sum(by_tier.get(number, {}).get("cost_nano_usd", 0) for number in tiers)
    if not tiers:
        left_of_run = 0 if finished else progress.left
        rest = None if left_of_run is None else _rest(left_of_run, _run_cost(window.counters, totals))
        other = None if rest is None else spent + rest
    parts = [*breakdown.values(), other]
    known = [part for part in parts if part is not None]
    projected = sum(known) if len(known) == len(parts) else None
    return Projection(
        spent_nano_usd=spent,
        projected_nano_usd=projected,
        by_tier_nano_usd={number: part for number, part in breakdown.items() if part is not None},
        other_nano_usd=spent if other is None else other,
        baseline_name=plan.baseline.name if plan and plan.baseline else None,
        baseline_nano_usd=baseline,
        savings_nano_usd=None if baseline is None or projected is None else baseline - projected,
        monthly_nano_usd=day.cost_nano_usd * 30 * buckets.DAY_MS // day.span_ms if day.span_ms else None,
    )


def budget(plan: RunDeclared | None, projected: Projection, day: Day, *, finished: bool) -> Budget:
    """What the plan allows to be spent, and what is left of it (below zero where it was passed).

    A finished run spends nothing any more, so that nothing runs out.
    """
    if plan is None or plan.budget_usd is None:
        return Budget()
    allocated, spent = nano_usd(plan.budget_usd), projected.spent_nano_usd
    whole = projected.projected_nano_usd
    return Budget(
        allocated_nano_usd=allocated,
        remaining_nano_usd=allocated - spent,
        spent_fraction=spent / allocated if allocated else None,
        projected_fraction=whole / allocated if allocated and whole is not None else None,
        runway_seconds=None if finished else _runway_s(max(0, allocated - spent), day),
    )


def _runway_s(remaining: int, day: Day) -> float | None:
    """How long money lasts at the pace of the last 24 h."""
    return remaining * day.span_ms / day.cost_nano_usd / 1_000 if day.cost_nano_usd and day.span_ms else None


def _baseline(plan: RunDeclared | None) -> int | None:
    if plan is None or plan.baseline is None or plan.total_images is None:
        return None
    return plan.total_images * nano_usd(plan.baseline.unit_cost_usd)


def _tier_cost(lately: Counters, so_far: Counters, planned: TierPlan) -> Fraction | None:
    measured = _run_cost(lately, so_far)
    if measured is not None:
        return measured
    return None if planned.unit_cost_usd is None else Fraction(nano_usd(planned.unit_cost_usd))


def _run_cost(lately: Counters, so_far: Counters) -> Fraction | None:
    """Nano-dollars an image: lately, else so far."""
    for counters in (lately, so_far):
        if images := counters.get("processed_subjects", 0):
            return Fraction(counters.get("cost_nano_usd", 0), images)
    return None


def _rest(left: int, unit_cost: Fraction | None) -> int | None:
    if left == 0:
        return 0
    return None if unit_cost is None else round(left * unit_cost)
