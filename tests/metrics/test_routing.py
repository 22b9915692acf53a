"""Routing by itself: what lets a call go to another model than the usual one, rail by rail."""

from typing import Any

import msgspec
import pytest

from metrics.intelligence import routing
from metrics.intelligence.models import Calls
from metrics.intelligence.recommendation import Model
from metrics.intelligence.routing import DEARER, SURE, route

OLD, NEW, OTHER = Model("old", "p"), Model("new", "q"), Model("other", "q")
USUAL = Calls(calls=200, succeeded=190, latency_ms=200 * 2_000, timed=200, cost_nano_usd=200 * 100, priced=200)
BETTER = Calls(calls=200, succeeded=190, latency_ms=200 * 500, timed=200, cost_nano_usd=200 * 200, priced=200)


def chosen(better: Calls, allowed: tuple[str, ...] | None = None) -> str:
    return route("speed", {OLD: USUAL, NEW: better}, "old", allowed).model


def but(**fields: Any) -> Calls:
    return msgspec.structs.replace(BETTER, **fields)


def test_a_better_model_that_passes_every_rail_is_taken() -> None:
    assert BETTER.confidence > SURE
    found = route("speed", {OLD: USUAL, NEW: BETTER}, "old", ["new"])
    assert found == (
        "new",
        "q",
        f"better than old by speed, and no worse otherwise: 200 calls, confidence {BETTER.confidence:.0f}",
    )


@pytest.mark.parametrize(
    "better",
    [
        but(cost_nano_usd=int(200 * 100 * DEARER) + 1),
        but(succeeded=185),
        but(calls=20, succeeded=19),
        but(latency_ms=200 * 2_001),
    ],
    ids=["dearer", "worse", "unsure", "slower"],
)
def test_each_rail_holds_it_back(better: Calls) -> None:
    assert chosen(better) == "old"


def test_just_sure_enough_is_sure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(routing, "SURE", BETTER.confidence)
    assert chosen(BETTER) == "new"


def test_what_is_not_allowed_is_passed_over_for_the_next() -> None:
    assert chosen(BETTER, ("other",)) == "old"
    history = {OLD: USUAL, NEW: BETTER, OTHER: but(latency_ms=200 * 600)}
    assert route("speed", history, "old", ("other",)).model == "other"
    assert route("speed", history, "old").model == "new"


def test_unknown_prices_and_an_unknown_usual_model() -> None:
    assert chosen(but(priced=0, cost_nano_usd=0)) == "new"
    assert route("speed", {NEW: BETTER}, "old").model == "new"
    assert route("speed", {}, "old") == ("old", None, "nothing is surely better by speed")
    held = route("speed", {OLD: USUAL, NEW: but(succeeded=100)}, "old")
    assert held == ("old", "p", "nothing is surely better by speed")
    few = msgspec.structs.replace(USUAL, calls=4, succeeded=4)
    assert route("speed", {OLD: few}, "old") == ("old", "p", "nothing is surely better by speed")


def test_the_usual_model_is_the_providers_with_most_calls() -> None:
    elsewhere = Model("old", "z")
    fewer = msgspec.structs.replace(USUAL, calls=100, succeeded=100, latency_ms=100)
    assert route("speed", {elsewhere: fewer, OLD: USUAL}, "old").provider == "p"
