"""Counted calls → the bodies of S4's endpoints. Pure."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any, Literal

from dashboard.bodies.models import (
    Alternative,
    CallFigures,
    DayFigures,
    InsightBody,
    ModelAnalyticsBody,
    ModelFigures,
    ProviderFigures,
    RecommendationBody,
    RecommendationMetrics,
    TaskFigures,
    TimeFigures,
    UserTypeFigures,
)
from dashboard.live.figures import percent, usd
from events.numbers import NANO_PER_USD
from metrics.intelligence.insights import Asked, insights, total
from metrics.intelligence.models import Calls
from metrics.intelligence.recommendation import Choice, Model, Priority, Recommendation, rank, recommend
from sinks.reading.calls import Key, by
from sinks.reading.chosen import OTHER, Chosen

GroupBy = Literal["model", "task_type", "provider", "time"]


def figures(calls: Calls) -> dict[str, Any]:
    """The fields of CallFigures."""
    return {
        "total_calls": calls.calls,
        "avg_response_time": calls.mean_ms,
        "success_rate": percent(calls.succeeded, calls.calls),
        "satisfaction_rate": percent(calls.thumbs_up, calls.ratings),
        "avg_tokens": calls.mean_tokens,
        "speed_score": calls.speed_score,
        "quality_score": calls.quality_score,
        "confidence": calls.confidence,
        "thumbs_up": calls.thumbs_up,
        "thumbs_down": calls.thumbs_down,
        "total_cost": usd(calls.cost_nano_usd),
        "avg_cost": None if calls.mean_nano_usd is None else calls.mean_nano_usd / NANO_PER_USD,
        "unpriced_calls": calls.calls - calls.priced,
        "untimed_calls": calls.calls - calls.timed,
        "avg_confidence": None if calls.mean_confidence is None else 100 * calls.mean_confidence,
    }


def analytics(counted: Mapping[Key, Calls], chosen: Chosen, days: int, group_by: GroupBy | None) -> ModelAnalyticsBody:
    """The whole answer of `GET /api/analytics/models`: groups with the most calls first, trends by day."""
    of_task, of_user_type = choices(counted, "task_type"), choices(counted, "user_type")
    by_model = [
        ModelFigures(model=model, provider=provider, **figures(some))
        for (model, provider), some in _most_first(by(counted, "model", "provider"))
    ]
    by_task = [
        TaskFigures(task_type=task, best_model=_best(of_task[task]), **figures(some))
        for (task,), some in _most_first(by(counted, "task_type"))
    ]
    by_provider = [
        ProviderFigures(provider=provider, **figures(some))
        for (provider,), some in _most_first(by(counted, "provider"))
    ]
    groups: dict[GroupBy, Any] = {"model": by_model, "task_type": by_task, "provider": by_provider}
    if group_by == "time":
        groups["time"] = [TimeFigures(date=key[0], **figures(some)) for key, some in sorted(_by_day(counted).items())]
    return ModelAnalyticsBody(
        days=days,
        task_type=chosen.task_type,
        model=chosen.model,
        group_by=group_by,
        summary=CallFigures(**figures(total(counted.values()))),
        by_model=by_model,
        by_task_type=by_task,
        by_provider=by_provider,
        by_user_type=[
            UserTypeFigures(user_type=kind, best_model=_best(of_user_type[kind]), **figures(some))
            for (kind,), some in _most_first(by(counted, "user_type"))
            if kind
        ],
        trends=[
            DayFigures(date=key[0], model=key[1], provider=key[2], **figures(some))
            for key, some in sorted(_by_day(counted, "model", "provider").items())
        ],
        recommendations=[
            InsightBody(kind=one.kind, level=one.level, text=one.text, numbers=one.numbers)
            for one in insights(_asked(counted))
        ],
        best_by_task=[
            recommendation(recommend(task, "balanced", models, days=days), days)
            for task, models in sorted(of_task.items())
            if task != OTHER and rank(models, "balanced")
        ],
        groups=None if group_by is None else groups[group_by],
    )


def recommendation(found: Recommendation, days: int, user_type: str | None = None) -> RecommendationBody:
    """A recommendation as S4's ModelRecommender answers it."""
    return RecommendationBody(
        task_type=found.task_type,
        priority=found.priority,
        user_type=user_type,
        days=days,
        basis=found.basis,
        model=found.chosen.model.model,
        provider=found.chosen.model.provider,
        confidence=found.confidence,
        reason=found.reason,
        metrics=_metrics(found.chosen),
        alternatives=[
            Alternative(
                model=one.model.model,
                provider=one.model.provider,
                confidence=one.calls.confidence,
                metrics=_metrics(one),
            )
            for one in found.alternatives
        ],
    )


def recommended(
    counted: Mapping[Key, Calls], task_type: str, priority: Priority, days: int, user_type: str | None
) -> RecommendationBody:
    """For users of a type by their own calls; where these are too few, by everybody's, with `userType` null."""
    if user_type is not None:
        own = choices({key: some for key, some in counted.items() if key.user_type == user_type}, "task_type")[
            task_type
        ]
        if rank(own, priority):
            return recommendation(recommend(task_type, priority, own, days=days), days, user_type)
    everybody = choices(counted, "task_type")[task_type]
    return recommendation(recommend(task_type, priority, everybody, days=days), days)


def _metrics(choice: Choice) -> RecommendationMetrics:
    shown = figures(choice.calls)
    return RecommendationMetrics(
        sample_size=choice.calls.calls,
        **{name: shown[name] for name in RecommendationMetrics.__struct_fields__ if name != "sample_size"},
    )


def choices(counted: Mapping[Key, Calls], field: str) -> dict[str, dict[Model, Calls]]:
    """Task, or type of users → the calls of its models; what has no name of its own is no choice."""
    found: defaultdict[str, dict[Model, Calls]] = defaultdict(dict)
    for (value, model, provider), some in by(counted, field, "model", "provider").items():
        if model != OTHER:
            found[value][Model(model, provider)] = some
    return found


def _best(models: Mapping[Model, Calls]) -> str | None:
    ranked = rank(models, "balanced")
    return ranked[0].model.model if ranked else None


def _asked(counted: Mapping[Key, Calls]) -> dict[Asked, Calls]:
    named = {key: some for key, some in counted.items() if OTHER not in (key.task_type, key.model)}
    return {
        Asked(task, complexity, Model(model, provider)): some
        for (task, complexity, model, provider), some in by(
            named, "task_type", "complexity", "model", "provider"
        ).items()
    }


def _by_day(counted: Mapping[Key, Calls], *fields: str) -> dict[tuple[Any, ...], Calls]:
    return by(counted, "day", *fields)


def _most_first(groups: Mapping[tuple[str, ...], Calls]) -> Iterable[tuple[tuple[str, ...], Calls]]:
    return sorted(groups.items(), key=lambda group: (-group[1].calls, group[0]))
