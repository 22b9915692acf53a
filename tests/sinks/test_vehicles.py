"""Vehicles as the view has them, page by page, however the store lies; and not looked for in every granule."""

import random
from pathlib import Path
from typing import Any

import msgspec
import pytest
from clickhouse_connect.driver.client import Client
from databases import Store, ours
from sinking import image, stored

from servers.clickhouse.users import Addresses
from sinks.client import connect
from sinks.reading import explorer, history, vehicles
from sinks.reading.vehicles import After, Listed, Vehicle
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
        patched.setattr(vehicles, "_COSTLIEST", "SELECT throwIf(1, 'all vehicles were added up')")
        as_the_view_has_them(store)
    stored(store.client, "results", events[:9] + made(range(120, 126)), first_offset=200)
    as_the_view_has_them(store)
    stored(store.client, "results", events, first_offset=300)
    as_the_view_has_them(store)


def test_an_event_is_the_vehicle_s_that_its_first_record_names(store: Store) -> None:
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
        vehicles._COSTS: "results_by_vehicle",
        vehicles._PARTS: "results_by_vehicle",
        vehicles._AT_MOST: "costs_of_vehicles",
        vehicles._AT_MOST_WITH_PROFILES.format(banded="1"): "costs_of_vehicles",
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
