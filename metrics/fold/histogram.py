"""A mergeable histogram of whole milliseconds with 1 % relative error: DDSketch's logarithmic mapping.

Masson, Rim and Lee, "DDSketch" (VLDB 2019), section 2.2: bin i holds (γ^(i-1), γ^i], γ = (1 + α) / (1 - α), and stands
for 2γ^i / (γ + 1). Here bin 0 is zero and bin 1 is one, so bins are small non-negative integers, and their bounds come
from multiplication alone, so that every machine puts a value into the same bin.
"""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

RELATIVE_ERROR = 0.01
_GAMMA = (1 + RELATIVE_ERROR) / (1 - RELATIVE_ERROR)
_LARGEST_MS = 10**12


def _bounds() -> list[float]:
    bounds = [0.0, 1.0]
    while bounds[-1] < _LARGEST_MS:
        bounds.append(bounds[-1] * _GAMMA)
    return bounds


_BOUNDS = _bounds()
_EDGES: npt.NDArray[np.float64] = np.array(_BOUNDS)

Bins = dict[int, int]
"""Bin → how many values are in it."""


def bins_of(values_ms: npt.NDArray[np.float64]) -> npt.NDArray[np.intp]:
    """The bins of whole numbers of ms, 0 to 10¹²."""
    return np.searchsorted(_EDGES, values_ms)


def representative(bin_: int) -> float:
    """The value a bin stands for, within 1 % of every value in it."""
    return _BOUNDS[bin_] if bin_ < 2 else 2 * _BOUNDS[bin_] / (_GAMMA + 1)


def percentile(histogram: Mapping[int, int], q: float) -> float | None:
    """The value at rank ⌊q (n − 1)⌋ of n, within 1 %; None of an empty histogram."""
    count = sum(histogram.values())
    if not count:
        return None
    rank = int(q * (count - 1))
    seen = 0
    for bin_ in sorted(histogram):
        seen += histogram[bin_]
        if seen > rank:
            return representative(bin_)
    raise AssertionError("the ranks of a histogram are below its count")
