"""A model that is made up: latencies, tokens, prices, failures and answers as a provider's would be, from a seed.

What a call gives depends on the seed, the image, the tier and the attempt alone, never on the order of calls. Only the
rate limit that is left looks at the clock.
"""

import math
import random
from collections import deque
from collections.abc import Callable
from typing import NamedTuple

from processors.clock import Clock
from processors.errors import CallError
from processors.identity import draws
from processors.models.base import Outcome, Request, mean_confidence, rows_by_table
from processors.models.outputs import Said, gaps_found, identified, organized
from processors.models.scenes import Scene

PRICE_VERSION = "S2-2025-11"
VERSIONS = {
    "gpt-4o-mini": "2024-07-18",
    "gpt-4o-mini-context": "2024-07-18",
    "gpt-4o": "2024-11-20",
    "claude-haiku": "4-5-20251001",
}
FAILS, FAILS_TWICE = 0.02, 0.003
"""Shares of (image, tier) whose first call, and whose first two calls, fail; no third does."""
TIMEOUT_S = 30.0
CALLS_PER_MINUTE = 500
"""The provider's rate limit, in simulated time."""
SPREAD = 0.35
"""Sigma of the log-normal latency."""


class Task(NamedTuple):
    """How a tier's calls are: median latency, tokens in and out (ranges), and what is said."""

    median_ms: float
    input_tokens: tuple[int, int]
    output_tokens: tuple[int, int]
    say: Callable[[Request, Scene, random.Random], Said]


TASKS: dict[int, Task] = {
    1: Task(1_400, (1_050, 1_300), (90, 150), organized),
    2: Task(2_900, (1_500, 2_600), (180, 420), identified),
    3: Task(7_500, (1_800, 2_400), (420, 760), gaps_found),
}


class SimulatedModel:
    """Looks at scenes instead of images. Waiting takes latency / `speed` seconds of the clock."""

    def __init__(self, scenes: dict[str, Scene], *, seed: int, clock: Clock, speed: float = 1.0) -> None:
        self._scenes = scenes
        self._seed = seed
        self._clock = clock
        self._speed = speed
        self._calls: deque[float] = deque()

    async def look(self, request: Request) -> Outcome:
        """One call. Raises CallError: `rate_limited`, `server_error`, `timeout` (retryable), `invalid_output` (not)."""
        image_id, tier, attempt = request.image.image_id, request.tier, request.attempt
        task, scene = TASKS[tier], self._scenes[image_id]
        remaining = self._rate_limit_remaining()
        rng = draws(self._seed, image_id, tier, attempt)
        if attempt <= self._failures(image_id, tier):
            error = _refused(rng)
            await self._wait(error.latency_ms or 0.0)
            raise error
        latency_ms = round(rng.lognormvariate(math.log(task.median_ms), SPREAD), 1)
        await self._wait(latency_ms)
        tokens = rng.randint(*task.input_tokens), rng.randint(*task.output_tokens)
        if not scene.readable:
            raise _unusable(request, latency_ms, tokens)
        return _outcome(request, task.say(request, scene, rng), rng, latency_ms, tokens, remaining)

    def _failures(self, image_id: str, tier: int) -> int:
        draw = draws(self._seed, image_id, tier, "failures").random()
        return (draw < FAILS) + (draw < FAILS_TWICE)

    async def _wait(self, milliseconds: float) -> None:
        await self._clock.sleep(milliseconds / 1e3 / self._speed)

    def _rate_limit_remaining(self) -> int:
        now = self._clock.monotonic() * self._speed
        self._calls.append(now)
        while self._calls[0] < now - 60:
            self._calls.popleft()
        return max(0, CALLS_PER_MINUTE - len(self._calls))


def _outcome(
    request: Request, said: Said, rng: random.Random, latency_ms: float, tokens: tuple[int, int], remaining: int
) -> Outcome:
    input_tokens, output_tokens = tokens
    cached = input_tokens * 3 // 5 if rng.random() < _cache_share(request) else 0
    return Outcome(
        model_version=VERSIONS.get(request.model),
        latency_ms=latency_ms,
        input_tokens=input_tokens,
        output_tokens=output_tokens,
        cached_tokens=cached,
        tokens_saved=cached,
        cache_hit=cached > 0,
        cost_usd=request.unit_cost_usd,
        cost_source="local",
        price_version=PRICE_VERSION,
        confidence=mean_confidence(said.answers),
        answers=said.answers,
        questions_asked=len(said.answers) + (rng.random() < 0.25),
        tables=rows_by_table(said.answers),
        insights=said.insights,
        gaps=said.gaps,
        findings=said.findings or None,
        output=said.output,
        rate_limit=CALLS_PER_MINUTE,
        rate_limit_remaining=remaining,
    )


def _unusable(request: Request, latency_ms: float, tokens: tuple[int, int]) -> CallError:
    """A call that the provider answered, and bills, with what nobody can use."""
    return CallError(
        "invalid_output",
        "the model's answer was not the JSON asked for, and would not be on another try",
        latency_ms=latency_ms,
        input_tokens=tokens[0],
        output_tokens=tokens[1],
        cost_usd=request.unit_cost_usd,
    )


def _cache_share(request: Request) -> float:
    """How often a prompt's context is found in the provider's cache: the more context, the longer the shared part."""
    return 0.15 + request.context.score / 150 if request.tier > 1 else 0.1


def _refused(rng: random.Random) -> CallError:
    """A call that the provider did not answer, and does not bill."""
    kind = rng.choices(("rate_limited", "server_error", "timeout"), (5, 3, 2))[0]
    if kind == "timeout":
        text = f"no answer within {TIMEOUT_S:.0f} s"
        return CallError(kind, text, retryable=True, timeout=True, latency_ms=TIMEOUT_S * 1e3, cost_usd=0.0)
    text, (low, high) = {
        "rate_limited": ("429: too many requests", (80, 200)),
        "server_error": ("503: the model is overloaded", (500, 2_000)),
    }[kind]
    return CallError(kind, text, retryable=True, latency_ms=round(rng.uniform(low, high), 1), cost_usd=0.0)
