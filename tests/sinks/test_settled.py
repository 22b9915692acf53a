"""Sums that stand ready: what they answer is what counting one by one answers, however the rows lie in parts."""

import random
from collections import defaultdict
from collections.abc import Callable
from datetime import UTC, datetime
from statistics import mean
from typing import Any

import pytest
from databases import Store, merge
from sinking import image, stored

from events.envelope import epoch_ms
from metrics.fold.bands import band
from metrics.fold.buckets import moment
from metrics.intelligence.models import NO_CALLS, Calls
from sinks.reading import prices as pricing
from sinks.reading import settled
from sinks.reading.calls import Key, calls
from sinks.reading.chosen import Chosen
from sinks.reading.history import History
from sinks.reading.settled import Standing

RUNS = ("r", "s", "t")
ASKED = (
    Chosen(),
    Chosen(run="r"),
    Chosen(run="s", model="small", tier=2),
    Chosen(user_type="pro", component_type="door"),
    Chosen(provider="openai", task_type="coding", start=datetime(2026, 11, 1, 3, tzinfo=UTC)),
    Chosen(start=datetime(2026, 11, 1, 1, 20, tzinfo=UTC), end=datetime(2026, 11, 1, 7, 40, 0, 1_000, tzinfo=UTC)),
    Chosen(run="r", start=datetime(2026, 11, 1, 2, 10, tzinfo=UTC), end=datetime(2026, 11, 1, 2, 50, tzinfo=UTC)),
    Chosen(run="nobody"),
)


def made(seed: int, numbers: range, runs: tuple[str, ...] = RUNS) -> list[dict[str, Any]]:
    """Results of unlike calls; with another seed the same events say otherwise."""
    chance = random.Random(seed)
    found = []
    for n in numbers:
        fields: dict[str, Any] = {
            "image_id": f"i{(n + seed) % 30}",
            "run_id": runs[n % len(runs)],
            "event_time": f"2026-11-01T{chance.randrange(10):02}:{chance.randrange(60):02}:{chance.randrange(60):02}Z",
            "model": chance.choice(("small", "large")),
            "provider": chance.choice(("openai", "google")),
            "task_type": chance.choice(("coding", "chat")),
            "tier": chance.randrange(4),
            "status": chance.choice(("success", "success", "failed")),
            "attributes": {"user_type": chance.choice(("free", "pro"))},
            "input_tokens": chance.randrange(100),
        }
        optional = {
            "component_type": "door", "task_complexity": "simple", "latency_ms": chance.randrange(900),
            "cost_usd": chance.randrange(1, 900) / 1e5, "confidence": chance.randrange(100) / 100,
            "context_score": float(chance.choice((0, 9.5, 10, 30, 59, 60, 99))),
        }  # fmt: skip
        found.append(image(str(n), **fields, **{name: v for name, v in optional.items() if chance.random() < 0.7}))
    return found


def said(numbers: range) -> list[dict[str, Any]]:
    """Ratings, of which some were given in another run than the subject's, or in none."""
    return [
        {"event_type": "feedback.recorded", "event_id": f"w{n}", "event_time": "2026-11-01T05:00:00Z",
         "run_id": ("r", "s", "t", "elsewhere")[n % 4], "image_id": f"i{n}", "rating": (1, -1)[n % 3 == 0]}
        for n in numbers
    ]  # fmt: skip


def as_documented(store: Store) -> list[dict[str, Any]]:
    """Every result once with its rating: by FINAL and the view of ratings. What is dear is to plan that, so once."""
    sql = """
SELECT results.*, results.user_type AS user_type, rated.user_rating AS user_rating
FROM (SELECT *, user_type FROM results FINAL) AS results
LEFT JOIN (SELECT run_id, source_partition, event_id, user_rating FROM result_ratings) AS rated
    USING (run_id, source_partition, event_id)"""
    return store.history.rows(sql)


def among(rows: list[dict[str, Any]], chosen: Chosen) -> list[dict[str, Any]]:
    equal = {name: value for name, value in chosen._asdict().items() if value is not None}
    start, end = equal.pop("start", None), equal.pop("end", None)
    names = {"run": "run_id"}
    return [
        row
        for row in rows
        if all(row[names.get(name, name)] == value for name, value in equal.items())
        and (start is None or row["effective_ms"] >= epoch_ms(start))
        and (end is None or row["effective_ms"] < epoch_ms(end))
    ]


def one_by_one(rows: list[dict[str, Any]]) -> dict[Key, Calls]:
    found: defaultdict[Key, Calls] = defaultdict(lambda: NO_CALLS)
    for row in rows:
        day = moment(row["effective_ms"]).date()
        labels = row["task_type"], row["model"], row["provider"], row["task_complexity"] or "", row["user_type"]
        found[Key(day, *labels)] += Calls(
            calls=1,
            succeeded=row["status"] != "failed",
            latency_ms=row["latency_ms"] or 0,
            timed=row["latency_ms"] is not None,
            tokens=row["input_tokens"] + row["output_tokens"],
            cost_nano_usd=row["cost_nano_usd"] or 0,
            priced=row["cost_nano_usd"] is not None,
            thumbs_up=row["user_rating"] == 1,
            thumbs_down=row["user_rating"] == -1,
            confidence_ppm=row["confidence_ppm"] or 0,
            sure=row["confidence_ppm"] is not None,
        )
    return dict(found)


def known(rows: list[dict[str, Any]], figure: str) -> dict[str, list[int]]:
    """Band → this figure of its results past tier 1 that did not fail, where enough of them say it."""
    found: defaultdict[str, list[int]] = defaultdict(list)
    for row in rows:
        told = row["tier"] > 1 and row["status"] != "failed" and row["context_score"] is not None
        if told and row[figure] is not None:
            found[band(row["context_score"])].append(row[figure])
    return {name: values for name, values in found.items() if len(values) >= pricing.FEWEST}


def agree(store: Store, *asked: int) -> Calls:
    """These questions' answers are those of counting one by one; all calls together."""
    everything = as_documented(store)
    for chosen in (ASKED[n] for n in asked):
        rows = among(everything, chosen)
        assert calls(store.history, chosen) == one_by_one(rows), chosen
        found, costs = pricing.prices(store.history, chosen), known(rows, "cost_nano_usd")
        assert {name: found.by_band_nano_usd[name] for name in costs} == {n: round(mean(c)) for n, c in costs.items()}
        assert found.basis == ("measured" if costs else "list")
        sure = known(rows, "confidence_ppm")
        assert found.confidence == pytest.approx({name: mean(ppm) / 1e6 for name, ppm in sure.items()})
    return sum(one_by_one(everything).values(), NO_CALLS)


def stands(store: Store) -> Standing:
    found = settled._standing(store.history.look())
    assert found is not None
    return found


def test_however_the_rows_lie(resting: Store) -> None:
    stored(resting.client, "feedback", said(range(20)))
    fresh = made(1, range(150))
    stored(resting.client, "results", [*fresh, *made(2, range(0, 150, 7))])
    stored(resting.client, "results", made(3, range(0, 150, 5)), first_offset=300)  # repeats in a part of their own
    assert agree(resting, 0, 1).calls == 150
    merge(resting)
    assert stands(resting).unsettled == []
    assert agree(resting, 2, 5, 6).calls == 150

    stored(resting.client, "results", made(4, range(0, 18, 6), ("r", "s")), first_offset=400)
    stored(resting.client, "results", [*fresh[60:63:3], *made(5, range(150, 156, 3))], first_offset=500)
    stored(resting.client, "results", made(6, range(500, 505), ("u",)), first_offset=600)
    assert sorted(stands(resting).unsettled) == ["r", "u"]  # and s and t are settled
    assert agree(resting, 0, 7).calls == 157
    stored(resting.client, "results", fresh[60:63:3], first_offset=60)  # the very same record once more
    stored(resting.client, "results", made(7, range(3, 4)), first_offset=0)  # one that is first, though it came late
    assert agree(resting, 3, 5).calls == 157

    stored(resting.client, "results", fresh, first_offset=700)  # a whole replay
    assert set(stands(resting).unsettled) == {*RUNS, "u"}
    assert agree(resting, 1).calls == 157
    merge(resting)
    assert stands(resting).unsettled == []
    assert agree(resting, 0, 4).calls == 157


def test_what_moves_meanwhile_is_asked_again(resting: Store) -> None:
    """A part that is gone by the end of an answer may have been gone at its beginning."""
    stored(resting.client, "results", made(1, range(30)))
    merge(resting)

    def after(change: Callable[[], object], times: int) -> list[Standing | None]:
        told: list[Standing | None] = []

        def ask(standing: Standing | None) -> int:
            told.append(standing)
            if len(told) <= times:
                change()
            return len(told)

        assert settled.exact(resting.history, ask, resting.history.look()) == len(told)
        return told

    def replaced() -> None:
        stored(resting.client, "results", made(2, range(3)), first_offset=100)
        merge(resting)

    assert len(after(lambda: stored(resting.client, "results", made(3, range(3)), first_offset=90), 1)) == 1
    merge(resting)
    first, second = after(replaced, 1)
    assert first is not None
    assert second is not None
    assert set(first.parts).isdisjoint(second.parts)
    assert [standing is None for standing in after(replaced, 9)] == [False, False, False, True]


def test_what_was_seen_before_is_told_while_it_holds(resting: Store) -> None:
    """Nobody looks before the question; what moved since the last one is found afterwards."""
    stored(resting.client, "results", made(1, range(30)))
    merge(resting)
    told: list[Standing | None] = []
    history = History(resting.client)

    def unsettled() -> list[list[str]]:
        told.clear()
        settled.exact(history, told.append)
        return [standing.unsettled for standing in told if standing is not None]

    assert unsettled() == [[]]
    stored(resting.client, "results", made(2, range(0, 9, 3)), first_offset=100)
    assert unsettled() == [[], ["r"]]
    stored(resting.client, "results", made(3, range(0, 9, 3)), first_offset=200)
    assert unsettled() == [["r"]]  # it is counted through FINAL, wherever it stands
    stored(resting.client, "results", made(4, range(500, 503), ("u",)), first_offset=300)
    assert unsettled() == [["r"], ["r", "u"]]
    merge(resting)
    assert unsettled() == [["r", "u"], []]
    assert agree(resting, 0).calls == 33

    resting.client.command("TRUNCATE TABLE results")
    stored(resting.client, "results", made(5, range(30)))
    merge(resting)
    assert unsettled() == [[], []]
    assert agree(resting, 0).calls == 30


def test_more_runs_that_do_not_rest_than_a_question_names(resting: Store) -> None:
    many = [image(str(n), run_id=f"run-{n:03}", model="m", cost_usd=0.5) for n in range(103)]
    stored(resting.client, "results", [*many, *many])
    assert settled._standing(resting.history.look()) is None
    assert sum(calls(resting.history, Chosen()).values(), NO_CALLS).calls == 103


def test_sums_are_read_where_they_stand(resting: Store) -> None:
    """A figure that the projection lacks would send the question through every result."""
    stored(resting.client, "results", made(1, range(30)))
    merge(resting)
    asked: list[tuple[str, Any]] = []

    class Listening(History):
        def rows(self, sql: str, parameters: Any = None) -> list[dict[str, Any]]:
            asked.append((sql, parameters))
            return super().rows(sql, parameters)

    history = Listening(resting.client)
    for ask in (calls, pricing.prices):
        for chosen in (Chosen(), Chosen("r", None, None, "m", 1, "p", "c", "t", "u")):
            asked.clear()
            ask(history, chosen)
            plans = [resting.client.query(f"EXPLAIN {sql}", given).result_rows for sql, given in asked]
            assert any("(calls_by_hour)" in line for plan in plans for (line,) in plan), chosen
            first, *_, last = plans
            assert not any(".results)" in line for plan in (first, last) for (line,) in plan)
