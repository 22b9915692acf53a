"""Vehicles: how well documented, what they cost, and what asking again would (`vehicle_processing_summary`)."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple, TypeVar

import msgspec

from events.profiles import VehicleProfiled
from metrics.fold.bands import band_sql
from metrics.views.images import CONTEXT_SCORE, RESULTS_OF_VEHICLES, of_vehicles

from .history import History


class Listed(msgspec.Struct, frozen=True, kw_only=True):
    """What a list shows of `vehicle_processing_summary`: scores 0-100, confidence 0-1, money in dollars."""

    vehicle_id: str
    profile_completeness_score: int | None
    total_images: int
    images_processed: int
    total_cost: float
    avg_context_score: float | None
    avg_confidence: float | None
    gaps_identified: int
    last_processed_at: datetime | None
    next_suggested_reprocess: datetime | None


class Vehicle(Listed, frozen=True, kw_only=True):
    """A whole row."""

    avg_cost_per_image: float | None
    validated_items: int
    consensus_items: int
    parts_identified: int
    modifications_found: int
    maintenance_alerts: int


L = TypeVar("L", bound=Listed)


class After(NamedTuple):
    """Where a page of vehicles begins: behind this one, by cost and id."""

    total_cost: float
    vehicle_id: str


_PROFILE = """
SELECT event_id, event_time, vehicle_id, has_spid, has_factory_manual, receipt_count, timeline_event_count,
    user_tag_count, reference_doc_count, previously_analyzed, well_documented
FROM profiles FINAL
"""
_IMAGES = f"""
SELECT uniqExact(run_id, subject_id) AS images FROM {RESULTS_OF_VEHICLES} AS results
WHERE event_type = 'image.result' AND tier > 1
"""  # noqa: S608 - constants


def vehicle(history: History, vehicle_id: str) -> Vehicle | None:
    """One vehicle over all its runs; None where nothing is known of it. Raises ClickHouseError."""
    [found] = history.rows(of_vehicles(Vehicle.__struct_fields__), {"vehicles": [vehicle_id]})
    known = found["total_images"] or found["profile_completeness_score"] is not None
    return _read(found, Vehicle) if known else None


def profile(history: History, vehicle_id: str) -> VehicleProfiled | None:
    """Its newest profile. Raises ClickHouseError."""
    found = history.rows(_PROFILE + "WHERE vehicle_id = {vehicle:String}", {"vehicle": vehicle_id})
    return msgspec.convert(found[0], VehicleProfiled) if found else None


def detailed(history: History, vehicle_id: str) -> int:
    """Its images with a result past tier 1: what costs by the band. Raises ClickHouseError."""
    return int(history.rows(_IMAGES, {"vehicles": [vehicle_id]})[0]["images"])


def page(history: History, limit: int, after: After | None = None, tier: str | None = None) -> list[Listed]:
    """Vehicles, the costliest first, behind `after`. Raises ClickHouseError.

    The order is found in the two columns that it needs; only the page's own vehicles are then summed up.
    """
    given: dict[str, Any] = {"limit": limit, "tier": tier or ""}
    behind = "1"
    if after is not None:
        behind = "(-total_cost, vehicle_id) > (-{cost:Float64}, {vehicle:String})"
        given |= {"cost": after.total_cost, "vehicle": after.vehicle_id}
    found = history.rows(_COSTLIEST.format(banded=_BANDED if tier else "1", behind=behind), given)
    whole = history.rows(_LISTED, {"vehicles": [row["vehicle_id"] for row in found]})
    return [_read(row, Listed) for row in whole]


_LISTED = f"{of_vehicles(Listed.__struct_fields__)} ORDER BY total_cost DESC, vehicle_id"
_BANDED = (
    f"vehicle_id IN (SELECT vehicle_id FROM profiles FINAL WHERE {band_sql(f'({CONTEXT_SCORE})')} = {{tier:String}})"  # noqa: S608 - constants
)
_COSTLIEST = """
SELECT vehicle_id, sum(nano_usd) / 1e9 AS total_cost
FROM (
    SELECT assumeNotNull(results.vehicle_id) AS vehicle_id, ifNull(cost_nano_usd, 0) AS nano_usd
    FROM results FINAL WHERE isNotNull(results.vehicle_id)
    UNION ALL
    SELECT vehicle_id, 0 FROM profiles FINAL
)
WHERE {banded}
GROUP BY vehicle_id HAVING {behind}
ORDER BY total_cost DESC, vehicle_id LIMIT {{limit:UInt32}}
"""


def _read(row: Mapping[str, Any], kind: type[L]) -> L:
    score = row["profile_completeness_score"]
    return msgspec.convert({**row, "profile_completeness_score": None if score is None else int(score)}, kind)
