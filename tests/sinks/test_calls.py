"""Calls counted by SQL and judged by `metrics`: the same numbers as the views; and feedback in any order."""

import random
from datetime import UTC, datetime, timedelta
from typing import Any, get_args

import pytest
import sinking
from databases import Store
from test_views import ago, call, one, rating, rows, stored

from metrics.intelligence.insights import total
from metrics.intelligence.models import WINDOW_DAYS, Calls
from metrics.intelligence.recommendation import Model, Priority, rank, recommend
from sinks.reading.calls import by, calls, variants
from sinks.reading.chosen import NAMED, OTHER, Chosen

MONTH = Chosen(start=datetime.now(UTC) - timedelta(days=WINDOW_DAYS))
TASKS, MODELS = ("coding", "analysis", "chat"), ("small", "middle", "large", "rare")


def some_calls(seed: int, count: int) -> list[dict[str, Any]]:
    """Calls of unlike models: failing, untimed, unpriced, unrated, in three tasks."""
    chance = random.Random(seed)
    made = []
    for n in range(count):
        rank_ = chance.choices(range(4), (8, 6, 4, 0.5))[0]
        task = chance.choice(TASKS)
        fields: dict[str, Any] = {
            "model": MODELS[rank_],
            "provider": ("openai", "anthropic")[rank_ % 2],
            "task_type": task,
            "status": "failed" if chance.random() < 0.05 * (rank_ + 1) else "success",
            "input_tokens": chance.randrange(1_000),
            "output_tokens": chance.randrange(500),
            "event_time": ago(hours=chance.randrange(1, 40 * 24)),
            "attributes": {"user_type": chance.choice(("free", "pro"))},
            "variant": chance.choice("AB"),
        }
        if chance.random() < 0.9 and task != "chat":
            fields["latency_ms"] = chance.randrange(200, 12_000)
        if chance.random() < 0.9:
            fields["cost_usd"] = chance.randrange(1, 900) / 1e5
        made.append(call(str(n), **fields))
    return made


def some_ratings(seed: int, count: int) -> list[dict[str, Any]]:
    chance = random.Random(seed)
    return [rating(f"r{n}", message_id=f"msg-{n * 3}", rating=chance.choice((1, 1, -1))) for n in range(count)]


def history_of(store: Store, task: str) -> dict[Model, Calls]:
    grouped = by(calls(store.history, MONTH._replace(task_type=task)), "model", "provider")
    return {Model(*key): some for key, some in grouped.items()}


def test_recommendations_are_those_of_the_views(store: Store) -> None:
    stored(store.client, "results", some_calls(1, 400))
    stored(store.client, "feedback", some_ratings(2, 60))
    month = calls(store.history, MONTH)
    counted = {
        task: {
            Model(*key): some
            for key, some in by({k: v for k, v in month.items() if k.task_type == task}, "model", "provider").items()
        }
        for task in TASKS
    }
    for row in rows(store.client, "SELECT * FROM best_model_by_task"):
        found = recommend(row["task_type"], "balanced", counted.pop(row["task_type"]))
        assert (found.basis, found.chosen.model) == ("history", Model(row["model"], row["provider"]))
        assert figures(found.chosen.calls) == pytest.approx(figures_of(row))
        assert found.confidence == pytest.approx(row["confidence"])
    assert counted == {}
    coding = history_of(store, "coding")
    for priority in get_args(Priority):
        row = one(
            store.client,
            "SELECT * FROM get_best_model_for_task(task_type = 'coding', priority = {priority:String})",
            priority=priority,
        )
        assert recommend("coding", priority, coding).chosen.model == Model(row["model"], row["provider"])
    summary = rows(store.client, "SELECT * FROM get_model_performance_summary(days = 30)")
    by_model = by(month, "model", "provider")
    assert {(row["model"], row["provider"]): pytest.approx(figures_of(row)) for row in summary} == {
        key: figures(some) for key, some in by_model.items()
    }


def figures(some: Calls) -> dict[str, float | None]:
    return {
        "total_calls": some.calls,
        "success_rate": some.success_rate,
        "avg_response_time_ms": some.mean_ms,
        "avg_tokens": some.mean_tokens,
        "total_cost_usd": some.cost_nano_usd / 1e9,
        "unpriced_calls": some.calls - some.priced,
        "thumbs_up": some.thumbs_up,
        "thumbs_down": some.thumbs_down,
        "satisfaction_rate": some.satisfaction_rate,
        "speed_score": some.speed_score,
        "quality_score": some.quality_score,
        "confidence": some.confidence,
    }


def figures_of(row: dict[str, Any]) -> dict[str, float | None]:
    return {name: row[name] for name in figures(Calls(calls=1))}


def test_filters_choose_and_add_up(store: Store) -> None:
    stored(store.client, "results", some_calls(3, 200))
    everything = total(calls(store.history, Chosen()).values())
    assert everything.calls == 200
    parts = [
        total(calls(store.history, Chosen(user_type=kind, provider="openai")).values()) for kind in ("free", "pro")
    ]
    assert total(parts) == total(
        some for key, some in calls(store.history, Chosen(tier=1)).items() if key.provider == "openai"
    )
    assert calls(store.history, Chosen(run="nobody", model="small", component_type="x")) == {}
    middle = datetime.now(UTC) - timedelta(days=20)
    halves = [calls(store.history, half) for half in (Chosen(end=middle), Chosen(start=middle))]
    assert total(total(half.values()) for half in halves) == everything
    found = variants(store.history, Chosen(task_type="coding"))["coding"]
    again = rows(
        store.client,
        "SELECT toString(variant) AS variant, count() AS n, avg(latency_ms) AS mean, varSamp(latency_ms) AS variance "
        "FROM results FINAL WHERE task_type = 'coding' GROUP BY variant",
    )
    samples = {name: (some.calls.calls, some.latency_ms.mean, some.latency_ms.variance) for name, some in found.items()}
    assert samples == {row["variant"]: (row["n"], row["mean"], row["variance"]) for row in again}


def test_many_names_are_bounded_and_nothing_is_lost(store: Store) -> None:
    made = [call(str(n), model=f"m{n}") for n in range(NAMED + 50)] + [call(f"x{n}", model="often") for n in range(3)]
    stored(store.client, "results", made)
    counted = by(calls(store.history, Chosen()), "model")
    assert len(counted) == NAMED + 1
    assert counted[("often",)].calls == 3
    assert sum(some.calls for some in counted.values()) == len(made)
    assert counted[(OTHER,)].calls == 51


def test_of_too_many_groups_the_store_says_whose_names_are_told(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    stored(store.client, "results", some_calls(3, 200))
    told = calls(store.history, Chosen())
    monkeypatch.setattr("sinks.reading.calls.MOST_GROUPS", 5)
    assert calls(store.history, Chosen()) == told


@pytest.mark.parametrize(
    "order", [("up", "results", "down"), ("down", "up", "results"), ("results", "down", "up")], ids="-".join
)
def test_feedback_joins_whenever_it_arrives(store: Store, order: tuple[str, ...]) -> None:
    """A rating before its result, two ratings in either order of arrival: the one said last by the log counts."""
    for offset, what in enumerate(order):
        if what == "results":
            stored(store.client, "results", [call("1", conversation_id="talk")])
        else:
            word = rating(what, conversation_id="talk", rating=1 if what == "up" else -1)
            stored_at(store, word, offset)
    found = total(calls(store.history, Chosen()).values())
    last_up = order.index("up") > order.index("down")
    assert (found.thumbs_up, found.thumbs_down) == ((1, 0) if last_up else (0, 1))


def stored_at(store: Store, word: dict[str, Any], offset: int) -> None:
    sinking.stored(store.client, "feedback", [word], first_offset=offset)


def test_a_ranking_needs_calls_enough(store: Store) -> None:
    stored(store.client, "results", [call(str(n), model="four") for n in range(4)])
    counted = history_of(store, "coding")
    assert rank(counted, "balanced") == []
    assert recommend("coding", "balanced", counted).basis == "rules"


def test_a_runs_ratings_are_those_of_the_view_wherever_they_were_given(store: Store) -> None:
    """Of the run's own, of a run with calls of the same, and of one that has none of these, where all runs matter."""
    chance = random.Random(4)
    runs = ("one", "two", "three")
    made = [
        call(f"{run}-{n}", run_id=run, message_id=f"m{n}", conversation_id=f"t{n % 7}", event_time=ago(hours=40 - n))
        | {"model": chance.choice(MODELS), "status": chance.choice(("failed", "success"))}
        for run in runs
        for n in range(30)
        if run != "three" or n < 10
    ]
    words = [
        rating(f"w{n}", run_id=chance.choice(runs), event_time=ago(hours=chance.randrange(1, 39)))
        | {("message_id", "conversation_id")[n % 2]: f"{'mt'[n % 2]}{n}", "rating": chance.choice((1, -1))}
        for n in range(12)
    ]
    stored(store.client, "results", made + made[::5])
    seen = []
    for strays in ([], [rating("lost", run_id="nowhere", message_id="m3", rating=1, event_time=ago(hours=2))]):
        stored(store.client, "feedback", words + strays)
        for run in (*runs, "nowhere"):
            rated = rows(
                store.client,
                "SELECT countIf(user_rating = 1) AS up, countIf(user_rating = -1) AS down FROM result_ratings "
                "WHERE run_id = {run:String}",
                run=run,
            )
            found = total(calls(store.history, Chosen(run=run)).values())
            assert [{"up": found.thumbs_up, "down": found.thumbs_down}] == rated
            seen.append(rated)
    assert seen[:3] != seen[4:7]  # the lost one found a call
