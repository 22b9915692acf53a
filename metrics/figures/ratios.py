"""Every ratio, and what they come to for a run, a tier or a model. A new one is a row in its group's module."""

from collections.abc import Mapping

from metrics.fold.counters import ADDITIVE, SUBJECT_COUNTERS
from metrics.fold.groups import LABELS

from . import audit, cost, efficiency, operations, quality, value
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
_OF_RESULTS = frozenset(metric.name for metric in ADDITIVE)
_OF_SUBJECTS = frozenset(metric.name for metric in SUBJECT_COUNTERS)


def of_label(label: str) -> list[Ratio]:
    """The ratios that a group of that label has: plan and feedback are the run's, subjects a tier's or a band's."""
    known = _OF_RESULTS | {"tier": _OF_SUBJECTS, "band": frozenset({"subjects"})}.get(label, frozenset())
    return [ratio for ratio in RATIOS if known.issuperset(ratio.formula.names)]


_BY_LABEL = {label: of_label(label) for label in LABELS}


def of_run(figures: Figures) -> dict[str, float | None]:
    """All ratios of a run; `figures` as of `derived.figures`."""
    return {ratio.name: ratio.formula.value(figures) for ratio in RATIOS}


def of_group(label: str, counters: Mapping[str, int]) -> dict[str, float]:
    """Those of one value of a label, without the nulls."""
    found = {ratio.name: ratio.formula.value(counters) for ratio in _BY_LABEL[label]}
    return {name: amount for name, amount in found.items() if amount is not None}
