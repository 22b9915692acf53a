"""How good a model is at a task, from its calls (S4, Metrics & Scoring; DETAILS.md, Models).

The views `best_model_by_task`, `get_best_model_for_task` and `get_model_performance_summary` say the same by SQL
(metrics/views/models.py); a test compares them. Rates are 0-1 here, scores and confidence 0-100.
"""

from math import sqrt

import msgspec

from events.numbers import PPM

FEWEST_CALLS = 5
"""Of a model and task; below that no recommendation (S4, Troubleshooting)."""
WINDOW_DAYS = 30
CALLS_FOR_CERTAINTY = 100
Z_95 = 1.959963984540054
"""Of the normal distribution, both sides of 95 %."""

_SUCCESS, _SATISFACTION, _SPEED = 0.4, 0.4, 0.2
_SAMPLE, _RELIABILITY, _LIKED = 0.5, 0.3, 0.2


class Calls(msgspec.Struct, frozen=True, kw_only=True):
    """Counts of some calls; what two sets of calls have together is their sum.

    `succeeded`: not failed. `timed` said their latency, `priced` their cost, `sure` their own confidence.
    `tokens`: sent and received.
    """

    calls: int = 0
    succeeded: int = 0
    latency_ms: int = 0
    timed: int = 0
    tokens: int = 0
    cost_nano_usd: int = 0
    priced: int = 0
    thumbs_up: int = 0
    thumbs_down: int = 0
    confidence_ppm: int = 0
    sure: int = 0

    def __add__(self, other: "Calls") -> "Calls":
        return Calls(**{name: getattr(self, name) + getattr(other, name) for name in Calls.__struct_fields__})

    @property
    def success_rate(self) -> float | None:
        """Not failed / calls."""
        return self.succeeded / self.calls if self.calls else None

    @property
    def mean_ms(self) -> float | None:
        """Of the calls that said their time."""
        return self.latency_ms / self.timed if self.timed else None

    @property
    def mean_tokens(self) -> float | None:
        """Tokens a call."""
        return self.tokens / self.calls if self.calls else None

    @property
    def mean_nano_usd(self) -> float | None:
        """Of the calls that said their cost."""
        return self.cost_nano_usd / self.priced if self.priced else None

    @property
    def mean_confidence(self) -> float | None:
        """0-1, of the calls that said theirs."""
        return self.confidence_ppm / self.sure / PPM if self.sure else None

    @property
    def ratings(self) -> int:
        """Calls rated up or down."""
        return self.thumbs_up + self.thumbs_down

    @property
    def satisfaction_rate(self) -> float | None:
        """Up / (up + down); None where nobody rated."""
        return self.thumbs_up / self.ratings if self.ratings else None

    @property
    def speed_score(self) -> float | None:
        """max(0, 100 − min(100, mean ms / 100)) (S4, Speed Score); None where no call said its time."""
        return None if self.mean_ms is None else max(0.0, 100 - min(100.0, self.mean_ms / 100))

    @property
    def quality_score(self) -> float | None:
        """40 % success, 40 % satisfaction, 20 % speed; what is unknown leaves its weight to the others."""
        if self.success_rate is None:
            return None
        satisfaction, speed = self.satisfaction_rate, self.speed_score
        score = _SUCCESS * 100 * self.success_rate
        score += _SATISFACTION * 100 * (satisfaction or 0.0) + _SPEED * (speed or 0.0)
        return score / (_SUCCESS + _SATISFACTION * (satisfaction is not None) + _SPEED * (speed is not None))

    @property
    def confidence(self) -> float:
        """How sure the quality score is: 50 % the sample, 30 % success, 20 % satisfaction (S4, Confidence Score).

        The latter two by the width of their Wilson interval; satisfaction that nobody rated adds nothing.
        """
        if not self.calls:
            return 0.0
        share = _SAMPLE * min(1.0, self.calls / CALLS_FOR_CERTAINTY)
        share += _RELIABILITY * (1 - width(wilson(self.succeeded, self.calls)))
        if self.ratings:
            share += _LIKED * (1 - width(wilson(self.thumbs_up, self.ratings)))
        return 100 * share


NO_CALLS = Calls()


def wilson(successes: int, n: int, z: float = Z_95) -> tuple[float, float]:
    """The score interval of a share, 0-1 (Wilson 1927); of nothing it is everything."""
    if n == 0:
        return 0.0, 1.0
    rate = successes / n
    middle = (rate + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z * sqrt(rate * (1 - rate) / n + z**2 / (4 * n**2)) / (1 + z**2 / n)
    return max(0.0, middle - half), min(1.0, middle + half)


def width(interval: tuple[float, float]) -> float:
    """How wide it is."""
    return interval[1] - interval[0]
