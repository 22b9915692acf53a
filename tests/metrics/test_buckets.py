"""The boundaries of time, to the millisecond, as DETAILS.md (Time) and DESIGN.md 4.3 (Bucket, Identity) draw them."""

import numpy as np
import pytest

from events.results import ImageResult
from metrics.fold.buckets import (
    BUCKET_MS,
    DAY_MS,
    HOUR_MS,
    MINUTE_MS,
    all_effective_ms,
    bucket_start,
    effective_ms,
    effective_run,
    is_expired,
    is_sealed,
    late_before,
    moment,
)

NOON = 1_794_999_960_000  # the start of a minute


@pytest.mark.parametrize(
    ("ahead_ms", "counts_ms"), [(-DAY_MS, -DAY_MS), (1, 1), (5 * MINUTE_MS, 5 * MINUTE_MS), (5 * MINUTE_MS + 1, 0)]
)
def test_more_than_five_minutes_ahead_counts_at_arrival(ahead_ms: int, counts_ms: int) -> None:
    assert effective_ms(NOON + ahead_ms, NOON) == NOON + counts_ms
    assert all_effective_ms(np.array([NOON + ahead_ms]), np.array([NOON])).tolist() == [NOON + counts_ms]


def test_late_is_more_than_a_day_behind_the_watermark() -> None:
    assert late_before(NOON) == NOON - DAY_MS


def test_buckets_are_half_open_and_aligned_to_the_epoch() -> None:
    assert [bucket_start(NOON + ms, BUCKET_MS) - NOON for ms in (0, 9_999, 10_000)] == [0, 0, 10_000]
    assert [bucket_start(NOON + ms, MINUTE_MS) - NOON for ms in (-1, 0, 59_999)] == [-60_000, 0, 0]


@pytest.mark.parametrize(
    ("width_ms", "kept_ms"), [(BUCKET_MS, HOUR_MS), (MINUTE_MS, DAY_MS + 6 * MINUTE_MS)], ids=["10 s", "1 min"]
)
def test_a_bucket_goes_once_all_of_it_lies_behind_what_is_kept(width_ms: int, kept_ms: int) -> None:
    assert not is_expired(NOON, width_ms, NOON + width_ms + kept_ms - 1)
    assert is_expired(NOON, width_ms, NOON + width_ms + kept_ms)


def test_a_run_is_sealed_when_more_than_the_time_has_passed() -> None:
    assert not is_sealed(NOON, NOON + 90 * DAY_MS, 90 * DAY_MS)
    assert is_sealed(NOON, NOON + 90 * DAY_MS + 1, 90 * DAY_MS)


def test_a_result_without_a_run_is_in_that_of_its_month() -> None:
    event = ImageResult(event_id="e", event_time=moment(NOON), image_id="i", status="success")
    [last, first] = (1_793_491_200_000 + ms for ms in (-1, 0))  # 1 November 2026
    assert [effective_run(event, at) for at in (last, first)] == ["default-2026-10", "default-2026-11"]
