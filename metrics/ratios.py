"""Every ratio, and what they come to for a run, a tier or a model. A new one is a row in its group's module."""

from collections.abc import Mapping

from . import audit, cost, derived, efficiency, operations, quality, value
from .counters import FEEDBACK_COUNTERS
from .formula import Figures
from .ratio import Ratio

RATIOS: tuple[Ratio, ...] = (
    *cost.RATIOS,
    *quality.RATIOS,
    *efficiency.RATIOS,
    *value.RATIOS,
    *operations.RATIOS,
    *audit.RATIOS,
)
_UNKNOWN_OF_GROUPS = dict.fromkeys((*derived.NAMES, *(metric.name for metric in FEEDBACK_COUNTERS)), None)


def of_run(figures: Figures) -> dict[str, float | None]:
    """All ratios of a run; `figures` as of `derived.figures`."""
    return {ratio.name: ratio.formula.value(figures) for ratio in RATIOS}


def of_group(counters: Mapping[str, int]) -> dict[str, float]:
    """Those that the counters of one tier, model or other value of a label tell: plan and feedback are the run's."""
    found = of_run({**_UNKNOWN_OF_GROUPS, **counters})
    return {name: amount for name, amount in found.items() if amount is not None}
