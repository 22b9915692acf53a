"""The feed: a sample that never falls behind, in words an operator reads."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest
from sample_runs import result

from dashboard.bodies.live import Activity
from dashboard.live.activity import KEPT_S, ROWS_A_SECOND, ActivityFeed, activity, short_id, summary
from events import codec
from events.results import Answer, Failure


@dataclass
class Record:
    value: bytes
    headers: tuple[tuple[str, bytes], ...] = ()
    timestamp: int = 1_795_000_000_000


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def feed_of(clock: Clock) -> tuple[ActivityFeed, list[Activity]]:
    shown: list[Activity] = []
    return ActivityFeed(shown.extend, clock), shown


def records(count: int, **changes: Any) -> list[Record]:
    return [Record(codec.encode(result(number, **changes))) for number in range(count)]


def test_at_most_twenty_a_second_and_those_the_newest() -> None:
    clock = Clock()
    feed, shown = feed_of(clock)
    batch = records(100)
    feed.take(batch)
    assert [row.image_id for row in shown] == [result(number).image_id for number in range(80, 100)]
    feed.take(batch)
    assert len(shown) == ROWS_A_SECOND
    clock.now += 0.5
    feed.take(batch)
    assert len(shown) == 1.5 * ROWS_A_SECOND


def test_rows_are_kept_thirty_seconds_newest_first_and_by_run() -> None:
    clock = Clock()
    feed, _ = feed_of(clock)
    feed.take(records(2, run_id="a"))
    clock.now += 10
    feed.take(records(3, run_id="b"))
    assert len(feed.rows("a")) == 2
    assert [row.image_id for row in feed.rows("b")] == [result(number).image_id for number in (2, 1, 0)]
    clock.now += KEPT_S - 5
    assert (len(feed.rows("a")), len(feed.rows("b"))) == (0, 3)


def test_what_the_worker_refuses_is_not_shown() -> None:
    feed, shown = feed_of(Clock())
    feed.take([Record(b"not json"), Record(b""), *records(1)])
    assert len(shown) == 1


def test_failures_are_errors_of_the_feed() -> None:
    feed, _ = feed_of(Clock())
    failure = Failure(type="rate_limit", message="429 from the provider")
    feed.take(records(1, status="failed", error=failure, attempt=3))
    (error,) = feed.errors("backfill-2026-11")
    assert (error.error, error.retry_count, error.resolved) == ("429 from the provider", 2, False)


def test_an_error_is_resolved_by_a_later_success_of_its_image() -> None:
    feed, _ = feed_of(Clock())
    feed.take(records(1, status="success", tier=1))
    feed.take(records(1, status="failed", tier=2, model="a"))
    assert [error.resolved for error in feed.errors("backfill-2026-11")] == [False]
    feed.take(records(1, status="success", tier=2, model="b"))
    assert [error.resolved for error in feed.errors("backfill-2026-11")] == [True]
    assert [error.resolved for error in feed.errors("backfill-2026-11", 2, "a")] == [True]
    assert feed.errors("backfill-2026-11", 1) == []
    assert [row.tier for row in feed.rows("backfill-2026-11", 2)] == [2, 2]
    assert [row.model for row in feed.rows("backfill-2026-11", 2, "b")] == ["b"]


def test_a_result_without_a_run_is_shown_under_the_default_run_of_its_month() -> None:
    arrived = datetime(2026, 11, 21, tzinfo=UTC)
    for when, run in (("2026-10-31T23:59:59Z", "default-2026-10"), ("2027-02-01T00:00:00Z", "default-2026-11")):
        event = result(1, None, event_time=datetime.fromisoformat(when))
        assert activity(event, int(arrived.timestamp() * 1_000)).run_id == run


@pytest.mark.parametrize(
    ("subject_id", "shown"),
    [
        ("3f8a2b1c-5d3a-4c1e-9f00-a9669d61a70b", "3f8a2b1c"),
        ("019a8f00-5d3a-7c1e-9f00-a9669d61a70b", "9d61a70b"),
        ("img-17", "img-17"),
        ("vehicles/8812/photos/000123.jpg", "…0123.jpg"),
    ],
)
def test_a_short_id_tells_neighbours_apart(subject_id: str, shown: str) -> None:
    assert short_id(subject_id) == shown


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"findings": {"parts": 8}}, "8 parts"),
        ({"findings": {"parts": 1}}, "1 part"),
        ({"findings": {"parts": 0}, "task_type": "angle"}, "angle"),
        ({"findings": {"maintenance_alerts": 2}}, "2 maintenance alerts"),
        ({"findings": None, "task_type": "expert"}, "expert"),
        ({"findings": None, "task_type": "other", "answers": [Answer(question="?")] * 3}, "3 answers"),
        ({"findings": None, "task_type": "other", "answers": None, "status": "partial"}, "partial"),
        ({"status": "failed", "error": Failure(type="timeout")}, "failed: timeout"),
    ],
)
def test_a_result_in_a_few_words(changes: dict[str, Any], words: str) -> None:
    assert summary(result(5, **{"status": "success", **changes})) == words
