"""What a ratio is: a formula over counters and derived figures, with its name, group, unit and meaning beside it."""

from typing import Literal, NamedTuple

from .formula import Formula

Group = Literal["throughput", "cost", "quality", "efficiency", "value", "operations", "audit"]
"""S0's groups of metrics ("What Professional Platforms Track")."""
RatioUnit = Literal["0-1", "nano-USD", "USD/USD", "tokens", "ms", "per image"]


class Ratio(NamedTuple):
    """A figure that says the same of a run, a tier or a model: `formula` over `counters.py` and `derived.py`."""

    name: str
    group: Group
    unit: RatioUnit
    docs: str
    formula: Formula
