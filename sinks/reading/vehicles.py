"""Vehicles: how well documented, what they cost, and what asking again would (`vehicle_processing_summary`)."""

# ruff: noqa: S608 - these texts are made of this package's own constants; values are parameters

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any, NamedTuple, TypeVar

import msgspec

from events.profiles import VehicleProfiled
from metrics.views.images import (
    FIRST_RESULTS_OF_VEHICLES,
    KEY,
    KNOWN,
    RESULTS_OF_VEHICLES,
    confirmed_of_vehicles,
    of_vehicles,
)

from . import costliest
from .costliest import After
from .history import History, merged


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


class _Question(NamedTuple):
    """What is asked of known vehicles: `usual` where no event of theirs is told of another vehicle too."""

    usual: str
    careful: str


def vehicle(history: History, vehicle_id: str) -> Vehicle | None:
    """One vehicle over all its runs; None where nothing is known of it. Raises ClickHouseError."""
    [found], confirmed = _asked(history, [vehicle_id], _WHOLE, _CONFIRMED)
    found["validated_items"] += sum(row["confirmed"] for row in confirmed)
    known = found["total_images"] or found["profile_completeness_score"] is not None
    return _read(found, Vehicle) if known else None


def profile(history: History, vehicle_id: str) -> VehicleProfiled | None:
    """Its newest profile. Raises ClickHouseError."""
    found = history.rows(_PROFILE + "WHERE vehicle_id = {vehicle:String}", {"vehicle": vehicle_id})
    return msgspec.convert(found[0], VehicleProfiled) if found else None


def detailed(history: History, vehicle_id: str) -> int:
    """Its images with a result past tier 1: what costs by the band. Raises ClickHouseError."""
    [[found]] = _asked(history, [vehicle_id], _IMAGES)
    return int(found["images"])


def page(history: History, limit: int, after: After | None = None, tier: str | None = None) -> list[Listed]:
    """Vehicles, the costliest first, behind `after`. Raises ClickHouseError."""
    found = None
    if (likely := costliest.likely(history, limit, after, tier)) is not None:
        found = _likely(history, likely)
    if found is None:
        ids = costliest.surely(history, limit, after, tier)
        found = history.rows(_LISTED.careful, {"vehicles": ids}) if ids else []
    return [_read(row, Listed) for row in found]


def _likely(history: History, page: costliest.Likely) -> list[dict[str, Any]] | None:
    """What is shown of them; None if it turns out that an event of theirs is told of another vehicle too."""
    if page.sure or not page.shown:
        return history.rows(_LISTED.usual, {"vehicles": page.shown}) if page.shown else []
    answers = _unless_astray(history, page.shown, [_LISTED.usual], page.ahead)
    return None if answers is None else answers[0]


def _asked(history: History, ids: Sequence[str], *questions: _Question) -> list[list[dict[str, Any]]]:
    """The answers to all, asked at the same time."""
    found = _unless_astray(history, ids, [question.usual for question in questions])
    return [history.rows(question.careful, {"vehicles": ids}) for question in questions] if found is None else found


def _unless_astray(
    history: History, ids: Sequence[str], sql: Sequence[str], also: Sequence[str] = ()
) -> list[list[dict[str, Any]]] | None:
    """The answers for these vehicles; None if an event of theirs, or of `also`, is told of another vehicle too."""
    with ThreadPoolExecutor(len(sql)) as pool:
        answers = [pool.submit(history.rows, one, {"vehicles": ids}) for one in sql]
        return None if _astray(history, [*ids, *also]) else [answer.result() for answer in answers]


def _astray(history: History, ids: Sequence[str]) -> bool:
    """Whether an event of these vehicles is told of another one too.

    A part that was merged has an event once. So what stands in the largest such one is sought in the other parts, which
    hold next to nothing of the same time, and in it only what these have alone.
    """
    parts = [row["part"] for row in history.rows(_PARTS, {"vehicles": ids})]
    largest = next(filter(merged, parts), "")
    sql = _TOLD_ELSEWHERE if parts == [largest] else f"{_TOLD_ELSEWHERE} UNION ALL {_TOLD_IN_IT}"
    return bool(history.rows(sql, {"vehicles": ids, "merged": largest}))


_PROFILE = """
SELECT event_id, event_time, vehicle_id, has_spid, has_factory_manual, receipt_count, timeline_event_count,
    user_tag_count, reference_doc_count, previously_analyzed, well_documented
FROM profiles FINAL
"""
_READ_FROM = _Question(RESULTS_OF_VEHICLES, FIRST_RESULTS_OF_VEHICLES)
_WHOLE = _Question(*(of_vehicles(Vehicle.__struct_fields__, results) for results in _READ_FROM))
_CONFIRMED = _Question(*map(confirmed_of_vehicles, _READ_FROM))
_LISTED = _Question(
    *(f"{of_vehicles(Listed.__struct_fields__, r)} ORDER BY total_cost DESC, vehicle_id" for r in _READ_FROM)
)
_IMAGES = _Question(
    *(
        f"SELECT uniqExact(run_id, subject_id) AS images FROM {results} AS results "
        "WHERE event_type = 'image.result' AND tier > 1"
        for results in _READ_FROM
    )
)

_PARTS = f"SELECT _part AS part FROM results WHERE {KNOWN} GROUP BY part ORDER BY count() DESC"
_OF_OTHERS = f"SELECT 1 FROM results WHERE ifNull(vehicle_id, '') NOT IN {{vehicles:Array(String)}} AND ({KEY}) IN"
_TOLD_ELSEWHERE = f"({_OF_OTHERS} (SELECT {KEY} FROM results WHERE {KNOWN}) AND _part != {{merged:String}} LIMIT 1)"
_TOLD_IN_IT = f"""({_OF_OTHERS} (
        SELECT {KEY} FROM results WHERE {KNOWN} GROUP BY {KEY} HAVING NOT max(_part = {{merged:String}}))
    AND _part = {{merged:String}} LIMIT 1)"""


def _read(row: Mapping[str, Any], kind: type[L]) -> L:
    score = row["profile_completeness_score"]
    return msgspec.convert({**row, "profile_completeness_score": None if score is None else int(score)}, kind)
