"""What the calls say that is worth a sentence, with its numbers (S4, Performance Insights)."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from functools import reduce
from operator import add
from typing import Literal, NamedTuple

from metrics.intelligence.models import FEWEST_CALLS, NO_CALLS, Calls
from metrics.intelligence.recommendation import Model

Kind = Literal["faster", "more_reliable", "preferred", "slow_task", "low_satisfaction"]
Level = Literal["success", "warning"]

WORTH_RATIO = 1.2
"""A model that is so much faster is worth saying."""
WORTH_POINTS = 1.0
"""So many percentage points of success more."""
SLOW_MS = 5_000
LIKED, DISLIKED = 0.75, 0.70


class Asked(NamedTuple):
    """What calls have in common. `complexity` is empty where not said."""

    task_type: str
    complexity: str
    model: Model


class Insight(NamedTuple):
    """A sentence, and what it rests on."""

    kind: Kind
    level: Level
    text: str
    numbers: dict[str, float | int | str]


def insights(calls: Mapping[Asked, Calls]) -> list[Insight]:
    """Every insight; a model speaks with FEWEST_CALLS calls (timed, rated) or more. Successes first, then warnings."""
    by_task: defaultdict[str, dict[Model, Calls]] = defaultdict(dict)
    by_complexity: defaultdict[str, dict[Model, Calls]] = defaultdict(dict)
    for asked, some in calls.items():
        for group, name in ((by_task, asked.task_type), (by_complexity, asked.complexity)):
            group[name][asked.model] = group[name].get(asked.model, NO_CALLS) + some
    by_complexity.pop("", None)
    tasks = sorted(by_task)
    found = [
        *(_faster(name, by_complexity[name]) for name in sorted(by_complexity)),
        *(_more_reliable(task, by_task[task]) for task in tasks),
        *(_preferred(task, by_task[task]) for task in tasks),
        *(_slow(task, total(by_task[task].values())) for task in tasks),
        _disliked(total(calls.values())),
    ]
    return [insight for insight in found if insight is not None]


def total(calls: Iterable[Calls]) -> Calls:
    """All of them together."""
    return reduce(add, calls, NO_CALLS)


def _faster(complexity: str, models: Mapping[Model, Calls]) -> Insight | None:
    """The fastest model against the next one."""
    timed = sorted((one.mean_ms, model) for model, one in models.items() if one.timed >= FEWEST_CALLS and one.mean_ms)
    if len(timed) < 2:
        return None
    (ms, model), (next_ms, next_model) = timed[:2]
    if next_ms < WORTH_RATIO * ms:
        return None
    return Insight(
        "faster",
        "success",
        f"{model.model} is {next_ms / ms:.1f}x faster for {complexity} tasks",
        {
            "model": model.model,
            "comparedWith": next_model.model,
            "complexity": complexity,
            "avgResponseTime": ms,
            "comparedAvgResponseTime": next_ms,
            "ratio": next_ms / ms,
            "sampleSize": models[model].timed,
            "comparedSampleSize": models[next_model].timed,
        },
    )


def _more_reliable(task: str, models: Mapping[Model, Calls]) -> Insight | None:
    """The most reliable model against the next one."""
    rated = sorted(
        (-(one.success_rate or 0.0), -one.calls, model) for model, one in models.items() if one.calls >= FEWEST_CALLS
    )
    if len(rated) < 2:
        return None
    (rate, calls, model), (next_rate, next_calls, next_model) = rated[:2]
    points = 100 * (next_rate - rate)
    if points < WORTH_POINTS:
        return None
    return Insight(
        "more_reliable",
        "success",
        f"{model.model} has {points:.0f}% higher success rate for {task} tasks",
        {
            "model": model.model,
            "comparedWith": next_model.model,
            "taskType": task,
            "successRate": -100 * rate,
            "comparedSuccessRate": -100 * next_rate,
            "points": points,
            "sampleSize": -calls,
            "comparedSampleSize": -next_calls,
        },
    )


def _preferred(task: str, models: Mapping[Model, Calls]) -> Insight | None:
    """The model that users like most, where they could tell at least two apart."""
    rated = sorted(
        (-(one.satisfaction_rate or 0.0), -one.ratings, model)
        for model, one in models.items()
        if one.ratings >= FEWEST_CALLS
    )
    if len(rated) < 2 or -rated[0][0] < LIKED or rated[0][0] == rated[1][0]:
        return None
    (rate, ratings, model), (next_rate, _, next_model) = rated[:2]
    return Insight(
        "preferred",
        "success",
        f"Users prefer {model.model} for {task} ({-rate:.0%} satisfaction)",
        {
            "model": model.model,
            "comparedWith": next_model.model,
            "taskType": task,
            "satisfactionRate": -100 * rate,
            "comparedSatisfactionRate": -100 * next_rate,
            "ratings": -ratings,
        },
    )


def _slow(task: str, calls: Calls) -> Insight | None:
    if calls.timed < FEWEST_CALLS or calls.mean_ms is None or calls.mean_ms <= SLOW_MS:
        return None
    name = task.replace("_", " ").capitalize()
    return Insight(
        "slow_task",
        "warning",
        f"{name} tasks are slow ({calls.mean_ms / 1000:.1f}s avg). Consider optimizing prompts.",
        {"taskType": task, "avgResponseTime": calls.mean_ms, "threshold": SLOW_MS, "sampleSize": calls.timed},
    )


def _disliked(calls: Calls) -> Insight | None:
    rate = calls.satisfaction_rate
    if calls.ratings < FEWEST_CALLS or rate is None or rate >= DISLIKED:
        return None
    return Insight(
        "low_satisfaction",
        "warning",
        f"User satisfaction is at {rate:.0%}. Review model quality.",
        {"satisfactionRate": 100 * rate, "threshold": 100 * DISLIKED, "ratings": calls.ratings},
    )
