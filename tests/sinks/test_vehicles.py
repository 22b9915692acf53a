"""Vehicles as the view has them, page by page, however the store lies; and not looked for in every granule."""

import random
from pathlib import Path
from typing import Any

import msgspec
import pytest
from clickhouse_connect.driver.client import Client
from databases import Store, ours
from hypothesis import given
from hypothesis import strategies as st
from sinking import image, stored

from servers.clickhouse.users import Addresses
from sinks.client import connect
from sinks.reading import costliest, explorer, history, vehicles
from sinks.reading.costliest import After
from sinks.reading.vehicles import Listed, Vehicle
from sinks.schema.migrations import migrate

VIEW = "SELECT * FROM vehicle_processing_summary ORDER BY total_cost DESC, vehicle_id"


def known(store: Store) -> list[dict[str, Any]]:
    return list(store.client.query(VIEW, tz_mode="aware").named_results())


def walked(store: Store, limit: int, tier: str | None = None) -> list[Listed]:
    """Every page, one after the other."""
    found: list[Listed] = []
    after = None
    while page := vehicles.page(store.history, limit, after, tier):
        found += page
        after = After(page[-1].total_cost, page[-1].vehicle_id)
    return found


def as_the_view_has_them(store: Store) -> None:
    view = known(store)
    for one, row in zip(walked(store, 3), view, strict=True):
        assert msgspec.structs.asdict(one).items() <= row.items()
    assert [one.vehicle_id for one in walked(store, 9, "good")] == [
        row["vehicle_id"] for row in view if row["profile_tier"] == "good"
    ]
    for row in view[:2]:
        found = vehicles.vehicle(store.history, row["vehicle_id"])
        assert isinstance(found, Vehicle)
        assert msgspec.structs.asdict(found).items() <= row.items()


def made(numbers: range, of: int = 5) -> list[dict[str, Any]]:
    chance = random.Random(12)
    return [
        image(
            str(n), image_id=f"i{n % 40}", vehicle_id=f"v{n % of}", tier=1 + n % 3, cost_usd=chance.randrange(1, 9) / 8,
            confidence=n % 8 / 8, context_score=float(n % 90), gaps=[{"item": "vin"}] * (n % 3),
            answers=[{"question": "q", "answer": "a", "validated_by": "receipt"}] * (n % 2), tables={"parts": n % 4},
        )
        for n in numbers
    ]  # fmt: skip


def profiled(vehicle_id: str, receipts: int) -> dict[str, Any]:
    return {
        "event_type": "vehicle.profiled", "event_time": "2026-10-01T00:00:00Z", "event_id": f"p-{vehicle_id}",
        "vehicle_id": vehicle_id, "has_spid": True, "receipt_count": receipts,
    }  # fmt: skip


def test_pages_are_the_view_s_however_the_store_lies(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Parts that overlap, one part, fresh repeats beside it, and a whole replay."""
    events = made(range(120))
    stored(store.client, "profiles", [profiled("v3", 3), profiled("bare", 0), profiled("v7", 4), profiled("also", 2)])
    for first in range(0, 120, 40):
        stored(store.client, "results", events[first : first + 40], first_offset=first)
    as_the_view_has_them(store)
    store.client.command("OPTIMIZE TABLE results FINAL")
    with monkeypatch.context() as patched:
        patched.setattr(costliest, "_COSTLIEST", "SELECT throwIf(1, 'all vehicles were added up')")
        as_the_view_has_them(store)
    stored(store.client, "results", events[:9] + made(range(120, 126)), first_offset=200)
    as_the_view_has_them(store)
    stored(store.client, "results", events, first_offset=300)
    as_the_view_has_them(store)


@pytest.mark.parametrize(("few", "costs_asked"), [(1_000, 0), (0, 60)])
def test_repeats_that_crowd_the_top_do_not_have_all_vehicles_added_up(
    resting: Store, few: int, costs_asked: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The cheap half of the vehicles comes again, in more parts than one, and so seems to be the dearer half."""
    events = [image(str(n), vehicle_id=f"v{n % 60}", cost_usd=(n % 60 + 200) / 8) for n in range(240)]
    stored(resting.client, "results", events)
    resting.client.command("SYSTEM START MERGES results")
    resting.client.command("OPTIMIZE TABLE results FINAL")
    resting.client.command("SYSTEM STOP MERGES results")
    for offset in (300, 600):
        stored(resting.client, "results", [event for event in events if int(event["event_id"]) % 60 < 30], offset)
    monkeypatch.setattr(costliest, "_FEW", few)
    asked: list[str] = []
    costs = costliest._costs
    monkeypatch.setattr(costliest, "_costs", lambda history, ids: asked.extend(ids) or costs(history, ids))
    monkeypatch.setattr(costliest, "_COSTLIEST", "SELECT throwIf(1, 'all vehicles were added up')")
    assert [one.vehicle_id for one in vehicles.page(resting.history, 4)] == ["v59", "v58", "v57", "v56"]
    assert (len(asked), len(set(asked))) == (costs_asked, costs_asked), "each at most once"
    as_the_view_has_them(resting)


places = st.lists(
    st.tuples(st.integers(0, 9), st.integers(0, 9) | st.just(0)), max_size=40
).map(lambda rows: [(-cost - repeated, -cost, f"v{n:02}") for n, (cost, repeated) in enumerate(rows)])  # fmt: skip


@given(places, st.integers(1, 6), st.integers(-12, 0), st.integers(1, 45))
def test_a_page_is_by_what_vehicles_cost_whatever_they_can_have_cost_at_most(
    known: list[tuple[int, int, str]], limit: int, begin: int, looked_at: int
) -> None:
    most = sorted(costliest._Place(bound, vehicle) for bound, _, vehicle in known)[:looked_at]
    costs = {vehicle: costliest._Place(cost, vehicle) for _, cost, vehicle in known}
    exact = {place: costs[place.vehicle_id] for place in most if place.cost_below_zero % 2}
    after = costliest._Place(begin, "v2")
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(costliest, "_LOOKED_AT", looked_at)
        found = costliest._page(most, exact, lambda ids: [costs[one] for one in ids], after, limit)
    page = [place for place in sorted(costs.values()) if place > after][:limit]
    if found is not None:
        assert found[1] == page
        ahead = {place.vehicle_id for place in costs.values() if place <= after}
        assert {place.vehicle_id for place in found[0]} == ahead
    elif len(most) < looked_at or (len(page) == limit and page[-1] <= most[-1]):
        pytest.fail("what stands in the list is enough")


@pytest.mark.parametrize("few", [0, 1_000])
def test_an_event_is_the_vehicle_s_that_its_first_record_names(
    store: Store, few: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Found out for the vehicles of a page, or for all at once where little stands beside a merged part."""
    monkeypatch.setattr(costliest, "_FEW", few)
    events = made(range(60))
    stored(store.client, "results", events[10:], first_offset=110)
    store.client.command("OPTIMIZE TABLE results FINAL")
    stored(store.client, "results", [one | {"vehicle_id": "v1", "cost_usd": 7.0} for one in events[20:24]])
    stored(store.client, "results", [one | {"vehicle_id": "never"} for one in events[30:33]], first_offset=900)
    as_the_view_has_them(store)
    assert vehicles.vehicle(store.history, "never") is None
    assert [vehicles.detailed(store.history, f"v{n}") for n in range(2)] == [
        store.client.command(
            "SELECT uniqExact(run_id, subject_id) FROM results FINAL WHERE tier > 1 AND vehicle_id = {v:String}",
            {"v": f"v{n}"},
        )
        for n in range(2)
    ]


@pytest.mark.parametrize("few", [0, 1_000])
def test_a_vehicle_ahead_of_a_page_belongs_to_it_if_an_event_is_another_s(
    store: Store, few: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other one is so far behind that nobody asks for it together with the page, which would tell it by itself."""
    monkeypatch.setattr(costliest, "_FEW", few)
    costs = [("ahead", 5.0), ("ahead", 5.0), ("first", 8.0), ("second", 6.0)]
    costs += [(f"behind{n}", 4 - n / 8) for n in range(9)]
    events = [image(str(n), vehicle_id=vehicle, cost_usd=cost) for n, (vehicle, cost) in enumerate(costs)]
    stored(store.client, "results", events, first_offset=10)
    store.client.command("OPTIMIZE TABLE results FINAL")
    stored(store.client, "results", [events[0] | {"vehicle_id": "other", "cost_usd": 1.0}])
    [found] = vehicles.page(store.history, 1, After(6.0, "second"))
    assert (found.vehicle_id, found.total_cost) == ("ahead", 5.0)


@pytest.mark.parametrize("few", [0, 1_000])
@pytest.mark.parametrize(
    ("again", "offset", "costliest_one"),
    [
        ({"cost_usd": 1.0}, 0, ("other", 6.0)),
        ({"cost_usd": 1.0}, 20, ("dearest", 8.0)),
        ({"vehicle_id": "behind"}, 20, ("dearest", 8.0)),
    ],
    ids=["earlier and cheaper", "later and cheaper", "later about another"],
)
def test_a_repeat_is_taken_off_by_the_first_record_of_its_event(
    store: Store, few: int, again: dict[str, Any], offset: int, costliest_one: tuple[str, float],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(costliest, "_FEW", few)
    costs = [("dearest", 5.0), ("dearest", 3.0), ("other", 6.0), ("behind", 2.0)]
    events = [image(str(n), vehicle_id=vehicle, cost_usd=cost) for n, (vehicle, cost) in enumerate(costs)]
    stored(store.client, "results", events, first_offset=10)
    store.client.command("OPTIMIZE TABLE results FINAL")
    stored(store.client, "results", [events[0] | again], first_offset=offset)
    [found] = vehicles.page(store.history, 1)
    assert (found.vehicle_id, found.total_cost) == costliest_one


def test_they_are_read_in_their_own_order(store: Store) -> None:
    """A column that a projection lacks would send a question through all granules unnoticed."""
    store.client.command(
        "INSERT INTO results (event_id, event_type, event_time, run_id, subject_kind, subject_id, vehicle_id, status,"
        " source_offset) SELECT toString(number), 'image.result', now(), 'r', 'image', toString(number),"
        " toString(number % 5000), 'failed', number FROM numbers(20000)"
    )
    given = {"vehicles": ["7"], "limit": 3, "merged": "", "tier": ""}
    asked = {
        vehicles._LISTED.usual: "results_by_vehicle",
        vehicles._WHOLE.usual: "results_by_vehicle",
        vehicles._CONFIRMED.usual: "results_by_vehicle",
        vehicles._IMAGES.usual: "results_by_vehicle",
        costliest._COSTS: "results_by_vehicle",
        vehicles._PARTS: "results_by_vehicle",
        costliest._SIZES: "_minmax_count_projection",
        costliest._AT_MOST: "costs_of_vehicles",
        costliest._AT_MOST_WITH_PROFILES.format(banded="1"): "costs_of_vehicles",
        explorer._CHOICES.format(""): "labels_of_runs",
        history._PARTS.format("results"): "_minmax_count_projection",
        history._RUNS_IN_PARTS: "_of_runs",
    }
    for sql, projection in asked.items():
        plan = store.client.query(f"EXPLAIN {sql}", given).result_rows
        assert any(projection in line for (line,) in plan), sql
        assert not any("ReadFromMergeTree" in line and ".results)" in line for (line,) in plan), sql


@pytest.fixture
def older(clickhouse: Addresses) -> Any:
    client: Client = connect(clickhouse.migrator, database="before_counts")
    yield client
    client.command("DROP DATABASE IF EXISTS before_counts", use_database=False)


def test_rows_that_were_there_before_have_their_answers_counted(older: Client, tmp_path: Path) -> None:
    migrate(older, schemas=ours(tmp_path / "before", last="0011"))
    stored(older, "results", made(range(8)))
    migrate(older, schemas=ours(tmp_path / "after", last="0012"))
    [counts] = older.query(
        "SELECT sum(answers_given), sum(validated_receipt), sum(validated_user), sum(length(answers)) FROM results"
    ).result_rows
    assert counts == (4, 4, 0, 4)
