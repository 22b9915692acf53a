"""Advice by hand: it comes with its numbers, and not without enough of them."""

from datetime import UTC, datetime

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from events.profiles import VehicleProfiled
from metrics.fold.bands import band
from metrics.intelligence.advice import Batch, Minute, best_batch_sizes, best_concurrency, cheaper_routes, no_worse
from metrics.intelligence.context import DOCUMENTS, LIST_PRICES_NANO_USD, additions, context_score, promise, request
from metrics.intelligence.models import Calls
from metrics.intelligence.recommendation import Model
from processors.backfill.context import context_score as routed_score
from processors.backfill.documented import PRICES_USD

BIG, MID, TINY = Model("big", "p"), Model("mid", "p"), Model("tiny", "p")


def calls(n: int, nano: int, *, failed: int = 0, ppm: int | None = None) -> Calls:
    return Calls(
        calls=n,
        succeeded=n - failed,
        cost_nano_usd=n * nano,
        priced=n,
        sure=0 if ppm is None else n,
        confidence_ppm=n * (ppm or 0),
    )


def test_a_cheaper_model_that_is_no_worse() -> None:
    models = {BIG: calls(100, 2_000), MID: calls(50, 500, failed=1), TINY: calls(50, 100, failed=10)}
    [big] = cheaper_routes({"look": models})
    assert (big.model, big.cheaper, big.saved_nano_usd) == (BIG, MID, 100 * 1_500)
    assert cheaper_routes({"look": {BIG: calls(100, 2_000), MID: calls(19, 500)}}) == []
    assert cheaper_routes({"look": {BIG: calls(100, 500), MID: calls(50, 500)}}) == []
    both = cheaper_routes({"a": models, "b": {BIG: calls(1_000, 2_000), TINY: calls(20, 100)}})
    assert [(route.task_type, route.cheaper) for route in both] == [("b", TINY), ("a", MID)]


def test_the_cheapest_of_those_that_are_no_worse_and_from_a_billionth_on() -> None:
    [big, _] = cheaper_routes({"look": {BIG: calls(100, 2_000), MID: calls(50, 500), TINY: calls(50, 100)}})
    assert (big.model, big.cheaper) == (BIG, TINY)
    nearly = Calls(calls=32, succeeded=32, cost_nano_usd=33, priced=32)
    [one] = cheaper_routes({"look": {BIG: nearly, MID: calls(32, 1)}})
    assert one.saved_nano_usd == 1


def test_no_worse_is_within_two_points_of_each_known_share() -> None:
    assert no_worse(calls(100, 1, failed=2), calls(100, 1))
    assert not no_worse(calls(100, 1, failed=3), calls(100, 1))
    assert not no_worse(calls(100, 1, ppm=870_000), calls(100, 1, ppm=900_000))
    assert no_worse(calls(100, 1), calls(100, 1, ppm=900_000))
    liked, disliked = Calls(calls=9, succeeded=9, thumbs_up=5), Calls(calls=9, succeeded=9, thumbs_down=5)
    assert not no_worse(disliked, liked)
    assert no_worse(disliked, Calls(calls=9, succeeded=9, thumbs_up=4))  # too few ratings to tell


def test_the_batch_size_with_the_best_rate() -> None:
    usual = [Batch(1, 50, 30.0)] * 5
    [found] = best_batch_sizes([*usual, *[Batch(1, 80, 40.0)] * 3, *[Batch(2, 5, 60.0)] * 9])
    assert (found.tier, found.used, found.best) == (1, 50, 80)
    assert (found.used_per_minute, found.best_per_minute) == (100, 120)
    assert best_batch_sizes([*usual, *[Batch(1, 80, 40.0)] * 2]) == []
    assert best_batch_sizes([*usual, *[Batch(1, 80, 47.0)] * 3]) == []  # 2 % is not worth it
    assert len(best_batch_sizes([*usual, *[Batch(1, 70, 40.0)] * 3])) == 1  # 5 % is
    assert best_batch_sizes([*usual, *[Batch(1, 0, 1.0)] * 9, *[Batch(1, 9, 0.0)] * 3]) == []
    alike = [Batch(1, 100, 50.0), Batch(1, 50, 60.0), Batch(1, 60, 72.0), Batch(1, 80, 40.0)] * 3
    [found] = best_batch_sizes(alike)
    assert (found.used, found.best) == (50, 80)  # of sizes that are alike, the smaller


def test_the_least_concurrency_that_gives_the_most() -> None:
    few = [Minute(4, 100.0, 800.0, 0.5)] * 5
    more = [Minute(8, 195.0, 900.0, 0.4)] * 3
    most = [Minute(16, 200.0, 2_000.0, 0.3)] * 3
    found = best_concurrency([*few, *more, *most])
    assert found is not None
    assert (found.usual, found.best, found.usual_per_minute, found.best_per_minute) == (4, 8, 100, 195)
    assert (found.usual_p95_ms, found.best_p95_ms, found.headroom, found.limited) == (800, 900, 0.3, False)
    less = best_concurrency([*[Minute(16, 200.0, 2_000.0, None)] * 9, *more])
    assert less is not None
    assert (less.usual, less.best) == (16, 8)
    assert best_concurrency([*few, *[Minute(8, 195.0, None, 0.05)] * 3]) is None  # the provider is the limit
    scarce = best_concurrency([*few, *[Minute(8, 195.0, None, 0.1)] * 3])
    assert scarce is not None
    assert not scarce.limited
    assert best_concurrency([*[Minute(8, 100.0, None, None)] * 3, *[Minute(16, 105.0, None, None)] * 4]) == (
        16, 8, 105, 100, None, None, None, False,
    )  # fmt: skip
    limited = [*[Minute(4, 195.0, None, 0.5)] * 3, *[Minute(8, 195.0, None, 0.05)] * 4]
    assert best_concurrency(limited) == (8, 4, 195, 195, None, None, 0.05, True)
    assert best_concurrency([*limited, *[Minute(4, 195.0, None, 0.5)] * 2]) is None  # it is what is usual
    assert best_concurrency(few) is None
    assert best_concurrency([*few, *[Minute(8, 195.0, None, None)] * 2]) is None
    assert best_concurrency([*few, *[Minute(0, 9.0, None, None)] * 9]) is None


def profile(**fields: int | bool) -> VehicleProfiled:
    return VehicleProfiled(event_id="p", event_time=datetime(2026, 11, 2, tzinfo=UTC), vehicle_id="v", **fields)  # type: ignore[arg-type]


def test_prices_are_the_processors() -> None:
    assert {name: nano / 1e9 for name, nano in LIST_PRICES_NANO_USD.items()} == PRICES_USD


def test_what_a_document_would_save() -> None:
    """S2: receipts lift 40 to 65, $0.0005 to $0.0001."""
    forty = profile(has_spid=True, has_factory_manual=True, well_documented=True)
    by_name = {one.document: one for one in additions(forty, LIST_PRICES_NANO_USD)}
    receipts = by_name["receipt"]
    assert (receipts.how_many, receipts.score_before, receipts.score_after, receipts.lifts) == (4, 40, 60, True)
    assert receipts.saved_nano_usd == 400_000
    assert next(iter(by_name)) == "receipt"
    assert by_name["user tag"].saved_nano_usd == 0
    nothing = profile(has_spid=True, has_factory_manual=True, receipt_count=5, timeline_event_count=5, user_tag_count=5)
    assert additions(nothing, LIST_PRICES_NANO_USD) == []


def test_a_spid_photo_is_the_first_thing_to_add_at_20() -> None:
    first, *others = additions(profile(timeline_event_count=50, well_documented=True), LIST_PRICES_NANO_USD)
    assert (first.document, first.how_many, first.score_after, first.saved_nano_usd) == ("SPID photo", 1, 40, 4_500_000)
    assert {one.document: one.how_many for one in others} == {"factory manual": 1, "receipt": 2, "user tag": 5}


@given(
    st.builds(
        profile,
        has_spid=st.booleans(),
        has_factory_manual=st.booleans(),
        receipt_count=st.integers(0, 8),
        timeline_event_count=st.integers(0, 8),
        user_tag_count=st.integers(0, 8),
        previously_analyzed=st.booleans(),
        well_documented=st.booleans(),
    )
)
def test_an_addition_is_the_fewest_that_reach_a_better_band(now: VehicleProfiled) -> None:
    def scored(name: str, more: int) -> int:
        field = next(document.field for document in DOCUMENTS if document.name == name)
        value = bool(more) if isinstance(getattr(now, field), bool) else getattr(now, field) + more
        return context_score(msgspec.structs.replace(now, **{field: value}))

    score = context_score(now)
    assert score == routed_score(now)
    for one in additions(now, LIST_PRICES_NANO_USD):
        assert one.score_before == score < one.score_after == scored(one.document, one.how_many)
        assert band(scored(one.document, one.how_many - 1)) == band(score)
        assert one.lifts == (band(one.score_after) != band(score))
        assert one.lifts or one.how_many == 1


def test_prompts_are_s2s() -> None:
    prices = LIST_PRICES_NANO_USD
    assert f"{request('SPID photo', 1)} {promise(15, 35, prices, {'medium': 0.8, 'good': 0.95})}" == (
        "Add SPID photo to unlock 95% confidence"
    )
    assert request("receipt", 1, ["grille"]) == "Upload receipt for grille"
    assert request("receipt", 4, ["a", "b", "c", "d"]) == "Upload 4 receipts for a, b, c"
    assert request("receipt", 2) == "Upload 2 receipts"
    assert request("timeline event", 1) == "Add a timeline event"
    assert request("user tag", 1) == "Tag a part on a photograph"
    assert request("user tag", 3) == "Tag 3 parts on the photographs"
    assert promise(15, 35, prices, {"good": 0.7, "medium": 0.8}) == "to unlock $0.0005 an image"
    assert promise(15, 35, prices, {"good": 0.8, "medium": 0.8}) == "to unlock $0.0005 an image"
    assert promise(15, 20, prices, {}) == "to raise the context score from 15 to 20"
    assert band(60) == "rich"
