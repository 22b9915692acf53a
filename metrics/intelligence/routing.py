"""Which model a processor should ask next: the best by history, behind guard rails (S4, Auto-routing).

A processor that routes by itself must not be led astray by few or lucky calls. So another model than the usual one is
taken only where all of this holds: it is allowed; its score is sure enough; in success, confidence and satisfaction it
is no worse than the usual one; and an image of it costs at most so many times as much.
"""

import itertools
from collections.abc import Collection, Mapping
from typing import NamedTuple

from metrics.intelligence.advice import no_worse
from metrics.intelligence.models import NO_CALLS, Calls
from metrics.intelligence.recommendation import Model, Priority, rank

SURE = 60.0
"""Confidence (0-100) that a model needs before calls are sent its way."""
DEARER = 2.0
"""At most so many times the usual model's price of a call."""


class Routed(NamedTuple):
    """The model to ask. `provider` None: of a usual model that no call is known of."""

    model: str
    provider: str | None
    reason: str


def route(
    priority: Priority, history: Mapping[Model, Calls], usual: str, allowed: Collection[str] | None = None
) -> Routed:
    """The model to take for a task, given its calls by model (as `recommend` takes them).

    `usual`: the model where nothing better is surely known. `allowed`: the names that may be chosen; None for all.
    """
    known = {model: calls for model, calls in history.items() if model.model == usual}
    mine = max(known, key=lambda model: known[model].calls, default=None)
    own = NO_CALLS if mine is None else known[mine]
    better = itertools.takewhile(lambda choice: choice.model != mine, rank(history, priority))
    for model, calls in better:
        if model.model != usual and (allowed is None or model.model in allowed) and _passes(calls, own):
            return Routed(
                model.model,
                model.provider,
                f"better than {usual} by {priority}, and no worse otherwise: {calls.calls} calls, "
                f"confidence {calls.confidence:.0f}",
            )
    return Routed(usual, None if mine is None else mine.provider, f"nothing is surely better by {priority}")


def _passes(calls: Calls, usual: Calls) -> bool:
    """Sure enough, no worse, and not far dearer, where both prices are known."""
    price, usual_price = calls.mean_nano_usd, usual.mean_nano_usd
    affordable = price is None or usual_price is None or price <= DEARER * usual_price
    return affordable and calls.confidence >= SURE and no_worse(calls, usual)
