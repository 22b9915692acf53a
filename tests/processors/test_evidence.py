"""What a run's results add up to: the newest word on every image."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_results import result, said

from events.results import Gap, ImageResult
from processors.backfill.evidence import Evidence
from processors.backfill.findings import Findings, MissingItem, Part, Quality, View, findings

S2_TIER_1 = {
    "tier": 1,
    "angle": "front_3quarter",
    "category": "exterior_body",
    "components_visible": ["hood", "door_driver", "fender_front", "wheel"],
    "condition_glance": "average_wear",
    "image_quality": {
        "lighting": "good",
        "focus": "sharp",
        "sufficient_for_detail": True,
        "suitable_for_expert": False,
        "overall_score": 9,
    },
}


def found(*results: ImageResult, named: bool = False) -> Findings:
    evidence = Evidence(results)
    return findings(evidence.seen, evidence.paid_nano_usd, named=named)


def test_the_documented_output_is_organised_and_rated() -> None:
    one = found(result("a", output=S2_TIER_1), named=True)
    assert one.views == [View(category="exterior_body", angle="front_3quarter", images=1, image_ids=["a"])]
    assert one.quality == [
        Quality(
            lighting="good", focus="sharp", images=1, sufficient_for_detail=1, suitable_for_expert=0, mean_score=9.0
        )
    ]


@pytest.mark.parametrize("output", [None, [], "text", {"category": 7}, {"image_quality": "fine"}])
def test_another_shape_is_unknown_and_counts(output: Any) -> None:
    one = found(result("a", output=output))
    assert one.views == [View(category="unknown", angle="unknown", images=1)]
    assert one.quality == []


def test_parts_have_a_mean_confidence_and_who_confirmed_them() -> None:
    one = found(
        result("a", 1, answers=[said("visible:hood", 0.9), said("angle", 0.1)]),
        result("a", 2, answers=[said("part:hood", 0.8, validated_by="receipt"), said("modification:lift_kit")]),
        result("b", 2, answers=[said("part:hood", 0.7), said("damage:hood", 0.2), said("part:")]),
    )
    assert one.parts == [
        Part(kind="modification", name="lift_kit", images=1, confidence=None, validated=0),
        Part(kind="part", name="hood", images=2, confidence=0.75, validated=1),
        Part(kind="visible", name="hood", images=1, confidence=0.9, validated=0),
    ]


def test_gaps_count_images_and_vehicles() -> None:
    paint = Gap(item="Paint code", value="Would enable paint matching", how_to_get="Photograph door jamb sticker")
    one = found(
        result("a", 3, gaps=[paint]),
        result("b", 3, gaps=[paint, Gap(item="Manual")]),
        result("c", 3, gaps=[paint], vehicle_id="other"),
        result("d", 3, gaps=[paint], vehicle_id=None),
    )
    assert one.gaps == [
        MissingItem(item="Paint code", value=paint.value, how_to_get=paint.how_to_get, images=4, vehicles=2),
        MissingItem(item="Manual", value=None, how_to_get=None, images=1, vehicles=1),
    ]


def test_the_newest_that_did_not_fail_holds() -> None:
    first = result("a", 2, answers=[said("part:hood", 0.6)], cost_usd=0.0005)
    newer = result("a", 2, answers=[said("part:wheel", 0.9)], cost_usd=0.0001)
    failed = result("a", 2, status="failed", cost_usd=0.0001)
    one = found(first, newer, failed)
    assert [(part.name, part.confidence) for part in one.parts] == [("wheel", 0.9)]
    assert (one.repeated.images, one.repeated.first_nano_usd, one.repeated.newest_nano_usd) == (1, 500_000, 100_000)


def test_a_repeated_event_counts_once_and_brings_nothing_old_back() -> None:
    first = result("a", 2, answers=[said("part:hood")])
    newer = result("a", 2, answers=[said("part:wheel")])
    assert found(first, newer, first, newer, first) == found(first, newer)


def test_confidence_is_by_the_band_that_was_asked_at() -> None:
    evidence = Evidence(
        [
            result("a", 2, context_score=65.0, answers=[said("part:hood", 0.95), said("part:wheel", 0.97)]),
            result("b", 2, context_score=20.0, answers=[said("part:hood", 0.8)]),
            result("c", 1, context_score=20.0, answers=[said("visible:hood", 0.1)]),
            result("d", 3, context_score=5.0, answers=[said("missing_documentation", 0.1)]),
        ]
    )
    assert evidence.confidence() == {"rich": 0.96, "medium": 0.8}


BLURRED = {**S2_TIER_1, "image_quality": {"sufficient_for_detail": False}}


@pytest.mark.parametrize(
    ("results", "score"),
    [
        ([result("a", output=S2_TIER_1, context_score=40.0)], 40.0),
        ([result("a", output=S2_TIER_1)], 0.0),
        ([result("a", output=S2_TIER_1, context_score=8.0), result("a", 3, context_score=8.0)], 8.0),
        ([result("a", output=S2_TIER_1, context_score=8.0), result("a", 2, context_score=65.0)], 65.0),
        ([result("a", output=S2_TIER_1, context_score=8.0), result("a", 2, context_score=65.0, status="failed")], 65.0),
        ([result("a", output=BLURRED, context_score=40.0)], None),
        ([result("a", output=S2_TIER_1, context_score=40.0, vehicle_id=None)], None),
        ([result("a", output=S2_TIER_1, context_score=40.0, status="failed")], None),
        ([result("a", 2, context_score=40.0)], None),
    ],
)
def test_what_can_be_asked_again_is_sufficient_for_detail(results: list[ImageResult], score: float | None) -> None:
    assert [one.context_score for one in Evidence(results).asked] == ([] if score is None else [score])


def test_vehicles_are_apart_and_images_without_one_are_in_none() -> None:
    evidence = Evidence([result("a"), result("b", vehicle_id="other"), result("c", vehicle_id=None)])
    assert {name: [one.image_id for one in seen] for name, seen in evidence.by_vehicle().items()} == {
        "car": ["a"],
        "other": ["b"],
    }
    assert len(evidence.seen) == 3


RESULTS = st.lists(
    st.builds(
        lambda number, **fields: result(**fields) if number else result(**fields | {"status": "failed"}),
        number=st.integers(0, 3),
        image_id=st.sampled_from("abcd"),
        tier=st.integers(1, 3),
        vehicle_id=st.sampled_from(["car", "other", None]),
        context_score=st.sampled_from([None, 5.0, 20.0, 65.0]),
        answers=st.lists(st.builds(said, st.sampled_from(["part:x", "visible:y"]), st.sampled_from([None, 0.5, 1.0]))),
        gaps=st.lists(st.builds(Gap, item=st.sampled_from("pq")), max_size=2),
        output=st.sampled_from([None, S2_TIER_1, {"category": "interior"}]),
    ),
    max_size=12,
)


@given(RESULTS, st.randoms(use_true_random=False))
def test_only_an_image_s_own_order_matters(results: list[ImageResult], chance: Any) -> None:
    """Partitions interleave as they like: keyed by image, each keeps its own order."""
    mixed: list[ImageResult] = []
    left = {name: [one for one in results if one.image_id == name] for name in "abcd"}
    while any(left.values()):
        mixed.append(left[chance.choice([name for name, rest in left.items() if rest])].pop(0))
    assert found(*mixed) == found(*results)
    assert sorted(Evidence(mixed).asked) == sorted(Evidence(results).asked)


@given(RESULTS)
def test_the_run_is_its_images_each_once(results: list[ImageResult]) -> None:
    one = found(*results)
    ok = [each for each in results if each.status != "failed"]
    assert one.images == len({each.image_id for each in ok})
    assert one.detailed == len({each.image_id for each in ok if each.tier > 1})
    assert sum(view.images for view in one.views) == len({each.image_id for each in ok if each.tier == 1})
    assert all(part.images <= one.images and 0.5 <= (part.confidence or 1) <= 1 for part in one.parts)
    assert msgspec.json.decode(msgspec.json.encode(one), type=Findings) == one
