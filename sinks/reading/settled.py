"""Sums that stand ready, where they are exact: of runs that are *settled*, by the hour (migration 0014).

A projection adds up each part's rows, and cannot see that a row of one part repeats one of another. But a part that was
merged has each event once, so a run that stands in one such part alone is settled: its sums count each event once. Of a
run that is *near* to that, most stands in one merged part: the events that have a record elsewhere are taken out of
its sums, and counted through FINAL. Every other run is counted through FINAL altogether.
"""

from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeVar

from metrics.fold.bands import band_sql

from .chosen import Chosen
from .history import MOST_NAMED, History, merged

T = TypeVar("T")

_HOUR_MS = 3_600_000
_FIRST_MS, _LAST_MS = -(1 << 62), 1 << 62
_TRIES = 3
_NEAR = 4
"""A run is near to being settled while at most one in so many of its rows stands elsewhere."""

# What the projection `calls_by_hour` groups by beside columns: it serves no statement that says it otherwise.
HOUR = f"(results.effective_ms - positiveModulo(results.effective_ms, {_HOUR_MS}))"
"""The hour in which a result counts, as the ms since 1970 at which it begins."""
PRICED_BAND = f"if(results.tier > 1 AND results.status != 'failed', {band_sql('results.context_score')}, '')"
"""The band of a result that tells what an image costs past tier 1; empty for any other."""

_SEEN = "results._part IN {parts:Array(String)}"
_UNSETTLED = "results.run_id IN {unsettled:Array(String)}"
_NOT_UNSETTLED = "results.run_id NOT IN {unsettled:Array(String)}"
_KEY = "(run_id, source_partition, event_id)"
_TOUCHED = f"""{_KEY} IN (
    SELECT run_id, source_partition, event_id FROM results
    WHERE run_id IN {{near:Array(String)}} AND _part IN {{parts:Array(String)}} AND _part != {{base:String}})"""  # noqa: S608


class Standing(NamedTuple):
    """Which runs are settled, by one look at the parts: those that are neither `near` to it nor `unsettled`.

    `base`: the part that those near to it stand in, but for a few rows.
    """

    parts: list[str]
    base: str
    near: list[str]
    unsettled: list[str]

    def given(self) -> dict[str, Any]:
        """The values that conditions name."""
        return self._asdict()


def exact(history: History, ask: Callable[[Standing | None], T]) -> T:
    """What `ask` answers, who is told where the runs stand; None where all results have to be counted through FINAL.

    Asked again where a part that it was told of is gone by then: a part's name never comes back, so those that are
    there before and after were there in between. Raises ClickHouseError.
    """
    rows = history.parts()
    for _ in range(_TRIES):
        standing = _standing(rows)
        if standing is None:
            break
        found = ask(standing)
        rows = history.parts()
        if {part for _, part, _ in rows}.issuperset(standing.parts):
            return found
    return ask(None)


def _standing(rows: Sequence[tuple[str, str, int]]) -> Standing | None:
    by_part: defaultdict[str, int] = defaultdict(int)
    by_run: defaultdict[str, dict[str, int]] = defaultdict(dict)
    for run_id, part, count in rows:
        by_part[part] += count
        by_run[run_id][part] = count
    base = max(filter(merged, by_part), key=by_part.__getitem__, default="")
    near, unsettled = [], []
    for run_id, parts in by_run.items():
        if len(parts) == 1 and merged(next(iter(parts))):
            continue
        every = sum(parts.values())
        (near if _NEAR * (every - parts.get(base, 0)) <= every else unsettled).append(run_id)
    if max(len(by_part), len(near), len(unsettled)) > MOST_NAMED:
        return None
    return Standing(sorted(by_part), base, near, unsettled)


class Source(NamedTuple):
    """A FROM clause; `sign` -1: what it has is to be taken away."""

    sign: int
    sql: str


def once(chosen: Chosen, standing: Standing | None, *also: str) -> tuple[list[Source], dict[str, Any]]:
    """Sources that have each chosen result once between them, and the values that they name.

    `also`: conditions of the asker's own, on what the projection groups by.
    """
    given = chosen.parameters()
    if standing is None or chosen.run in standing.unsettled:
        return [Source(1, f"results FINAL {chosen.where(*also)}")], given
    near, unsettled = (standing.near, standing.unsettled) if chosen.run is None else (chosen.run in standing.near, [])
    start, end = given.get("start", _FIRST_MS), given.get("end", _LAST_MS)
    first = start if chosen.start is None else -(-start // _HOUR_MS) * _HOUR_MS
    last = end if chosen.end is None else end // _HOUR_MS * _HOUR_MS
    whole = (f"{HOUR} >= {{first:Int64}}", f"{HOUR} < {{last:Int64}}")
    at_any_time = chosen._replace(start=None, end=None)
    sources = [Source(1, f"results {at_any_time.where(_SEEN, _NOT_UNSETTLED, *whole, *also)}")]
    if (first, last) != (start, end):
        rest = "NOT (results.effective_ms >= {first:Int64} AND results.effective_ms < {last:Int64})"
        sources.append(Source(1, f"results {chosen.where(_SEEN, _NOT_UNSETTLED, rest, *also)}"))
    if near:
        sources.append(Source(-1, f"results {chosen.where(_SEEN, _TOUCHED, *also)}"))
        sources.append(Source(1, f"results FINAL {chosen.where(_TOUCHED, *also)}"))
    if unsettled:
        sources.append(Source(1, f"results FINAL {chosen.where(_UNSETTLED, *also)}"))
    return sources, given | standing.given() | {"first": first, "last": last}


def each(standing: Standing | None) -> list[tuple[str, str]]:
    """Tables that have each result once between them, and what has to hold of their rows."""
    if standing is None:
        return [("results FINAL", "1")]
    apart = "results.run_id NOT IN {near:Array(String)}"
    tables = [("results", f"{_SEEN} AND {_NOT_UNSETTLED} AND {apart}")]
    if standing.near:
        mostly = "results.run_id IN {near:Array(String)} AND results._part = {base:String}"
        tables.append(("results", f"{mostly} AND NOT ({_TOUCHED})"))
        tables.append(("results FINAL", _TOUCHED))
    if standing.unsettled:
        tables.append(("results FINAL", _UNSETTLED))
    return tables
