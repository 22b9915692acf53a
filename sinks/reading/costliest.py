"""Which vehicles are the costliest, without adding up what all of them cost.

What each can have cost at most stands in a projection, which counts repeats too and so never says too little. Where
little stands beside the largest merged part, what was counted again is looked up for all vehicles, and taken off.
Else the costs are asked of the first by that order, and once more of those that can still belong to the page beside
what was found. The page is right if its last costs no less than the next one can have.
"""

# ruff: noqa: S608 - these texts are made of this package's own constants; values are parameters

from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

from metrics.fold.bands import band_sql
from metrics.views.images import CONTEXT_SCORE, KEY, RESULTS_OF_VEHICLES

from .history import History, merged


class After(NamedTuple):
    """Where a page of vehicles begins: behind this one, by cost and id."""

    total_cost: float
    vehicle_id: str


class Likely(NamedTuple):
    """A page's vehicles, and those ahead of it that could belong to it, if an event is told of other vehicles too.

    `sure`: none of their events is.
    """

    shown: list[str]
    ahead: list[str]
    sure: bool


class _Place(NamedTuple):
    """Where a vehicle stands in the order."""

    cost_below_zero: float
    vehicle_id: str


class _Bounds(NamedTuple):
    """What vehicles can have cost at most: the first _LOOKED_AT by that.

    `exact`: for each that is known, what it did cost. `shared`: all vehicles with an event that is told of another one
    too. Nobody looked for either (None) where much stands beside the largest merged part, or parts came or went.
    """

    most: list[_Place]
    exact: Mapping[_Place, _Place]
    shared: frozenset[str] | None


_LOOKED_AT = 5_000
_ASKED = 2_000
"""Of so many vehicles the cost is asked at most; of more it takes about as long as to add up all."""
_SPARE = 3
"""So many pages' vehicles are looked at for one: repeats that no merge has removed yet put some too far ahead."""
_FEW = 100_000
"""So many records beside the largest merged part are looked through; up to 48,000 were measured (0104)."""


def likely(history: History, limit: int, after: After | None, tier: str | None) -> Likely | None:
    """The page; None deep in the list, while a whole replay waits to be merged, or if an event is of two vehicles."""
    bounds = history.kept("at most", lambda: _bounds(history))
    most = _of_band(history, bounds, tier)
    found = _page(most, bounds.exact, lambda vehicles: _costs(history, vehicles), _begin(after), limit)
    if found is None:
        return None
    ahead, shown = ([place.vehicle_id for place in places] for places in found)
    if bounds.shared is not None and not bounds.shared.isdisjoint(ahead + shown):
        return None
    return Likely(shown, ahead, bounds.shared is not None)


def surely(history: History, limit: int, after: After | None, tier: str | None) -> list[str]:
    """The page's vehicles, by adding up all of them."""
    given = {"limit": limit, "tier": tier or "", "begin": tuple(_begin(after))}
    rows = history.rows(_COSTLIEST.format(banded=_BANDED if tier else "1"), given)
    return [place.vehicle_id for place in _places(rows)]


def _page(
    most: Sequence[_Place],
    exact: Mapping[_Place, _Place],
    cost: Callable[[Sequence[str]], Iterable[_Place]],
    begin: _Place,
    limit: int,
) -> tuple[list[_Place], list[_Place]] | None:
    """Who is ahead of the page that begins there, as far as they may not be, and the page.

    None if `most` ends before that is known, or too many costs would have to be asked.
    """
    costs = {place.vehicle_id: exact[place] for place in most if place in exact}
    many = bisect_right(most, begin) + _SPARE * limit
    for _ in range(2):
        seen = [place.vehicle_id for place in most[:many]]
        if len(asked := [vehicle for vehicle in seen if vehicle not in costs]) > _ASKED:
            return None
        costs |= {place.vehicle_id: place for place in cost(asked)}
        order = sorted(costs[vehicle] for vehicle in seen if vehicle in costs)
        first = bisect_right(order, begin)
        shown = order[first : first + limit]
        if many >= len(most) < _LOOKED_AT:
            return order[:first], shown
        if len(shown) < limit:
            return None
        if shown[-1] <= most[min(many, len(most) - 1)]:
            return order[:first], shown
        many = bisect_right(most, shown[-1])  # no vehicle behind these can have cost as much as what was found
    return None


def _of_band(history: History, bounds: _Bounds, tier: str | None) -> list[_Place]:
    """What those can have cost at most that are documented so; with profiles alone too, where all are looked at."""
    if tier is None and len(bounds.most) == _LOOKED_AT:
        return bounds.most
    given = {"limit": _LOOKED_AT, "tier": tier or ""}
    return _places(history.rows(_AT_MOST_WITH_PROFILES.format(banded=_BANDED if tier else "1"), given))


def _bounds(history: History) -> _Bounds:
    # What was counted again is taken off what was counted: two statements, which have to have read the same parts.
    before = history.parts("results")
    sizes = {row["part"]: row["records"] for row in history.rows(_SIZES)}
    largest = next(filter(merged, sizes), "")
    questions = [(_AT_MOST, {"limit": _LOOKED_AT}), (_COUNTED_AGAIN, {"merged": largest})]
    few = sum(sizes.values()) - sizes.get(largest, 0) <= _FEW
    with ThreadPoolExecutor(2) as pool:
        rows, *others = pool.map(lambda question: history.rows(*question), questions if few else questions[:1])
    most = _places(rows)
    if not others or history.parts("results") != before:
        return _Bounds(most, {}, None)
    again = {row["vehicle_id"]: row for row in others[0]}
    shared = frozenset(vehicle for vehicle, row in again.items() if row["shared"])
    exact = {}
    for row in rows:
        if (vehicle := row["vehicle_id"]) not in shared:
            once = row["nano_usd"] - (again[vehicle]["nano_usd"] if vehicle in again else 0)
            exact[_place(row)] = _Place(-float(once) / 1e9, vehicle)
    return _Bounds(most, exact, shared)


def _costs(history: History, vehicles: Sequence[str]) -> list[_Place]:
    return _places(history.rows(_COSTS, {"vehicles": vehicles})) if vehicles else []


def _begin(after: After | None) -> _Place:
    return _Place(-_DEAREST_USD, "") if after is None else _Place(-after.total_cost, after.vehicle_id)


def _places(rows: Sequence[Mapping[str, Any]]) -> list[_Place]:
    return sorted(map(_place, rows))


def _place(row: Mapping[str, Any]) -> _Place:
    return _Place(-row["total_cost"], row["vehicle_id"])


_DEAREST_USD = 1e300
_SIZES = "SELECT _part AS part, count() AS records FROM results GROUP BY part ORDER BY records DESC"
# A merged part has each event once, so an event that was counted again stands in another part too.
_COUNTED_AGAIN = f"""
SELECT arrayJoin(vehicles) AS vehicle_id, sum(again) AS nano_usd, max(length(vehicles)) > 1 AS shared
FROM (
    SELECT groupUniqArray(ifNull(results.vehicle_id, '')) AS vehicles,
        sum(ifNull(cost_nano_usd, 0)) - argMin(ifNull(cost_nano_usd, 0), source_offset) AS again
    FROM results WHERE ({KEY}) IN (SELECT {KEY} FROM results WHERE _part != {{merged:String}})
    GROUP BY {KEY} HAVING count() > 1)
GROUP BY vehicle_id
"""
_BANDED = (
    f"vehicle_id IN (SELECT vehicle_id FROM profiles FINAL WHERE {band_sql(f'({CONTEXT_SCORE})')} = {{tier:String}})"
)
_SUMS = """SELECT assumeNotNull(results.vehicle_id) AS vehicle_id, ifNull(sum(cost_nano_usd), 0) {}
FROM results WHERE isNotNull(results.vehicle_id) GROUP BY results.vehicle_id"""
_AT_MOST = f"""
{_SUMS.format("AS nano_usd, nano_usd / 1e9 AS total_cost")}
ORDER BY total_cost DESC, vehicle_id LIMIT {{limit:UInt32}}
"""
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
