"""Whether a variant does better than the control, told without harm to whoever looks every day (S4, A/B testing).

Two answers stand side by side. The textbook's: the two-proportion z test (pooled) and Welch's t test, right for who
looks once, at a sample decided beforehand. And the one that verdicts are taken from, right however often one looks: a
confidence sequence (decision 0019). Effects are variant − control.
"""

from math import ceil, exp, log, sqrt
from typing import Literal, NamedTuple

from metrics.intelligence.distributions import normal_p_value, normal_quantile, t_p_value, t_quantile

ALPHA = 0.05
POWER = 0.8
FEWEST = 50
"""Of each variant; below that the sequence, which rests on the central limit theorem, says nothing."""
BEST_AT = 250
"""The sequence is narrowest at 500 calls a variant (their harmonic half); it holds at every size."""
_RHO2 = (-2 * log(ALPHA) + log(-2 * log(ALPHA) + 1)) / BEST_AT

Verdict = Literal["better", "worse", "undecided", "too_early"]


class Share(NamedTuple):
    """Successes out of n."""

    successes: int
    n: int

    @property
    def mean(self) -> float | None:
        """0-1."""
        return self.successes / self.n if self.n else None


class Sample(NamedTuple):
    """n measurements; `variance` is the sample's (n − 1), 0 for fewer than two."""

    n: int
    mean: float | None
    variance: float


class Fixed(NamedTuple):
    """A textbook test: its statistic, the p value of both tails, and the 95 % interval of the difference.

    `degrees`: of freedom, None where the distribution is normal.
    """

    statistic: float
    degrees: float | None
    p_value: float
    low: float
    high: float


class Sequential(NamedTuple):
    """What holds at every look: the p value and the interval of the difference."""

    p_value: float
    low: float
    high: float


def two_proportions(control: Share, variant: Share) -> Fixed | None:
    """The pooled z test of equal shares; the interval by the unpooled error. None where a sample is empty."""
    if not control.n or not variant.n:
        return None
    p1, p2 = control.successes / control.n, variant.successes / variant.n
    pooled = (control.successes + variant.successes) / (control.n + variant.n)
    error = sqrt(pooled * (1 - pooled) * (1 / control.n + 1 / variant.n))
    z = (p2 - p1) / error if error else 0.0
    half = normal_quantile(1 - ALPHA / 2) * sqrt(p1 * (1 - p1) / control.n + p2 * (1 - p2) / variant.n)
    return Fixed(z, None, normal_p_value(z), p2 - p1 - half, p2 - p1 + half)


def welch(control: Sample, variant: Sample) -> Fixed | None:
    """Welch's t test of equal means, of variances that may differ. None below two measurements or without variance."""
    if min(control.n, variant.n) < 2 or control.mean is None or variant.mean is None:
        return None
    a, b = control.variance / control.n, variant.variance / variant.n
    if a + b == 0:
        return None
    t = (variant.mean - control.mean) / sqrt(a + b)
    degrees = (a + b) ** 2 / (a**2 / (control.n - 1) + b**2 / (variant.n - 1))
    half = t_quantile(1 - ALPHA / 2, degrees) * sqrt(a + b)
    difference = variant.mean - control.mean
    return Fixed(t, degrees, t_p_value(t, degrees), difference - half, difference + half)


def sequential(control: Share | Sample, variant: Share | Sample) -> Sequential | None:
    """The asymptotic confidence sequence of the difference of two means, and the p value that goes with it.

    Waudby-Smith, Arbour, Sinha, Kennedy, Ramdas: Time-uniform central limit theory and asymptotic confidence sequences
    (2021), theorem 2.2 with its normal mixture; the p value is the inverse of the mixture likelihood ratio as in
    Johari, Pekelis, Walsh: Always valid inference (2015). None where it says nothing: below FEWEST, or no variance.
    """
    if min(control.n, variant.n) < FEWEST or control.mean is None or variant.mean is None:
        return None
    error2 = _variance(control) / control.n + _variance(variant) / variant.n
    if error2 == 0:
        return None
    size = control.n * variant.n / (control.n + variant.n) * _RHO2
    difference = variant.mean - control.mean
    half = sqrt(error2 * 2 * (1 + size) / size * log(sqrt(1 + size) / ALPHA))
    exponent = difference**2 / error2 * size / (2 * (1 + size))
    p_value = min(1.0, sqrt(1 + size) * exp(-exponent))
    return Sequential(p_value, difference - half, difference + half)


def verdict(found: Sequential | None, *, more_is_better: bool, enough: bool) -> Verdict:
    """What may be said now. `enough`: both samples have FEWEST."""
    if not enough:
        return "too_early"
    if found is None or found.low <= 0 <= found.high:
        return "undecided"
    return "better" if (found.low > 0) == more_is_better else "worse"


def calls_needed(control: Share | Sample, variant: Share | Sample) -> int | None:
    """Measurements of each that show the difference as it looks now, in one look, with POWER; None where there is none.

    For shares the textbook's two-proportion formula (Fleiss, Levin, Paik 2003, 4.14), else (z + z)² (s² + s²) / d².
    """
    if control.mean is None or variant.mean is None or control.mean == variant.mean:
        return None
    return needed(control.mean, variant.mean, None if isinstance(control, Share) else _spread(control, variant))


def needed(first: float, second: float, spread: float | None, *, alpha: float = ALPHA, power: float = POWER) -> int:
    """Of each of two samples: shares where `spread` (the sum of both variances) is None, else means."""
    z_alpha, z_power = normal_quantile(1 - alpha / 2), normal_quantile(power)
    if spread is None:
        middle = (first + second) / 2
        error = z_alpha * sqrt(2 * middle * (1 - middle)) + z_power * sqrt(first * (1 - first) + second * (1 - second))
    else:
        error = (z_alpha + z_power) * sqrt(spread)
    return ceil((error / (second - first)) ** 2)


def _spread(control: Share | Sample, variant: Share | Sample) -> float:
    return _variance(control) + _variance(variant)


def _variance(sample: Share | Sample) -> float:
    """Of one measurement; a share's with one success and one failure more, so that 0 of n is not certainty."""
    if isinstance(sample, Sample):
        return sample.variance
    share = (sample.successes + 1) / (sample.n + 2)
    return share * (1 - share)
