"""The ETA's range: what widens it, and that it holds the true end of simulated runs about as often as it says."""

import math

import pytest

from benchmarks import eta_backtest
from events.runs import RunDeclared, TierPlan
from events.snapshots import Progress
from metrics.figures.throughput import Minutes, Recent
from metrics.fold.buckets import moment
from metrics.fold.counters import FIRST_MS
from metrics.forecast.eta import DRIFT, PLANNED, Z_80, Pace, eta, noise, remaining, state
from metrics.forecast.progress import progress

NOTHING = Recent(0, {}, {})


def test_the_true_end_lies_in_the_range_as_often_as_it_should() -> None:
    asked = eta_backtest.backtest(56, seed=3)
    assert len(asked) > 150
    low, high = eta_backtest.RANGE
    assert low <= eta_backtest.coverage(asked) <= high
    found = eta_backtest.figures(asked)
    assert found["half_way_error"] < found["half_way_error_of_percent"]


def test_the_stored_back_test_is_within_bounds() -> None:
    stored = eta_backtest.RESULTS.read_text()
    found = eta_backtest.json.loads(stored)
    low, high = eta_backtest.RANGE
    assert found["runs"] >= 200
    assert low <= found["coverage"] <= high


def test_noise_is_of_the_measured_minutes_and_of_those_ahead() -> None:
    even, uneven = Pace(100, 600, [10] * 10), Pace(100, 600, [0, 20] * 5)
    assert noise(even, 600) == pytest.approx(math.sqrt(10 / 100 * (60 / 600 + 60 / 600)))
    variance = 10 * 10**2 / 9
    assert noise(uneven, 1_200) == pytest.approx(math.sqrt(variance / 100 * (60 / 600 + 60 / 1_200)))
    assert noise(even, 1) == noise(even, 60)


def test_minutes_that_follow_their_neighbours_make_it_wider() -> None:
    alternating = Pace(600, 1_800, [10, 30] * 15)
    slow_wave = Pace(600, 1_800, [10] * 5 + [30] * 5 + [10] * 5 + [30] * 5 + [10] * 5 + [30] * 5)
    fives = [50, 150] * 3
    variance = sum((n - 100) ** 2 for n in fives) / 5 / 5
    assert noise(slow_wave, 60) == pytest.approx(math.sqrt(variance / 20**2 * (60 / 1_800 + 1)))
    assert noise(slow_wave, 60) > noise(alternating, 60)


def test_a_rate_that_goes_one_way_makes_it_wider() -> None:
    """Of 10, 20 and 30 a minute the variance is 100, half the mean square of the steps 50: the trend's part is 50."""
    falling = Pace(300, 900, [10] * 5 + [20] * 5 + [30] * 5)
    by_chance = 5 * 100 * (60 / 900 + 60 / 600)
    assert noise(falling, 600) == pytest.approx(math.sqrt(by_chance + 50) / 20)
    there_and_back = Pace(300, 900, [20] * 5 + [10] * 5 + [30] * 5)  # the same variance, no trend
    assert noise(there_and_back, 600) == pytest.approx(math.sqrt(by_chance) / 20)
    assert noise(Pace(200, 600, [10] * 5 + [30] * 5), 600) == pytest.approx(
        math.sqrt(1_000 / 9 * (60 / 600 + 60 / 600)) / 20
    )


def test_the_variance_is_that_of_half_an_hour_though_the_rate_is_that_of_ten_minutes() -> None:
    far = Progress(total=1_000, left=200)
    declared = RunDeclared(event_id="p", event_time=moment(0), run_id="r", total_images=1_000)
    lately = Recent(600_000, {"processed_subjects": 200}, {})
    so_far = Recent(1_800_000, {"processed_subjects": 600}, {})
    minutes = Minutes([20] * 10 + [0, 40] * 10, {})
    found = eta("running", declared, far, lately, so_far, minutes, 0)
    assert found.seconds_high is not None
    reach = 600 * Z_80 * math.hypot(DRIFT, noise(Pace(200, 600, minutes.run), 600))
    assert found.seconds_high == pytest.approx(600 + reach)
    younger = eta("running", declared, far, lately, so_far._replace(span_ms=659_999), minutes, 0)
    assert younger.seconds_high == pytest.approx(
        600 + 600 * Z_80 * math.hypot(DRIFT, noise(Pace(200, 600, [20] * 10), 600))
    )


def test_too_few_minutes_count_as_chance_four_times_over() -> None:
    assert noise(Pace(30, 120, [20, 10]), 60) == pytest.approx(math.sqrt(4 * 15 / 15**2 * (60 / 120 + 1)))


def test_a_pace_that_is_only_planned_is_uncertain() -> None:
    found = remaining(10, [Pace(0, 60), Pace(5, 0), Pace(5, 60, certain=False)])
    assert found == (120, 120 * PLANNED)
    assert remaining(10, [Pace(0, 60)]) is None
    measured = remaining(100, [Pace(100, 600, [10] * 10)])
    assert measured is not None
    assert measured.deviation == pytest.approx(600 * math.hypot(DRIFT, noise(Pace(100, 600, [10] * 10), 600)))


def plan(order: str) -> RunDeclared:
    return RunDeclared(
        event_id="p",
        event_time=moment(0),
        run_id="r",
        total_images=100,
        tiers=[TierPlan(tier=1, images=100), TierPlan(tier=2, images=100)],
        tier_order=order,  # type: ignore[arg-type]
    )


def test_deviations_of_tiers_in_series_add_up_as_squares_and_of_parallel_ones_the_longest_holds() -> None:
    lately = Recent(600_000, {}, {1: {"processed_subjects": 50}, 2: {"processed_subjects": 25}})
    found = {}
    for order in ("series", "parallel"):
        far = progress(plan(order), {}, {1: {"processed_subjects": 50}, 2: {"processed_subjects": 25}}, lately, 600_000)
        found[order] = eta("running", plan(order), far, lately, NOTHING, Minutes([], {}), 600_000)
    deviations = [
        seconds * math.hypot(DRIFT, noise(Pace(n, 600), seconds)) for n, seconds in ((50, 600.0), (25, 1_800.0))
    ]
    for order, seconds, deviation in (("series", 2_400, math.hypot(*deviations)), ("parallel", 1_800, deviations[1])):
        assert found[order].seconds == pytest.approx(seconds)
        assert found[order].seconds_high == pytest.approx(seconds + Z_80 * deviation)
        assert found[order].seconds_low == pytest.approx(seconds - Z_80 * deviation)


def test_a_tier_goes_by_the_time_since_it_began() -> None:
    declared = plan("series")
    tiers = {1: {"processed_subjects": 100}, 2: {"processed_subjects": 20, FIRST_MS: 480_000}}
    lately = Recent(600_000, {}, {2: {"processed_subjects": 20}})
    far = progress(declared, {"processed_subjects": 20}, tiers, lately, 600_000)
    assert [tier.images_per_minute for tier in far.tiers] == [0, 10]
    found = eta("running", declared, far, lately, Recent(600_000, {}, tiers), Minutes([], {}), 600_000)
    assert (found.seconds, found.text) == (480, "8m")


def test_a_range_never_reaches_the_present() -> None:
    far = Progress(total=1_000, left=999)
    declared = RunDeclared(event_id="p", event_time=moment(0), run_id="r", total_images=1_000)
    found = eta("running", declared, far, Recent(60_000, {"processed_subjects": 1}, {}), NOTHING, Minutes([0], {}), 0)
    assert found.seconds is not None
    assert found.seconds_low == pytest.approx(found.seconds * 0.1)


def test_a_run_without_images_left_is_finished_even_while_paused() -> None:
    assert state("paused", 0, 100, 0, 0) == "finished"
    assert state("paused", None, 100, 0, 0) == "paused"
