"""A run's course fits, however long it is."""

import itertools
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard.live.series import MAX_POINTS, Glance, Series
from events.envelope import epoch_ms
from sinks.reading.history import Point

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


def test_a_finished_run_ends_with_its_last_result() -> None:
    series, over = Series(), BEGAN + timedelta(seconds=90)
    for second in range(0, 600, 10):
        state = "finished" if second > 100 else "running"
        series.take(Glance(as_of=BEGAN + timedelta(seconds=second), state=state, last_event_at=over))
    assert series.body().at[-1] == BEGAN.timestamp() + 100


def test_what_was_before_it_was_seen_goes_before_it() -> None:
    seen, began_ms = Series(), epoch_ms(BEGAN)
    for second in range(600, 1_000):
        seen.take(Glance(as_of=BEGAN + timedelta(seconds=second)))
    whole = seen.after(Point(began_ms + 60_000 * minute, 1.0, 5) for minute in range(20)).body()
    assert whole.at[:10] == [BEGAN.timestamp() + 60 * minute for minute in range(10)]
    assert (whole.images_per_minute[9], whole.images_per_minute[10]) == (1, 0)
    assert whole.at == sorted(whole.at)
    assert len(whole.at) <= MAX_POINTS


def test_a_sum_that_no_int64_holds_is_drawn() -> None:
    series = Series()
    for second, nano in enumerate((2**63 - 1, 2**63, 10**20)):
        series.take(msgspec.json.decode(glance(second, nano), type=Glance))
    assert series.body().total_spent == [pytest.approx(nano / 1e9) for nano in (2**63 - 1, 2**63, 10**20)]


def glance(second: int, spent_nano_usd: int) -> bytes:
    said = {"as_of": BEGAN + timedelta(seconds=second), "projection": {"spent_nano_usd": spent_nano_usd}}
    return msgspec.json.encode(said)
