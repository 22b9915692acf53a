"""What better documentation brings (S2, Future reprocessing)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_results import profile, result

from events.profiles import VehicleProfiled
from processors.backfill.context import BAND_RANK, Band, context_of, context_score
from processors.backfill.documented import PRICES_USD
from processors.backfill.evidence import Evidence
from processors.backfill.improvements import Asked, improved
from processors.backfill.selection import selection
from processors.backfill.worklist import Standing
from processors.models.base import Image

PROFILES = st.builds(
    profile,
    vehicle_id=st.sampled_from("abc"),
    has_spid=st.booleans(),
    has_factory_manual=st.booleans(),
    receipt_count=st.integers(0, 8),
    timeline_event_count=st.integers(0, 8),
    user_tag_count=st.integers(0, 8),
    previously_analyzed=st.booleans(),
    well_documented=st.booleans(),
)


def with_score(score: int, vehicle_id: str = "car") -> VehicleProfiled:
    """A profile of that score, by what S2 says the parts are worth."""
    made = {
        8: profile(vehicle_id, timeline_event_count=2, user_tag_count=1),
        20: profile(vehicle_id, timeline_event_count=50, well_documented=True),
        40: profile(vehicle_id, has_spid=True, timeline_event_count=5, well_documented=True),
        65: profile(vehicle_id, has_spid=True, receipt_count=5, timeline_event_count=5, well_documented=True),
    }[score]
    assert context_score(made) == score
    return made


def test_receipts_take_40_to_65_and_the_price_to_a_fifth() -> None:
    (found,) = improved([Asked("b", "car", 40), Asked("a", "car", 40)], {"car": with_score(65)}, PRICES_USD)
    assert (found.vehicle_id, found.image_ids) == ("car", ["a", "b"])
    change = found.change
    assert (change.band_before, change.band_after) == ("good", "rich")
    assert (change.unit_cost_before_nano_usd, change.unit_cost_after_nano_usd) == (500_000, 100_000)
    assert change.saved_nano_usd == 400_000


@pytest.mark.parametrize(("before", "after"), [(20, 20), (12, 20), (40, 20), (60, 65), (30, 40)])
def test_no_better_band_is_no_improvement(before: int, after: int) -> None:
    assert improved([Asked("a", "car", before)], {"car": with_score(after)}, PRICES_USD) == []


def test_a_vehicle_without_a_profile_now_is_left_alone() -> None:
    assert improved([Asked("a", "car", 5)], {"other": with_score(65, "other")}, PRICES_USD) == []


def test_what_an_earlier_reprocessing_left_is_named_apart() -> None:
    before = [Asked("old", "car", 8), Asked("new", "car", 65), Asked("older", "car", 20)]
    found = improved(before, {"car": with_score(65)}, PRICES_USD)
    assert [(one.image_ids, one.change.band_before) for one in found] == [(["old"], "poor"), (["older"], "medium")]


@given(
    st.lists(st.builds(Asked, st.text("xyz", min_size=1), st.sampled_from("abc"), st.integers(0, 100)), max_size=20),
    st.lists(PROFILES, max_size=3),
)
def test_improving_is_by_band_and_ends(before: list[Asked], now: list[VehicleProfiled]) -> None:
    after = {one.vehicle_id: one for one in now}
    found = improved(before, after, PRICES_USD)
    for one in found:
        assert BAND_RANK[one.change.band_after] > BAND_RANK[one.change.band_before]
        assert one.change.saved_nano_usd > 0
    again = [
        Asked(image_id, one.vehicle_id, context_score(after[one.vehicle_id]))
        for one in found
        for image_id in one.image_ids
    ]
    assert improved(again, after, PRICES_USD) == []
    count = sum(
        one.vehicle_id in after and _rank(context_score(after[one.vehicle_id])) > _rank(one.context_score)
        for one in before
    )
    assert sum(len(one.image_ids) for one in found) == count


def _rank(score: float) -> int:
    return BAND_RANK[_band(score)]


def _band(score: float) -> Band:
    """S2, Routing, a second time."""
    return "rich" if score >= 60 else "good" if score >= 30 else "medium" if score >= 10 else "poor"


@given(st.booleans(), st.integers(0, 100), PROFILES, st.sampled_from([None, "success", "failed"]))
def test_the_images_are_those_that_the_command_does_again(
    sufficient: bool, before: int, now: VehicleProfiled, deeper: str | None
) -> None:
    output = {"image_quality": {"sufficient_for_detail": sufficient}}
    results = [result("a", output=output, context_score=float(before), vehicle_id=now.vehicle_id)]
    if deeper:
        tier = 3 if before < 10 else 2
        results.append(result("a", tier, context_score=float(before), vehicle_id=now.vehicle_id, status=deeper))
    last = results[-1]
    ended = Standing(
        image=Image(image_id="a", vehicle_id=now.vehicle_id),
        tier=last.tier,
        ended=True,
        models=dict.fromkeys((one.tier for one in results), "any"),
        score=float(before),
        error="timeout" if last.status == "failed" else None,
        sufficient=sufficient,
    )
    again = selection({"context_improved": True}).first_tier(ended, context_of(now))
    assert bool(improved(Evidence(results).asked, {now.vehicle_id: now}, PRICES_USD)) == (again is not None)
