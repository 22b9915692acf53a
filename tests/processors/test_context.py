"""S2, Context scoring system and Routing."""

import pytest
from processor_doubles import NOON

from events.profiles import VehicleProfiled
from processors.backfill.context import band, context_of, context_score
from processors.backfill.documented import PRICES_USD


def profile(**known: bool | int) -> VehicleProfiled:
    return VehicleProfiled(event_id="e", event_time=NOON, vehicle_id="v", **known)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("known", "score"),
    [
        ({}, 0),
        ({"has_spid": True}, 20),
        ({"has_factory_manual": True}, 15),
        ({"receipt_count": 1}, 5),
        ({"receipt_count": 5}, 25),
        ({"receipt_count": 6}, 25),
        ({"timeline_event_count": 4}, 12),
        ({"timeline_event_count": 5}, 15),
        ({"timeline_event_count": 50}, 15),
        ({"user_tag_count": 5}, 10),
        ({"user_tag_count": 6}, 10),
        ({"previously_analyzed": True}, 10),
        ({"well_documented": True}, 5),
        ({"reference_doc_count": 9}, 0),
        ({"timeline_event_count": 50, "well_documented": True}, 20),  # S2's own example
        (
            {
                "has_spid": True,
                "has_factory_manual": True,
                "receipt_count": 99,
                "timeline_event_count": 99,
                "user_tag_count": 99,
                "previously_analyzed": True,
                "well_documented": True,
            },
            100,
        ),
    ],
)
def test_score(known: dict[str, bool | int], score: int) -> None:
    assert context_score(profile(**known)) == score


@pytest.mark.parametrize(
    ("score", "name", "price"),
    [
        (0, "poor", 0.02),
        (9, "poor", 0.02),
        (10, "medium", 0.005),
        (29, "medium", 0.005),
        (30, "good", 0.0005),
        (59, "good", 0.0005),
        (60, "rich", 0.0001),
        (100, "rich", 0.0001),
    ],
)
def test_each_band_begins_at_its_lowest_score(score: int, name: str, price: float) -> None:
    assert band(score) == name
    assert PRICES_USD[band(score)] == price


def test_context_says_what_was_available() -> None:
    context = context_of(profile(has_spid=True, receipt_count=2, timeline_event_count=50))
    assert context.score == 45
    assert context.items == ("SPID", "2 receipts", "50 timeline events")
