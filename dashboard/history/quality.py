"""S1's figures out of the store's counters: ratios, means, what changed, and where money could be saved."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from dashboard.bodies.quality import (
    Advice,
    Change,
    ComponentFigures,
    Heat,
    ModelFigures,
    Point,
    QualityBody,
    Spending,
    StageCost,
    StageFigures,
    TypeFigures,
)
from events.envelope import epoch_ms
from sinks.reading import quality as stored
from sinks.reading.chosen import Chosen
from sinks.reading.history import History
from sinks.reading.quality import Figures, Slot, Stage

STEPS_S = (60, 300, 900, 3_600, 21_600, 86_400, 604_800)
MOST_POINTS = 120
DAYS_A_MONTH = 30
FEWEST = 20
"""Results that each half needs before they are compared."""
STEADY = 2.0
"""Percent of change that is none."""
DEAR = 1.5
"""Times the mean cost of a component from which a type is called dear."""
MOST_OF_COST = 50.0
CLOSE = 2.0
"""Points of accuracy by which a cheaper model may be worse and still be an opportunity."""
ACCURACY = "classification_accuracy"
_NONE = Figures(
    results=0, failed=0, components=0, cost_nano_usd=0, failed_cost_nano_usd=0, priced=0, cache_hits=0,
    latency_ms_sum=0, timed=0, percentiles=[], scores_micro={}, score_counts={},
)  # fmt: skip


def quality(history: History, chosen: Chosen) -> QualityBody:
    """The page's body. Blocks; raises ClickHouseError."""
    span = stored.span(history, chosen)
    if span is None:
        return _nothing(chosen)
    step = _step(span[1] - span[0])
    middle_ms = (epoch_ms(span[0]) + epoch_ms(span[1])) // 2
    groups = stored.groups(history, chosen, step * 1000, middle_ms)
    totals, types, models, points = groups.totals, groups.types, groups.models, groups.points
    stages = stored.stages(history, chosen)
    days = max((span[1] - span[0]).total_seconds(), 3_600) / 86_400
    plan, spent = stored.budget(history, chosen.run) if chosen.run else (None, None)
    by_type = [TypeFigures(component_type=name, **figures(types[name])) for name in sorted(types)]
    by_model = [ModelFigures(model=name, **figures(models[name])) for name in sorted(models)]
    breakdown = stage_figures(stages)
    return QualityBody(
        start=span[0],
        end=span[1],
        totals=ComponentFigures(**figures(totals)),
        by_component_type=by_type,
        by_model=by_model,
        step_seconds=step,
        points=[Point(at=datetime.fromtimestamp(ms / 1000, UTC), **figures(points[ms])) for ms in sorted(points)],
        stages=breakdown,
        stage_costs=[_stage_cost(stage) for stage in stages if stage.priced],
        heat=heat(groups.slots),
        spending=spending(totals.cost_nano_usd / 1e9 / days, plan, spent),
        changes=changes(groups.halves),
        opportunities=opportunities(totals, by_type, by_model, breakdown),
    )


def _nothing(chosen: Chosen) -> QualityBody:
    return QualityBody(
        start=chosen.start, end=chosen.end, totals=ComponentFigures(**figures(_NONE)), by_component_type=[],
        by_model=[], step_seconds=STEPS_S[0], points=[], stages=[], stage_costs=[], heat=[],
        spending=spending(0, None, None), changes=[], opportunities=[],
    )  # fmt: skip


def _step(span: timedelta) -> int:
    return next((step for step in STEPS_S if span.total_seconds() / step <= MOST_POINTS), STEPS_S[-1])


def _percent(part: float, whole: float) -> float | None:
    return 100 * part / whole if whole else None


def figures(counted: Figures) -> dict[str, Any]:
    """The fields of ComponentFigures."""
    p50, p95, p99 = counted.percentiles if counted.timed else (None, None, None)
    usd = counted.cost_nano_usd / 1e9
    return {
        "results": counted.results,
        "components": counted.components,
        "success_rate": _percent(counted.results - counted.failed, counted.results),
        "cache_hit_rate": _percent(counted.cache_hits, counted.results),
        "cost": usd,
        "cost_per_component": usd / counted.components if counted.components and counted.priced else None,
        "mean_latency": counted.latency_ms_sum / counted.timed if counted.timed else None,
        "p50": p50,
        "p95": p95,
        "p99": p99,
        "scores": {
            name: total / counted.score_counts[name] / 1e4 for name, total in sorted(counted.scores_micro.items())
        },
    }


def stage_figures(stages: Sequence[Stage]) -> list[StageFigures]:
    """Each stage over all component types, the slowest first."""
    names = {stage.stage for stage in stages}
    all_ms, all_usd = sum(stage.ms_sum for stage in stages), sum(stage.usd_sum for stage in stages)

    def of(name: str) -> StageFigures:
        mine = [stage for stage in stages if stage.stage == name]
        ms, timed, usd = (sum(getattr(stage, field) for stage in mine) for field in ("ms_sum", "timed", "usd_sum"))
        return StageFigures(
            stage=name,
            mean_ms=ms / timed if timed else None,
            time_share=_percent(ms, all_ms),
            cost=usd,
            cost_share=_percent(usd, all_usd),
        )

    return sorted(map(of, names), key=lambda stage: (-(stage.mean_ms or 0), stage.stage))


def _stage_cost(stage: Stage) -> StageCost:
    each = stage.usd_sum / stage.priced
    return StageCost(component_type=stage.component_type, stage=stage.stage, cost=stage.usd_sum, cost_per_result=each)


def heat(slots: Sequence[Slot]) -> list[Heat]:
    """A row for each component type."""
    found = {(slot.component_type, slot.hour): slot for slot in slots}

    def row(name: str) -> Heat:
        hours = [found.get((name, hour)) for hour in range(24)]
        return Heat(
            component_type=name,
            latency=[slot.latency_ms_sum / slot.timed if slot and slot.timed else None for slot in hours],
            results=[slot.results if slot else 0 for slot in hours],
            error_rate=[_percent(slot.failed, slot.results) if slot else None for slot in hours],
        )

    return [row(name) for name in sorted({slot.component_type for slot in slots})]


def spending(per_day: float, budget: float | None, spent: float | None) -> Spending:
    """A month at this pace, and how long the budget lasts."""
    known = budget is not None and spent is not None and per_day > 0
    return Spending(
        per_day=per_day or None,
        monthly=per_day * DAYS_A_MONTH or None,
        budget=budget,
        spent=spent,
        runway_days=max(0.0, (budget or 0) - (spent or 0)) / per_day if known else None,
    )


def changes(halves: Mapping[int, Figures]) -> list[Change]:
    """The later half against the earlier; none where a half has too few results."""
    before, after = halves.get(0, _NONE), halves.get(1, _NONE)
    if min(before.results, after.results) < FEWEST:
        return []
    old, new = figures(before), figures(after)
    found = [
        _change(name, unit, old[field], new[field], more_is_better=better) for name, unit, field, better in _COMPARED
    ]
    found += [
        _change(name, "percent", old["scores"][name], new["scores"][name], more_is_better=True)
        for name in old["scores"]
        if name in new["scores"]
    ]
    return [change for change in found if change is not None]


Unit = Literal["percent", "ms", "usd"]
_COMPARED: tuple[tuple[str, Unit, str, bool], ...] = (
    ("success_rate", "percent", "success_rate", True),
    ("p95_latency", "ms", "p95", False),
    ("mean_latency", "ms", "mean_latency", False),
    ("cost_per_component", "usd", "cost_per_component", False),
    ("cache_hit_rate", "percent", "cache_hit_rate", True),
)


def _change(name: str, unit: Unit, old: float | None, new: float | None, *, more_is_better: bool) -> Change | None:
    if not old or new is None:
        return None
    change = 100 * (new - old) / old
    verdict: Literal["better", "worse", "steady"] = "better" if (change > 0) == more_is_better else "worse"
    if abs(change) < STEADY:
        verdict = "steady"
    return Change(measure=name, unit=unit, before=old, after=new, change=change, verdict=verdict)


def opportunities(
    totals: Figures, types: Sequence[TypeFigures], models: Sequence[ModelFigures], stages: Sequence[StageFigures]
) -> list[Advice]:
    """Where money could be saved, the largest first; what has no figure comes last."""
    mean = figures(totals)["cost_per_component"]
    found = []
    if totals.failed_cost_nano_usd:
        usd = totals.failed_cost_nano_usd / 1e9
        found.append(Advice(text=f"{totals.failed:,} failed results were paid for: look at why they fail", saving=usd))
    for kind in types:
        each = kind.cost_per_component
        if mean and each and each >= DEAR * mean:
            text = f"{kind.component_type} costs {each / mean:.1f} times the mean component"
            found.append(Advice(text=text, saving=(each - mean) * kind.components))
    found += _cheaper(models)
    found += [
        Advice(text=f"{stage.stage} is {stage.cost_share:.0f} % of the cost: cache or shorten it first", saving=None)
        for stage in stages
        if stage.cost_share is not None and stage.cost_share >= MOST_OF_COST
    ]
    return sorted(found, key=lambda advice: -(advice.saving or 0))


def _cheaper(models: Sequence[ModelFigures]) -> list[Advice]:
    """The cheapest model that is about as accurate as the one that costs most in all."""
    rated = [model for model in models if model.cost_per_component and ACCURACY in model.scores]
    if len(rated) < 2:
        return []
    dear = max(rated, key=lambda model: model.cost)
    enough = [model for model in rated if model.scores[ACCURACY] >= dear.scores[ACCURACY] - CLOSE]
    best = min(enough, key=lambda model: model.cost_per_component or 0)
    less = (dear.cost_per_component or 0) - (best.cost_per_component or 0)
    if best is dear or less <= 0:
        return []
    part = 100 * less / (dear.cost_per_component or 1)
    text = f"{best.model} costs {part:.0f} % less than {dear.model} at about the same accuracy"
    return [Advice(text=text, saving=less * dear.components)]
