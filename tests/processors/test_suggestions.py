"""The prompts of S2, What happens next."""

from typing import Any

from made_results import profile, result, said

from events.profiles import VehicleProfiled
from events.results import Gap, ImageResult
from imageledger.suggestions import Report, report
from processors.backfill.documented import PRICES_USD
from processors.backfill.evidence import Evidence

AT_40 = {"receipt_count": 5, "timeline_event_count": 5}
RICH = result("other", 2, vehicle_id="other", context_score=65.0, answers=[said("part:hood", 0.95)])
GOOD = result("a", 2, context_score=40.0, cost_usd=0.0005, answers=[said("part:hood", 0.9)])


def reported(*results: ImageResult, profiles: tuple[VehicleProfiled, ...] = ()) -> Report:
    return report("run", Evidence(results), {one.vehicle_id: one for one in profiles}, PRICES_USD)


def texts(of: Report, vehicle_id: str = "car") -> list[str]:
    return next([prompt.text for prompt in one.prompts] for one in of.vehicles if one.vehicle_id == vehicle_id)


def test_the_documented_prompt() -> None:
    one = reported(RICH, GOOD, profiles=(profile(**AT_40),))
    (prompt,) = [each for each in one.vehicles[0].prompts if each.document == "SPID photo"]
    assert prompt.text == "Add SPID photo to unlock 95% confidence"
    assert (prompt.score_after, prompt.images, prompt.saves_nano_usd) == (60, 1, 400_000)


def test_where_nothing_was_measured_the_price_is_named() -> None:
    assert texts(reported(GOOD, profiles=(profile(**AT_40),)))[0] == "Add SPID photo to unlock $0.0001 an image"


def test_no_confidence_is_promised_that_is_not_higher() -> None:
    poorer = result("other", 2, vehicle_id="other", context_score=65.0, answers=[said("part:hood", 0.5)])
    assert "confidence" not in texts(reported(poorer, GOOD, profiles=(profile(**AT_40),)))[0]


def test_a_receipt_is_asked_for_a_part_that_is_to_be_seen() -> None:
    seen = result("b", 1, answers=[said("visible:fender_front", 0.9), said("visible:vin_plate", 0.9)])
    only = profile(timeline_event_count=5, user_tag_count=5)
    assert "Upload receipt for fender front to unlock $0.0005 an image" in texts(reported(seen, profiles=(only,)))


def test_a_visible_modification_comes_before_other_parts() -> None:
    seen = result("b", 2, answers=[said("part:hood", 0.9), said("modification:lift_kit", 0.9)])
    only = profile(timeline_event_count=4, user_tag_count=5)
    assert "Upload 2 receipts for lift kit, hood to unlock $0.0005 an image" in texts(reported(seen, profiles=(only,)))


def test_a_part_that_a_receipt_confirmed_already_comes_last() -> None:
    hood = said("part:hood", 0.9, validated_by="receipt")
    seen = [result("b", 2, answers=[hood]), result("c", 2, answers=[hood, said("part:wheel", 0.9)])]
    only = profile(timeline_event_count=5, user_tag_count=5)
    assert "Upload receipt for wheel to unlock $0.0005 an image" in texts(reported(*seen, profiles=(only,)))


def test_without_parts_a_receipt_is_a_receipt() -> None:
    only = profile(timeline_event_count=5, user_tag_count=5)
    assert "Upload receipt to unlock $0.0005 an image" in texts(reported(result("b"), profiles=(only,)))


def test_what_unlocks_nothing_says_what_it_raises() -> None:
    only = profile(has_spid=True, receipt_count=5)
    one = reported(result("b"), profiles=(only,))
    assert texts(one)[-1] == "Tag a part on a photograph to raise the context score from 45 to 47"
    assert one.vehicles[0].prompts[-1].saves_nano_usd is None


def test_gap_analysis_speaks_for_itself() -> None:
    gap = Gap(item="Paint code", value="Would enable paint matching", how_to_get="Photograph door jamb sticker")
    bare = Gap(item="Build sheet")
    assert texts(reported(result("a", 3, gaps=[gap, bare]))) == [
        "Build sheet",
        "Photograph door jamb sticker: Would enable paint matching",
    ]


def test_the_run_adds_up_what_a_document_would_save() -> None:
    def car(number: int, images: int) -> list[ImageResult]:
        names = [f"{number}-{image}" for image in range(images)]
        return [result(name, 2, vehicle_id=f"car{number}", context_score=20.0, cost_usd=0.005) for name in names]

    profiles = tuple(profile(f"car{number}", timeline_event_count=5, well_documented=True) for number in (1, 2))
    one = reported(*car(1, 3), *car(2, 4), profiles=profiles)
    first: dict[str, Any] = {prompt.document or "": prompt for prompt in one.prompts}
    spid = first["SPID photo"]
    assert (spid.text, spid.vehicles, spid.images) == ("Add SPID photo to 2 vehicles", 2, 7)
    assert spid.saves_nano_usd == 7 * 4_500_000
    assert first["receipt"].text == "Add receipts to 2 vehicles"
    assert "timeline event" not in first


def test_a_better_profile_is_an_improvement_at_once() -> None:
    organized = result("a", output={"image_quality": {"sufficient_for_detail": True}}, context_score=40.0)
    one = reported(organized, GOOD, profiles=(profile(has_spid=True, **AT_40),))
    assert [(each.vehicle_id, each.image_ids) for each in one.improved] == [("car", ["a"])]
    assert (one.vehicles[0].context_score, one.vehicles[0].band) == (60, "rich")


def test_a_vehicle_without_a_profile_is_reported_without_promises() -> None:
    (vehicle,) = reported(result("a")).vehicles
    assert (vehicle.context_score, vehicle.band, vehicle.prompts) == (None, None, [])
    assert vehicle.found.images == 1
