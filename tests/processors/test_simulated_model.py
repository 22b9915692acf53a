"""The simulated model's answers against S2's three examples, field by field, and how its calls are."""

import json
import statistics
from typing import Any

import pytest
from made_results import profile
from processor_doubles import VirtualClock, virtually

from processors.backfill.context import Context, context_of
from processors.errors import CallError
from processors.identity import draws
from processors.models.base import Image, Outcome, Request, looked
from processors.models.scenes import Scene, draw_scene
from processors.models.simulated import CALLS_PER_MINUTE, FAILS, TIMEOUT_S, SimulatedModel

EXAMPLES: dict[int, dict[str, Any]] = {
    1: json.loads("""{
  "tier": 1,
  "angle": "front_3quarter",
  "category": "exterior_body",
  "components_visible": ["hood", "door_driver", "fender_front", "wheel"],
  "condition_glance": "average_wear",
  "image_quality": {
    "lighting": "good",
    "focus": "sharp",
    "sufficient_for_detail": true,
    "suitable_for_expert": false,
    "overall_score": 9
  }
}"""),
    2: json.loads("""{
  "tier": 2,
  "specific_parts": [
    {"name": "hood", "condition": "good", "original": true},
    {"name": "door_driver", "condition": "average", "original": true},
    {"name": "fender_front", "condition": "damaged", "rust": "minor"}
  ],
  "damage_assessment": {
    "items": [
      {"type": "rust", "location": "fender_front", "severity": "minor"}
    ]
  },
  "modifications": []
}"""),
    3: json.loads("""{
  "tier": "gap_finder",
  "current_context_score": 8,
  "missing_items": [
    {
      "item": "Paint code",
      "value": "Would enable paint matching and authenticity check",
      "how_to_get": "Photograph door jamb sticker or SPID sheet"
    },
    {
      "item": "Receipts for visible modifications",
      "value": "Would confirm part numbers and installation quality",
      "how_to_get": "Upload any receipts for aftermarket parts"
    }
  ],
  "estimated_improvement": {
    "current_completeness": "35%",
    "with_additions": "85%",
    "cost_reduction": "Can switch to $0.0001 model after"
  }
}"""),
}
"""S2, What each tier does, verbatim."""
AT_8 = context_of(profile(timeline_event_count=2, user_tag_count=1))
AT_20 = context_of(profile(timeline_event_count=50, well_documented=True))
COUNT = 400


def seen(
    tier: int, context: Context, *, attempt: int = 3, seed: int = 1, speed: float = 1.0
) -> list[Outcome | CallError]:
    """Calls of a third attempt, which never fails, unless another is asked for."""
    scenes: dict[str, Scene] = {
        f"{n}": draw_scene(draws("scene", n), sufficient=n % 4 > 0, readable=True) for n in range(COUNT)
    }

    async def work() -> list[Outcome | CallError]:
        model = SimulatedModel(scenes, seed=seed, clock=VirtualClock(), speed=speed)
        requests = [
            Request(image=Image(image_id=name), tier=tier, context=context, attempt=attempt, unit_cost_usd=0.005)
            for name in scenes
        ]
        return [await looked(model, request) for request in requests]

    return virtually(work)


def outputs(tier: int, context: Context) -> list[dict[str, Any]]:
    return [json.loads(json.dumps(one.output)) for one in seen(tier, context) if isinstance(one, Outcome)]


def shape(value: Any) -> Any:
    """Names and types, all the way down; of a list the shapes of what is in it."""
    if isinstance(value, dict):
        return frozenset((name, shape(inner)) for name, inner in value.items())
    return frozenset(shape(inner) for inner in value) if isinstance(value, list) else type(value).__name__


def unnamed(part: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in part.items() if name != "name"}


def test_tier_1_has_the_example_s_shape_and_its_values_occur() -> None:
    found = outputs(1, AT_20)
    assert {shape(one) for one in found} == {shape(EXAMPLES[1])}
    for name in ("angle", "category", "condition_glance"):
        assert EXAMPLES[1][name] in {one[name] for one in found}
    assert EXAMPLES[1]["image_quality"] in [one["image_quality"] for one in found]
    assert set(EXAMPLES[1]["components_visible"]) <= {part for one in found for part in one["components_visible"]}


def test_tier_2_has_the_example_s_shape_and_its_values_occur() -> None:
    found = outputs(2, AT_20)
    assert {frozenset(one) for one in found} == {frozenset(EXAMPLES[2])}
    parts = [part for one in found for part in one["specific_parts"]]
    shapes = {shape(part) for part in parts}
    assert {shape(part) for part in EXAMPLES[2]["specific_parts"]} <= shapes
    said = [unnamed(part) for part in parts]
    assert [part for part in EXAMPLES[2]["specific_parts"] if unnamed(part) not in said] == []
    assert {part["name"] for part in EXAMPLES[2]["specific_parts"]} <= {part["name"] for part in parts}
    items = [item for one in found for item in one["damage_assessment"]["items"]]
    assert {shape(item) for item in items} == {shape(EXAMPLES[2]["damage_assessment"]["items"][0])}
    assert any(one["modifications"] == [] for one in found)
    assert any(one["modifications"] for one in found)


def test_damage_and_parts_of_tier_2_agree() -> None:
    for one in outputs(2, AT_20):
        parts = {part["name"]: part for part in one["specific_parts"]}
        for item in one["damage_assessment"]["items"]:
            assert parts[item["location"]]["condition"] == "damaged"
            assert parts[item["location"]].get("rust") == (item["severity"] if item["type"] == "rust" else None)


def test_the_gap_finder_says_the_example_at_its_score() -> None:
    """The profile that S2's example is about: 8 points, neither SPID nor receipts (nor a manual, which ours names)."""
    assert AT_8.score == EXAMPLES[3]["current_context_score"]
    for one in outputs(3, AT_8):
        assert {**one, "missing_items": one["missing_items"][:2]} == EXAMPLES[3]
        assert [item["item"] for item in one["missing_items"]][2:] == ["Factory manual"]


@pytest.mark.parametrize(
    ("known", "completeness", "price"),
    [
        ({}, ("28%", "99%"), "$0.0001"),
        ({"receipt_count": 1}, ("32%", "82%"), "$0.0001"),
        ({"receipt_count": 1, "timeline_event_count": 1}, ("35%", "72%"), "$0.0005"),
    ],
)
def test_what_additions_bring_is_what_the_score_says(
    known: dict[str, int], completeness: tuple[str, str], price: str
) -> None:
    improvement = outputs(3, context_of(profile(**known)))[0]["estimated_improvement"]
    assert (improvement["current_completeness"], improvement["with_additions"]) == completeness
    assert improvement["cost_reduction"] == f"Can switch to {price} model after"


def test_latencies_are_spread_around_the_tier_s_median() -> None:
    for tier, median_ms in ((1, 1_400), (2, 2_900), (3, 7_500)):
        took = [one.latency_ms or 0 for one in seen(tier, AT_20) if isinstance(one, Outcome)]
        assert statistics.median(took) == pytest.approx(median_ms, rel=0.1)
        assert max(took) > 1.8 * median_ms
        assert min(took) > 0.2 * median_ms


def test_more_context_is_surer() -> None:
    rich = context_of(profile(has_spid=True, has_factory_manual=True, receipt_count=5))
    assert (AT_20.band, rich.band) == ("medium", "rich")

    def mean(context: Context) -> float:
        return statistics.mean(one.confidence or 0 for one in seen(2, context) if isinstance(one, Outcome))

    assert mean(rich) > 0.93 > mean(AT_20)


def test_a_first_call_fails_now_and_then_and_is_not_billed() -> None:
    said = [one for tier in (1, 2, 3) for one in seen(tier, AT_20, attempt=1)]
    failed = [one for one in said if isinstance(one, CallError)]
    assert FAILS / 3 < len(failed) / len(said) < 3 * FAILS
    for error in failed:
        assert error.retryable
        assert error.cost_usd == 0
        assert error.type in {"rate_limited", "server_error", "timeout"}
        assert error.timeout == (error.type == "timeout") == (error.latency_ms == TIMEOUT_S * 1e3)


def test_the_price_is_the_plan_s_and_the_rate_limit_goes_down() -> None:
    said = [one for one in seen(1, AT_20) if isinstance(one, Outcome)]
    assert {one.cost_usd for one in said} == {0.005}
    assert {one.rate_limit for one in said} == {CALLS_PER_MINUTE}
    left = [one.rate_limit_remaining or 0 for one in said]
    assert left[0] == CALLS_PER_MINUTE - 1
    assert all(0 <= one < CALLS_PER_MINUTE for one in left)


def test_a_seed_says_the_same_at_any_speed_and_another_seed_something_else() -> None:
    def content(seed: int, speed: float) -> list[Any]:
        return [(one.output, one.latency_ms, one.answers) for one in seen(2, AT_20, seed=seed, speed=speed)]  # type: ignore[union-attr]

    assert content(1, 1.0) == content(1, 600.0)
    assert content(1, 1.0) != content(2, 1.0)


def test_every_answer_is_a_part_of_the_output() -> None:
    for one in seen(2, AT_20):
        assert isinstance(one, Outcome)
        named = {
            answer.question.partition(":")[2] for answer in one.answers or [] if answer.question.startswith("part:")
        }
        assert named == {part["name"] for part in one.output["specific_parts"]}
        assert {answer.question.partition(":")[0] for answer in one.answers or []} <= {"part", "modification", "damage"}
