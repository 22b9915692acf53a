"""Which model to take for a task, and why (S4, Model Recommender; DETAILS.md, Models)."""

from collections.abc import Callable, Iterable, Mapping
from typing import Literal, NamedTuple

from metrics.intelligence.models import FEWEST_CALLS, NO_CALLS, WINDOW_DAYS, Calls

Priority = Literal["speed", "quality", "cost", "balanced"]
ALTERNATIVES = 3


class Model(NamedTuple):
    """A model and who provides it."""

    model: str
    provider: str


class Choice(NamedTuple):
    """A model, and the calls that speak for it."""

    model: Model
    calls: Calls


class Recommendation(NamedTuple):
    """`basis` `rules`: no model had calls enough, `confidence` is 0. `alternatives`: next best first."""

    task_type: str
    priority: Priority
    basis: Literal["history", "rules"]
    chosen: Choice
    confidence: float
    reason: str
    alternatives: list[Choice]


def _success_and_satisfaction(calls: Calls) -> float:
    satisfaction = calls.satisfaction_rate
    return ((calls.success_rate or 0.0) + (satisfaction or 0.0)) / (1 + (satisfaction is not None))


_MEASURES: dict[Priority, Callable[[Calls], float]] = {
    "speed": lambda calls: -(float("inf") if calls.mean_ms is None else calls.mean_ms),
    "quality": _success_and_satisfaction,
    "cost": lambda calls: -(calls.mean_tokens or 0.0),
    "balanced": lambda calls: calls.quality_score or 0.0,
}
"""The higher, the better (S4, Priorities: cost is the lowest token usage)."""

HAIKU, SONNET = Model("claude-haiku-4-5", "anthropic"), Model("claude-sonnet-4-5", "anthropic")
MINI, FULL = Model("gpt-4o-mini", "openai"), Model("gpt-4o", "openai")
_RULES: dict[Priority, dict[str, Model]] = {
    "speed": {"": HAIKU},
    "cost": {"": MINI},
    "quality": {"coding": SONNET, "creative": SONNET, "": FULL},
    "balanced": {
        "coding": SONNET,
        "analysis": FULL,
        "reasoning": SONNET,
        "creative": SONNET,
        "function_calling": FULL,
        "image_organization": MINI,
        "part_identification": MINI,
        "gap_finding": FULL,
        "": HAIKU,
    },
}
"""For who has no history yet: S4's example insights and S2's routing. "" is any other task."""


def recommend(
    task_type: str, priority: Priority, history: Mapping[Model, Calls], *, days: int = WINDOW_DAYS
) -> Recommendation:
    """The best model for a task by `priority`; `history`: the task's calls of the last `days`, by model.

    Models with fewer than FEWEST_CALLS are not compared; where none is left a rule answers, and `reason` says so.
    """
    ranked = rank(history, priority)
    if ranked:
        best = ranked[0]
        reason = _reason(priority, task_type, best.calls)
        return Recommendation(
            task_type, priority, "history", best, best.calls.confidence, reason, ranked[1 : 1 + ALTERNATIVES]
        )
    rules = _RULES[priority]
    model = rules.get(task_type, rules[""])
    most = max((calls.calls for calls in history.values()), default=0)
    reason = (
        f"a rule for {task_type} by {priority}, not history: no model has {FEWEST_CALLS} calls for it in the last "
        f"{days} days (the most is {most})"
    )
    return Recommendation(
        task_type, priority, "rules", Choice(model, history.get(model, NO_CALLS)), 0.0, reason, alternatives=[]
    )


def rank(history: Mapping[Model, Calls], priority: Priority) -> list[Choice]:
    """The models with calls enough, best first; equals by quality score, calls and name."""
    measure = _MEASURES[priority]
    enough = [Choice(model, calls) for model, calls in history.items() if calls.calls >= FEWEST_CALLS]
    return sorted(
        enough,
        key=lambda one: (-measure(one.calls), -(one.calls.quality_score or 0.0), -one.calls.calls, one.model),
    )


def _reason(priority: Priority, task_type: str, calls: Calls) -> str:
    """Why, as S4 words it: "best overall performance for coding (quality score: 92)"."""
    if priority == "speed":
        time = "no time said" if calls.mean_ms is None else f"{calls.mean_ms:,.0f} ms on average"
        return f"fastest response time for {task_type} ({time})"
    if priority == "quality":
        liked = calls.satisfaction_rate
        rated = "" if liked is None else f", {liked:.0%} satisfaction"
        return f"highest success and satisfaction for {task_type} ({calls.success_rate or 0:.0%} success{rated})"
    if priority == "cost":
        return f"lowest token usage for {task_type} ({calls.mean_tokens or 0:,.0f} tokens a call)"
    return f"best overall performance for {task_type} (quality score: {calls.quality_score or 0:.0f})"


_CODE = ("```", "def ", "class ", "function ", "import ", "traceback", "stack trace", "debug", "refactor", "compile")
_WORDS: Iterable[tuple[str, tuple[str, ...]]] = (
    ("coding", _CODE),
    ("function_calling", ("call the api", "api request", "webhook", "invoke the tool", "use the tool")),
    ("file_processing", ("this file", "this document", "transcript", "attached", ".pdf", ".csv")),
    ("analysis", ("analyze", "analyse", "compare", "evaluate", "statistics", "data set", "dataset")),
    ("reasoning", ("prove", "calculate", "solve", "step by step", "logic", "equation")),
    ("creative", ("write a story", "poem", "slogan", "blog post", "lyrics", "creative")),
)


def task_type_of(message: str, *, has_code: bool = False) -> str:
    """S4's task type of a message by its words: the first that fits, else `general_chat`."""
    text = message.lower()
    if has_code:
        return "coding"
    return next((task for task, words in _WORDS if any(word in text for word in words)), "general_chat")
