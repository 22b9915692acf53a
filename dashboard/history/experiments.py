"""The variants of each task → the body of `GET /api/analytics/experiments`. Pure."""

from collections.abc import Mapping
from typing import Literal, NamedTuple

from dashboard.bodies.models import ComparisonBody, ExperimentBody, ExperimentsBody, VariantFigures
from dashboard.history.models import figures
from metrics.intelligence.experiments import (
    ALPHA,
    FEWEST,
    POWER,
    Sample,
    Sequential,
    Share,
    Verdict,
    calls_needed,
    sequential,
    two_proportions,
    verdict,
    welch,
)
from sinks.reading.calls import Variant

COMPARED = 20
"""Variants of one task that are compared, those with the most calls."""
CONTROLS = ("control", "a", "baseline")


class _Measure(NamedTuple):
    """`field` of a Variant; `scale`: to the unit that is shown."""

    name: Literal["success_rate", "satisfaction_rate", "response_time_ms", "confidence", "cost_usd"]
    field: Literal["success", "satisfaction", "latency_ms", "confidence", "cost_usd"]
    unit: Literal["percent", "ms", "usd"]
    more_is_better: bool
    words: str
    scale: float = 1.0


_MEASURES = (
    _Measure("success_rate", "success", "percent", True, "success rate", 100.0),
    _Measure("satisfaction_rate", "satisfaction", "percent", True, "satisfaction", 100.0),
    _Measure("response_time_ms", "latency_ms", "ms", False, "response time"),
    _Measure("confidence", "confidence", "percent", True, "confidence"),
    _Measure("cost_usd", "cost_usd", "usd", False, "cost a call"),
)


def experiments_body(found: Mapping[str, Mapping[str, Variant]], days: int) -> ExperimentsBody:
    """Every task whose results carry variants, by name."""
    return ExperimentsBody(
        days=days,
        alpha=ALPHA,
        power=POWER,
        fewest_calls=FEWEST,
        experiments=[_experiment(task, variants) for task, variants in sorted(found.items())],
    )


def _experiment(task: str, variants: Mapping[str, Variant]) -> ExperimentBody:
    names = sorted(sorted(variants, key=lambda name: (-variants[name].calls.calls, name))[:COMPARED])
    control = next((name for word in CONTROLS for name in names if name.lower() == word), names[0])
    return ExperimentBody(
        task_type=task,
        control=control,
        variants=[VariantFigures(variant=name, **figures(variants[name].calls)) for name in names],
        comparisons=[
            _compared(measure, (control, variants[control]), (name, variants[name]))
            for name in names
            if name != control
            for measure in _MEASURES
        ],
    )


def _compared(measure: _Measure, control: tuple[str, Variant], variant: tuple[str, Variant]) -> ComparisonBody:
    first: Share | Sample = getattr(control[1], measure.field)
    second: Share | Sample = getattr(variant[1], measure.field)
    fixed = None
    if isinstance(first, Share) and isinstance(second, Share):
        fixed = two_proportions(first, second)
    elif isinstance(first, Sample) and isinstance(second, Sample):
        fixed = welch(first, second)
    always = sequential(first, second)
    said = verdict(always, more_is_better=measure.more_is_better, enough=min(first.n, second.n) >= FEWEST)
    difference = None if first.mean is None or second.mean is None else second.mean - first.mean
    return ComparisonBody(
        measure=measure.name,
        unit=measure.unit,
        test="two_proportion" if isinstance(first, Share) else "welch",
        control=control[0],
        variant=variant[0],
        control_value=_scaled(first.mean, measure),
        variant_value=_scaled(second.mean, measure),
        difference=_scaled(difference, measure),
        low=_scaled(always.low if always else None, measure),
        high=_scaled(always.high if always else None, measure),
        fixed_p_value=fixed.p_value if fixed else None,
        always_valid_p_value=always.p_value if always else None,
        control_sample=first.n,
        variant_sample=second.n,
        sample_per_variant=calls_needed(first, second),
        verdict=said,
        text=_text(measure, said, always, control[0], variant[0], min(first.n, second.n)),
    )


def _scaled(value: float | None, measure: _Measure) -> float | None:
    return None if value is None else value * measure.scale


def _text(measure: _Measure, said: Verdict, found: Sequential | None, control: str, variant: str, n: int) -> str:
    if said == "too_early":
        return f"too early to compare the {measure.words} of {variant} and {control}: {n} of {FEWEST} calls each"
    if found is None:
        return f"the {measure.words} of {variant} and {control} does not vary: nothing to compare"
    low, high = (_shown(edge * measure.scale, measure.unit) for edge in (found.low, found.high))
    if said == "undecided":
        return f"no difference in {measure.words} between {variant} and {control} is shown: {low} to {high}"
    return f"{variant} is {said} than {control} in {measure.words} by {low} to {high}"


def _shown(value: float, unit: str) -> str:
    return {"percent": f"{value:+.1f} points", "ms": f"{value:+,.0f} ms", "usd": f"{value:+.5f} USD"}[unit]
