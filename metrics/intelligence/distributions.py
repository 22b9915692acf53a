"""Tails and quantiles of the normal and of Student's t distribution, which is all that our tests need."""

from math import exp, lgamma, log
from statistics import NormalDist

_NORMAL = NormalDist()
_TINY, _CLOSE, _MOST_STEPS = 1e-300, 1e-15, 10_000


def normal_quantile(p: float) -> float:
    """z with P(Z ≤ z) = p, 0 < p < 1."""
    return _NORMAL.inv_cdf(p)


def normal_p_value(z: float) -> float:
    """Both tails beyond |z|."""
    return 2 * _NORMAL.cdf(-abs(z))


def t_p_value(t: float, degrees: float) -> float:
    """Both tails beyond |t|, with so many degrees of freedom (not necessarily whole)."""
    return _regular_beta(degrees / (degrees + t * t), degrees / 2, 0.5)


def t_quantile(p: float, degrees: float) -> float:
    """t with P(T ≤ t) = p, for p ≥ 1/2, within 1e-9."""
    low, high = 0.0, 1.0
    while 1 - t_p_value(high, degrees) / 2 < p:
        low, high = high, high * 2
    while high - low > 1e-9 * max(1.0, high):
        middle = (low + high) / 2
        low, high = (middle, high) if 1 - t_p_value(middle, degrees) / 2 < p else (low, middle)
    return (low + high) / 2


def _regular_beta(x: float, a: float, b: float) -> float:
    """The regularized incomplete beta function I_x(a, b)."""
    if x in (0.0, 1.0):
        return x
    both = a + b
    front = exp(lgamma(both) - lgamma(a) - lgamma(b) + a * log(x) + b * log(1 - x))
    if x < (1 + a) / (both + 2):  # where the fraction converges soon
        return front * _fraction(x, a, b) / a
    return 1 - front * _fraction(1 - x, b, a) / b


def _fraction(x: float, a: float, b: float) -> float:
    """Its continued fraction by Lentz's method (Numerical Recipes, 6.4)."""
    c, d = 1.0, 1 / _off_zero(1 - (a + b) * x / (a + 1))
    value = d
    for m in range(1, _MOST_STEPS):
        for factor in (
            m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)),
            -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1)),
        ):
            d = 1 / _off_zero(1 + factor * d)
            c = _off_zero(1 + factor / c)
            step = c * d
            value *= step
        if abs(step - 1) < _CLOSE:
            break
    return value


def _off_zero(value: float) -> float:
    return value if abs(value) > _TINY else _TINY
