"""What alert rules look at, by hand: each figure with its reference, and where it says nothing."""

import math
from datetime import timedelta
from typing import Any

import msgspec
import numpy as np
import pytest
from alert_scene import NOON, Scene

from events.results import Answer
from events.runs import RunUpdated, Sla, TierPlan
from events.snapshots import Eta
from metrics.alerts.look import Look, Reading
from metrics.alerts.signals import read
from metrics.fold.buckets import moment
from metrics.snapshot import snapshot

BEFORE, NOW = 0, 3_000
"""Seconds: the second is in the window of ten minutes that ends at it, the first is not."""
ONE_TIER = [TierPlan(tier=1, images=1_000, unit_cost_usd=0.001)]
SILENT = Reading(None)


def readings(scene: Scene, second: int, signal: str, window_ms: int = 600_000, **changed: Any) -> list[Reading]:
    """`changed`: fields of the snapshot that are not what the scene makes them."""
    as_of_ms = NOON + second * 1_000
    metrics = msgspec.structs.replace(snapshot(scene.registers, as_of_ms), **changed)
    return read(Look(scene.registers, metrics, as_of_ms, quiet=True), signal, window_ms)


def told(before: dict[str, Any], now: dict[str, Any], count: int = 20, **plan: Any) -> Scene:
    """So many results before the window, and ten in it."""
    scene = Scene(**plan)
    scene.results(BEFORE, count, **before)
    scene.results(NOW, 10, **now)
    return scene


@pytest.mark.parametrize("window_s", [60, 300, 600])
def test_a_window_of_any_length_holds_what_came_in_it(window_s: int) -> None:
    scene = told({}, {})
    scene.results(NOW - window_s, 100, status="failed")
    scene.results(NOW - window_s + 10, 10, status="failed")
    assert readings(scene, NOW, "error_rate", window_s * 1_000) == [Reading(0.5, 20)]


def test_cost_per_image_is_that_of_planned_tiers_against_their_price() -> None:
    scene = told({}, {"cost_usd": 0.003}, tiers=[*ONE_TIER, TierPlan(tier=2, images=9), TierPlan(tier=3)])
    scene.results(NOW, 10, cost_usd=5.0, tier=2)
    assert readings(scene, NOW, "cost_per_image") == [Reading(pytest.approx(0.003), 10, 0.001)]
    free = [TierPlan(tier=1, images=1_000, unit_cost_usd=0)]
    assert readings(told({}, {"cost_usd": 0.003}, tiers=free), NOW, "cost_per_image") == [SILENT]
    assert readings(told({}, {"status": "failed"}, tiers=ONE_TIER), NOW, "cost_per_image") == [SILENT]


@pytest.mark.parametrize(
    ("count", "usual"), [(19, 0.001), (20, 0.002)], ids=["too few before: the plan's", "enough before"]
)
def test_cost_per_result_goes_by_what_it_was_else_by_the_plan(count: int, usual: float) -> None:
    scene = told({"cost_usd": 0.002}, {"cost_usd": 0.004}, count, tiers=ONE_TIER)
    assert readings(scene, NOW, "cost_per_result") == [Reading(pytest.approx(0.004), 10, pytest.approx(usual))]


def test_cost_per_result_without_anything_to_compare_with() -> None:
    assert readings(told({}, {"cost_usd": 0.004}, 19), NOW, "cost_per_result") == [SILENT]
    assert readings(told({"cost_usd": 0}, {"cost_usd": 0.004}), NOW, "cost_per_result") == [SILENT]


@pytest.mark.parametrize(
    ("count", "before", "reading"),
    [
        (20, {}, Reading(0.0, 10, 1.0, "haiku")),
        (19, {}, Reading(None, 10, 1.0, "haiku")),
        (20, {"status": "failed"}, Reading(None, 10, 1.0, "haiku")),
    ],
)
def test_a_model_is_compared_with_its_own_success_before(count: int, before: dict[str, Any], reading: Reading) -> None:
    assert readings(told(before, {"status": "failed"}, count), NOW, "model_success") == [reading]


@pytest.mark.parametrize(
    ("count", "before_ms", "reading"),
    [
        (20, 100, Reading(300.0, 10, 100.0, "haiku")),
        (19, 100, Reading(None, 0, 1.0, "haiku")),
        (20, 0, Reading(None, 0, 1.0, "haiku")),
    ],
)
def test_a_model_is_compared_with_its_own_latency_before(count: int, before_ms: int, reading: Reading) -> None:
    scene = told({"latency_ms": before_ms}, {"latency_ms": 300}, count)
    assert readings(scene, NOW, "model_latency_ms") == [reading]


def test_validation_is_compared_with_that_of_twenty_answers_or_more_before() -> None:
    sure, unsure = Answer(question="?", validated_by="receipt"), Answer(question="?")
    for count, reading in ((20, Reading(0.5, 20, 1.0, "validation")), (19, Reading(None, 0, 1.0, "validation"))):
        scene = Scene()
        scene.results(NOW - 1_000, count, answers=[sure])
        scene.results(NOW, 10, answers=[sure, unsure])
        assert reading in readings(scene, NOW, "quality")


def test_silence_of_results_and_of_processors_in_seconds() -> None:
    scene = told({}, {}, total_images=1_000)
    scene.heartbeat(NOW - 100)
    scene.heartbeat(NOW - 200, processor_id="q")
    assert readings(scene, NOW + 60, "seconds_since_heartbeat") == [Reading(160.0)]
    assert readings(scene, NOW + 60, "seconds_since_result") == [Reading(60.0)]


def test_a_budget_that_nobody_can_project_says_nothing() -> None:
    plan = {"total_images": 1_000, "tiers": [TierPlan(tier=1, images=10), TierPlan(tier=2, images=5)]}
    scene = told({"cost_usd": 0.01}, {"cost_usd": 0.01}, budget_usd=1.0, **plan)
    assert readings(scene, NOW, "budget_spent") == [Reading(pytest.approx(0.3))]
    assert readings(scene, NOW, "budget_projected") == [Reading(None, 30)]
    assert readings(told({}, {}, total_images=50), NOW, "budget_projected") == [Reading(None, 30)]


def test_the_runway_counts_while_it_ends_before_the_run() -> None:
    scene = Scene(budget_usd=1.0, total_images=1_000)
    scene.results(NOW - 300, 10, cost_usd=0.02)  # a young run: five minutes have cost 0.2
    [runway] = readings(scene, NOW, "budget_runway_s", eta=Eta(seconds=5_000.0))
    assert runway == Reading(pytest.approx(0.8 / 0.2 * 300), 10)
    assert runway.value is not None
    for seconds in (runway.value, 600.0):
        assert readings(scene, NOW, "budget_runway_s", eta=Eta(seconds=seconds)) == [Reading(math.inf, 10)]
    assert readings(scene, NOW, "budget_runway_s", eta=Eta()) == [SILENT]
    assert readings(scene, NOW + 601, "budget_runway_s", eta=Eta(seconds=9.0)) == [Reading(math.inf, 0)]
    scene.told(RunUpdated(event_id="u", event_time=moment(NOON), run_id="may", budget_usd=0.2))
    assert readings(scene, NOW, "budget_runway_s", eta=Eta(seconds=5_000.0)) == [SILENT]


@pytest.mark.parametrize("plan", [{}, {"name": "without promises"}, {"sla": Sla()}])
def test_without_a_promise_none_is_broken(plan: dict[str, Any]) -> None:
    scene = told({}, {"latency_ms": 5}, **plan)
    for signal in ("sla_latency_ms", "sla_error_rate", "seconds_past_deadline", "budget_runway_s"):
        assert [one.value for one in readings(scene, NOW, signal)] == [None], signal


def test_promises_are_the_references() -> None:
    deadline = moment(NOON + NOW * 1_000) - timedelta(seconds=60)
    promised = Sla(latency_ms=1_000, error_rate=0.1, deadline=deadline)
    scene = told({}, {"latency_ms": 500, "status": "failed"}, sla=promised)
    assert readings(scene, NOW, "sla_latency_ms") == [Reading(500.0, 10, 1_000.0)]
    assert readings(scene, NOW, "sla_error_rate") == [Reading(1.0, 10, 0.1)]
    assert readings(scene, NOW, "seconds_past_deadline", eta=Eta(seconds=40.0)) == [Reading(100.0)]


def rising(*failed: int) -> Scene:
    """Ten results in each bucket, so many of them failed."""
    scene = Scene()
    for nth, count in enumerate(failed):
        for one in range(10):
            scene.results(NOW + 10 * nth, 1, status="failed" if one < count else "success")
    return scene


def test_the_forecast_is_the_line_of_least_squares() -> None:
    scene = rising(0, 0, 1, 3)
    scene.results(NOW + 30, 20)
    assert readings(scene, NOW + 30, "error_rate_forecast", 50_000) == [Reading(pytest.approx(4 / 60), 60)]
    steep = rising(0, 0, 2, 3)
    for failed, weight in ((3, 10), (7, 14)):
        shares = [0.0, 0.0, 0.2, failed / weight]
        slope, height = np.polyfit([0, 10, 20, 30], shares, 1, w=np.sqrt([10, 10, 10, weight]))
        [found] = readings(steep, NOW + 30, "error_rate_forecast", 50_000)
        assert found == Reading(pytest.approx(min(1.0, height + slope * 80)), 30 + weight)
        steep.results(NOW + 30, 4, status="failed")
    assert height + slope * 80 > 1  # more than all cannot fail


@pytest.mark.parametrize(
    ("failed", "value"),
    [
        ((2, 5), None),
        ((2, 5, 8), 1.0),  # 2.7 standard errors
        ((3, 5, 7), 0.5),  # 1.8
        ((8, 5, 2), 0.5),
        ((0, 0, 0), 0.0),
    ],
)
def test_a_forecast_needs_three_buckets_and_a_slope_of_two_errors(failed: tuple[int, ...], value: float | None) -> None:
    [found] = readings(rising(*failed), NOW + 10 * len(failed) - 10, "error_rate_forecast", 60_000)
    assert found.value == (None if value is None else pytest.approx(value))


def test_of_labels_with_many_values_the_twenty_largest_are_looked_at() -> None:
    scene = Scene()
    for number in range(21):
        scene.results(NOW, 1 + (number > 0), model=f"m{number}", scores={f"s{number}": 1.0})
    assert [one.label for one in readings(scene, NOW, "model_success")] == sorted(f"m{n}" for n in range(1, 21))
    seen = {one.label for one in readings(scene, NOW, "quality")}
    assert "s0" not in seen
    assert len(seen) == 20 + 3


def test_cheap_models_are_those_that_the_plan_names() -> None:
    now = {"model": "haiku"}
    assert readings(told({}, now, cheap_models=["haiku", "mini"]), NOW, "cheap_model_usage") == [Reading(1.0, 10)]
    assert readings(told({}, now, cheap_models=["mini"]), NOW, "cheap_model_usage") == [Reading(0.0, 10)]
    assert readings(told({}, now), NOW, "cheap_model_usage") == [SILENT]
