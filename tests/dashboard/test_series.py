"""A run's course fits, however long it is."""

import itertools
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from dashboard.live.series import MAX_POINTS, Glance, Series

BEGAN = datetime(2026, 11, 1, tzinfo=UTC)


@given(st.lists(st.integers(0, 5_000), max_size=3_000))
def test_points_are_bounded_and_in_order(gaps_ms: list[int]) -> None:
    series, at = Series(), BEGAN
    for gap in gaps_ms:
        at += timedelta(milliseconds=gap)
        series.take(Glance(as_of=at))
    body = series.body()
    assert len(body.at) == len(body.images_per_minute) == len(body.total_spent) <= MAX_POINTS
    assert body.at == sorted(set(body.at))


def test_a_day_of_seconds_keeps_its_first_point_and_an_even_step() -> None:
    series = Series()
    for second in range(86_400):
        series.take(Glance(as_of=BEGAN + timedelta(seconds=second)))
    at = series.body().at
    assert at[0] == BEGAN.timestamp()
    assert {later - earlier for earlier, later in itertools.pairwise(at)} == {series.step_ms / 1_000}
    assert MAX_POINTS / 2 <= len(at) <= MAX_POINTS
