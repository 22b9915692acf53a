"""Tests of means and shares against published results; verdicts that survive peeking, by simulation."""

from math import atan, pi, sqrt, tan
from statistics import fmean, variance

import numpy as np
import pytest

from metrics.intelligence.distributions import t_p_value, t_quantile
from metrics.intelligence.experiments import (
    ALPHA,
    FEWEST,
    Sample,
    Sequential,
    Share,
    calls_needed,
    needed,
    sequential,
    two_proportions,
    verdict,
    welch,
)

# R's data set `sleep` (Student 1908); its documentation's t.test(extra ~ group).
SLEEP = (
    [0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0],
    [1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4],
)


def sample(values: list[float]) -> Sample:
    return Sample(len(values), fmean(values), variance(values))


def test_welch_is_rs() -> None:
    found = welch(*map(sample, SLEEP))
    assert found is not None
    assert (found.statistic, found.degrees, found.p_value) == (
        pytest.approx(1.8608, abs=1e-4),
        pytest.approx(17.776, abs=1e-3),
        pytest.approx(0.07939, abs=1e-5),
    )
    assert (found.low, found.high) == (pytest.approx(-0.2054832, abs=1e-6), pytest.approx(3.3654832, abs=1e-6))


def test_two_proportions_are_agrestis() -> None:
    """Physicians' Health Study: Agresti, An Introduction to Categorical Data Analysis (2007), 2.2.2."""
    placebo, aspirin = Share(189, 11_034), Share(104, 11_037)
    found = two_proportions(aspirin, placebo)
    assert found is not None
    assert found.low == pytest.approx(0.005, abs=5e-4)
    assert found.high == pytest.approx(0.011, abs=5e-4)
    assert found.statistic == pytest.approx(5.00, abs=0.01)
    assert found.p_value < 1e-6


def test_students_table() -> None:
    assert t_quantile(0.975, 1) == pytest.approx(12.706, abs=1e-3)
    assert t_quantile(0.975, 10) == pytest.approx(2.228, abs=1e-3)
    assert t_quantile(0.95, 30) == pytest.approx(1.697, abs=1e-3)
    assert t_p_value(0, 5) == 1
    assert t_p_value(t_quantile(0.995, 2.5), 2.5) == pytest.approx(0.01)


@pytest.mark.parametrize("t", [1e-9, 0.01, 0.5, 1.0, 2.0, 30.0, 1e6])
def test_one_and_two_degrees_have_a_closed_form(t: float) -> None:
    assert t_p_value(t, 1) == pytest.approx(1 - 2 / pi * atan(t), rel=1e-9, abs=1e-9)
    assert t_p_value(-t, 2) == pytest.approx(1 - t / sqrt(2 + t * t), rel=1e-9, abs=1e-9)
    assert t_p_value(1e200, 2) == 0


def test_a_quantile_far_out() -> None:
    assert t_quantile(1 - 1e-7, 1) == pytest.approx(tan(pi * (0.5 - 1e-7)), rel=1e-6)


def test_the_sample_needed_is_rs() -> None:
    """power.prop.test(p1 = .50, p2 = .75, power = .90): 76.7; 16 s² / d² is Lehr's rule for 80 %."""
    assert needed(0.5, 0.75, None, power=0.9) == 77
    assert needed(0.75, 0.5, None, power=0.9) == 77
    assert needed(10, 11, 2) == pytest.approx(16, abs=1)
    assert calls_needed(Share(5, 10), Share(5, 10)) is None
    assert calls_needed(Sample(0, None, 0), Sample(3, 1.0, 1)) is None
    assert calls_needed(Sample(9, 10.0, 1), Sample(9, 11.0, 1)) == needed(10, 11, 2)


def test_without_data_there_is_no_test() -> None:
    assert two_proportions(Share(0, 0), Share(1, 2)) is None
    assert welch(Sample(1, 1.0, 0), Sample(5, 1.0, 1)) is None
    assert welch(Sample(5, 1.0, 0), Sample(5, 2.0, 0)) is None
    assert sequential(Share(1, FEWEST - 1), Share(FEWEST, FEWEST)) is None
    equal = two_proportions(Share(5, 5), Share(9, 9))
    assert equal is not None
    assert (equal.p_value, equal.low, equal.high) == (1, 0, 0)


@pytest.mark.parametrize(("n", "errors"), [(FEWEST, 3.855), (100, 3.364), (500, 3.035), (2_500, 3.153)])
def test_the_sequence_is_narrowest_at_five_hundred_calls_of_each(n: int, errors: float) -> None:
    """In standard errors, by the closed form of the normal mixture; a single look has 1.96."""
    found = sequential(Sample(n, 0.0, 1.0), Sample(n, 0.0, 1.0))
    assert found is not None
    assert found.high / (2 / n) ** 0.5 == pytest.approx(errors, abs=1e-3)


def test_nothing_of_a_hundred_is_not_certainty() -> None:
    shares = sequential(Share(0, 100), Share(50, 100))
    assert shares == pytest.approx(sequential(Sample(100, 0.0, 101 / 102**2), Sample(100, 0.5, 0.25)))


def test_two_measurements_are_enough_and_variances_may_be_equal() -> None:
    found = welch(Sample(2, 1.0, 0.5), Sample(2, 3.0, 0.5))
    assert found is not None
    assert (found.statistic, found.degrees) == (pytest.approx(2 / 0.5**0.5), pytest.approx(2))


def test_an_interval_that_touches_zero_is_undecided() -> None:
    for touching in (Sequential(0.05, 0.0, 1.0), Sequential(0.05, -1.0, 0.0)):
        assert verdict(touching, more_is_better=True, enough=True) == "undecided"


def test_verdicts() -> None:
    bad, good = Share(500, 1_000), Share(800, 1_000)
    shown = sequential(bad, good)
    assert shown is not None
    assert shown.low < 0.3 < shown.high
    assert (shown.low > 0) == (shown.p_value < ALPHA)
    assert verdict(shown, more_is_better=True, enough=True) == "better"
    assert verdict(shown, more_is_better=False, enough=True) == "worse"
    assert verdict(sequential(good, bad), more_is_better=True, enough=True) == "worse"
    assert verdict(sequential(good, good), more_is_better=True, enough=True) == "undecided"
    assert verdict(None, more_is_better=True, enough=True) == "undecided"
    assert verdict(shown, more_is_better=True, enough=False) == "too_early"


def test_interval_and_p_value_agree() -> None:
    for step in range(40):
        found = sequential(Share(500, 1_000), Share(500 + 5 * step, 1_000))
        assert found is not None
        assert (found.low > 0) == (found.p_value < ALPHA)
        assert found.low < 0.005 * step < found.high


def test_peeking_finds_what_is_not_there_no_more_often_than_it_may() -> None:
    """300 experiments without a difference, looked at every 25 calls: the z test is fooled, the verdict is not."""
    chance = np.random.default_rng(11)
    fooled = {"fixed": 0, "sequential": 0}
    for _ in range(300):
        control, variant = (np.cumsum(chance.random(1_000) < 0.9) for _ in range(2))
        looks = [(Share(int(control[n - 1]), n), Share(int(variant[n - 1]), n)) for n in range(50, 1_001, 25)]
        tests = [two_proportions(*look) for look in looks]
        sequences = [sequential(*look) for look in looks]
        fooled["fixed"] += any(test is not None and test.p_value < ALPHA for test in tests)
        fooled["sequential"] += any(found is not None and not found.low <= 0 <= found.high for found in sequences)
    assert fooled["fixed"] > 300 * 3 * ALPHA
    assert fooled["sequential"] <= 300 * ALPHA


def test_a_real_difference_is_found() -> None:
    """Means that differ by a third of their deviation, 1,000 calls each: nine times of ten or more."""
    chance = np.random.default_rng(12)
    found = 0
    for _ in range(100):
        control, variant = chance.exponential(900, 1_000), chance.exponential(1_200, 1_000)
        samples = [Sample(1_000, float(x.mean()), float(x.var(ddof=1))) for x in (control, variant)]
        found += verdict(sequential(*samples), more_is_better=False, enough=True) == "worse"
    assert found >= 90
