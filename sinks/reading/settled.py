"""Sums that stand ready, where they are exact: of runs that are *settled*, by the hour (migration 0014).

A projection adds up each part's rows, and cannot see that a row of one part repeats one of another. But a part that was
merged has each event once, so a run that stands in one such part alone is settled: its sums count each event once, and
its results can be read as they stand. Every other run is counted through FINAL.
"""

from collections import defaultdict
from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

from metrics.fold.bands import band_sql

from .chosen import Chosen
from .history import MOST_NAMED, History, Look, merged

T = TypeVar("T")

_HOUR_MS = 3_600_000
_FIRST_MS, _LAST_MS = -(1 << 62), 1 << 62
_TRIES = 3

# What the projection `calls_by_hour` groups by beside columns: it serves no statement that says it otherwise.
HOUR = f"(results.effective_ms - positiveModulo(results.effective_ms, {_HOUR_MS}))"
"""The hour in which a result counts, as the ms since 1970 at which it begins."""
PRICED_BAND = f"if(results.tier > 1 AND results.status != 'failed', {band_sql('results.context_score')}, '')"
"""The band of a result that tells what an image costs past tier 1; empty for any other."""

_SETTLED = "results._part IN {parts:Array(String)} AND results.run_id NOT IN {unsettled:Array(String)}"
_UNSETTLED = "results.run_id IN {unsettled:Array(String)}"


class Standing(NamedTuple):
    """By one look at the parts: those that settled runs stand in, and which runs are not settled."""

    parts: list[str]
    unsettled: list[str]


def exact(history: History, ask: Callable[[Standing | None], T], look: Look | None = None) -> T:
    """What `ask` answers, who is told where the runs stand; None where all results have to be counted through FINAL.

    It is told what was last seen, and the answer holds if that is so afterwards: a part with the same UUID was there in
    between. Otherwise it is asked again. A dear question gives a `look` that is new. Raises ClickHouseError.
    """
    last = None if look else history.looked
    look = look or (last if last and _standing(last) else history.look())
    for _ in range(_TRIES):
        standing = _standing(look)
        if standing is None:
            break
        found = ask(standing)
        now = history.look()
        if _held(look, standing, now, remembered=look is last):
            return found
        look = now
    return ask(None)


def _held(look: Look, standing: Standing, now: Look, *, remembered: bool) -> bool:
    """Whether its parts are there still, so that the answer is no older than the question.

    Of what was `remembered` runs may have moved before it was asked, so nothing may have: neither into another part
    nor out of FINAL's sight. A part's name comes back only where its table was made anew.
    """
    parts = {part for part in look.parts if part.name in standing.parts}
    return parts <= now.parts and (not remembered or _standing(now) == standing)


def _standing(look: Look) -> Standing | None:
    parts_of: defaultdict[str, list[str]] = defaultdict(list)
    for run_id, part in look.runs:
        parts_of[run_id].append(part)
    unsettled = sorted(run_id for run_id, found in parts_of.items() if len(found) > 1 or not merged(found[0]))
    parts = sorted({found[0] for run_id, found in parts_of.items() if len(found) == 1 and merged(found[0])})
    return None if max(len(parts), len(unsettled)) > MOST_NAMED else Standing(parts, unsettled)


def once(chosen: Chosen, standing: Standing | None, *also: str) -> tuple[list[str], dict[str, Any]]:
    """FROM clauses that have each chosen result once between them, and the values that they name.

    `also`: conditions of the asker's own, on what the projection groups by.
    """
    given = chosen.parameters()
    if standing is None or chosen.run in standing.unsettled:
        return [f"results FINAL {chosen.where(*also)}"], given
    start, end = given.get("start", _FIRST_MS), given.get("end", _LAST_MS)
    first = start if chosen.start is None else -(-start // _HOUR_MS) * _HOUR_MS
    last = end if chosen.end is None else end // _HOUR_MS * _HOUR_MS
    whole = (f"{HOUR} >= {{first:Int64}}", f"{HOUR} < {{last:Int64}}")
    sources = [f"results {chosen._replace(start=None, end=None).where(_SETTLED, *whole, *also)}"]
    if (first, last) != (start, end):
        rest = "NOT (results.effective_ms >= {first:Int64} AND results.effective_ms < {last:Int64})"
        sources.append(f"results {chosen.where(_SETTLED, rest, *also)}")
    if standing.unsettled and chosen.run is None:
        sources.append(f"results FINAL {chosen.where(_UNSETTLED, *also)}")
    return sources, given | standing._asdict() | {"first": first, "last": last}


def each(standing: Standing | None) -> list[tuple[str, str]]:
    """Tables that have each result once between them, and what has to hold of their rows."""
    if standing is None:
        return [("results FINAL", "1")]
    return [("results", _SETTLED), *([("results FINAL", _UNSETTLED)] if standing.unsettled else [])]
