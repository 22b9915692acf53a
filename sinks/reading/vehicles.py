"""Vehicles: how well documented, what they cost, and what asking again would (`vehicle_processing_summary`)."""

# ruff: noqa: S608 - these texts are made of this package's own constants; values are parameters

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any, NamedTuple, TypeVar

import msgspec

from events.profiles import VehicleProfiled
from metrics.fold.bands import band_sql
from metrics.views.images import (
    CONTEXT_SCORE,
    FIRST_RESULTS_OF_VEHICLES,
    KEY,
    KNOWN,
    RESULTS_OF_VEHICLES,
    confirmed_of_vehicles,
    of_vehicles,
)

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


class After(NamedTuple):
    """Where a page of vehicles begins: behind this one, by cost and id."""

    total_cost: float
    vehicle_id: str


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
    answer = None
    if (likely := _likely(history, limit, after, tier)) is not None:
        answer = _unless_astray(history, likely.shown, [_LISTED.usual], likely.ahead)
    if answer is None:
        given = {"limit": limit, "tier": tier or "", "begin": tuple(_begin(after))}
        order = _places(history.rows(_COSTLIEST.format(banded=_BANDED if tier else "1"), given))
        answer = [history.rows(_LISTED.careful, {"vehicles": [place.vehicle_id for place in order]})] if order else [[]]
    return [_read(row, Listed) for row in answer[0]]


class _Place(NamedTuple):
    """Where a vehicle stands in the order."""

    cost_below_zero: float
    vehicle_id: str


class _Likely(NamedTuple):
    """A page's vehicles, and those ahead of it that could belong to it, if repeats tell of other vehicles."""

    shown: list[str]
    ahead: list[str]


_LOOKED_AT = 1_000
_SPARE = 2
"""So many pages' vehicles are looked at for one: repeats that no merge has removed yet put some too far ahead."""


def _likely(history: History, limit: int, after: After | None, tier: str | None) -> _Likely | None:
    """The page without adding up all vehicles; None deep in the list, and while a whole replay waits to be merged.

    What each can have cost at most stands in a projection, which counts repeats too and so never says too little. Of
    the first by that the costs are asked: they are the page, if its last costs more than the next one can have.
    """
    begin, many = _begin(after), _LOOKED_AT if after else _SPARE * limit + 1
    given = {"limit": many, "tier": tier or ""}
    most = [] if tier else history.kept(("at most", many), lambda: _places(history.rows(_AT_MOST, given)))
    if len(most) < many:
        most = _places(history.rows(_AT_MOST_WITH_PROFILES.format(banded=_BANDED if tier else "1"), given))
    seen = most[: bisect_right(most, begin) + _SPARE * limit]
    costs = _places(history.rows(_COSTS, {"vehicles": [place.vehicle_id for place in seen]}))
    first = bisect_right(costs, begin)
    shown = costs[first : first + limit]
    every = len(seen) == len(most) < many
    if not every and (len(seen) == len(most) or len(shown) < limit or shown[-1] > most[len(seen)]):
        return None
    return _Likely([place.vehicle_id for place in shown], [place.vehicle_id for place in costs[:first]])


def _begin(after: After | None) -> _Place:
    return _Place(-_DEAREST_USD, "") if after is None else _Place(-after.total_cost, after.vehicle_id)


def _places(rows: Sequence[Mapping[str, Any]]) -> list[_Place]:
    return sorted(_Place(-row["total_cost"], row["vehicle_id"]) for row in rows)


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


_DEAREST_USD = 1e300
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

_BANDED = (
    f"vehicle_id IN (SELECT vehicle_id FROM profiles FINAL WHERE {band_sql(f'({CONTEXT_SCORE})')} = {{tier:String}})"
)
_SUMS = """SELECT assumeNotNull(results.vehicle_id) AS vehicle_id, ifNull(sum(cost_nano_usd), 0) {}
FROM results WHERE isNotNull(results.vehicle_id) GROUP BY results.vehicle_id"""
_AT_MOST = f"{_SUMS.format('/ 1e9 AS total_cost')} ORDER BY total_cost DESC, vehicle_id LIMIT {{limit:UInt32}}"
_AT_MOST_WITH_PROFILES = f"""
SELECT vehicle_id, sum(nano_usd) / 1e9 AS total_cost
FROM (
    {_SUMS.format("AS nano_usd")}
    UNION ALL
    SELECT vehicle_id, 0 FROM profiles FINAL
)
WHERE {{banded}}
GROUP BY vehicle_id
ORDER BY total_cost DESC, vehicle_id LIMIT {{{{limit:UInt32}}}}
"""
_COSTS = f"""
SELECT vehicle_id, sum(nano_usd) / 1e9 AS total_cost
FROM (
    SELECT assumeNotNull(results.vehicle_id) AS vehicle_id, ifNull(cost_nano_usd, 0) AS nano_usd
    FROM {RESULTS_OF_VEHICLES} AS results
    UNION ALL
    SELECT vehicle_id, 0 FROM profiles FINAL WHERE vehicle_id IN {{vehicles:Array(String)}}
)
GROUP BY vehicle_id
"""
_COSTLIEST = """
SELECT vehicle_id, sum(nano_usd) / 1e9 AS total_cost
FROM (
    SELECT assumeNotNull(results.vehicle_id) AS vehicle_id, ifNull(cost_nano_usd, 0) AS nano_usd
    FROM results FINAL WHERE isNotNull(results.vehicle_id)
    UNION ALL
    SELECT vehicle_id, 0 FROM profiles FINAL
)
WHERE {banded}
GROUP BY vehicle_id HAVING (-total_cost, vehicle_id) > {{begin:Tuple(Float64, String)}}
ORDER BY total_cost DESC, vehicle_id LIMIT {{limit:UInt32}}
"""


def _read(row: Mapping[str, Any], kind: type[L]) -> L:
    score = row["profile_completeness_score"]
    return msgspec.convert({**row, "profile_completeness_score": None if score is None else int(score)}, kind)
