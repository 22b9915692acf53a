"""What people said of calls by a thumb, counted by whatever calls are chosen and counted by (view `result_ratings`)."""

# ruff: noqa: S608 - these texts are made of this package's own constants; values are parameters

from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from typing import Any, NamedTuple

from metrics.views.calls import ratings_within

from .chosen import Chosen
from .history import History
from .settled import Standing, each, exact


class Rated(NamedTuple):
    """What rated calls have in common; `rating`: 1 up, -1 down, 0 taken back."""

    day: date
    run: str
    tier: int
    component_type: str | None
    task_type: str
    task_complexity: str | None
    model: str
    provider: str
    user_type: str
    variant: str | None
    rating: int


class Ratings(NamedTuple):
    """Of calls alike, when each counts: ms since 1970, in order."""

    of: Rated
    moments_ms: Sequence[int]


def among(rated: Iterable[Ratings], chosen: Chosen) -> Iterator[tuple[Rated, int]]:
    """How many of them are of the chosen calls; those of which none are left out."""
    given = chosen.parameters()
    start, end = given.pop("start", None), given.pop("end", None)
    wanted = [(Rated._fields.index(name), value) for name, value in given.items()]
    for of, moments_ms in rated:
        if all(of[place] == value for place, value in wanted):
            first = 0 if start is None else bisect_left(moments_ms, start)
            last = len(moments_ms) if end is None else bisect_left(moments_ms, end)
            if first < last:
                yield of, last - first


def ratings(history: History, run: str | None) -> list[Ratings]:
    """Of the run's calls, or of all: each rated call once, with its latest rating. Raises ClickHouseError.

    Kept while neither results nor words come: to find what was rated among ten million calls takes two seconds.
    """
    return history.kept(("ratings", run), lambda: sought(history, run), "feedback")


def sought(history: History, run: str | None) -> list[Ratings]:
    """The same as the tables have them at this moment. Raises ClickHouseError."""
    return exact(history, lambda standing: _asked(history, run, standing), history.look())


def _asked(history: History, run: str | None, standing: Standing | None) -> list[Ratings]:
    """A run's ratings are sought in it and in the runs that rated the same.

    In all runs takes twenty times as long, and has to be where a rating found no call in its own run.
    """
    given: dict[str, Any] = standing._asdict() if standing else {}
    if run is None:
        return [_read(row) for row in history.rows(_grouped("", standing, ""), given)]
    given |= {"run": run}
    of_run = "WHERE run_id = {run:String}"
    runs = [row["rating_run"] for row in history.rows(_RATING_RUNS, given)]
    within = None  # one read of a few runs through FINAL costs less than two beside each other
    if standing is not None and set(runs).isdisjoint(standing.unsettled):
        within = standing._replace(unsettled=[])
    found = history.rows(_grouped("run_id IN {runs:Array(String)}", within, of_run), given | {"runs": runs})
    if any(row["strays"] for row in found):
        found = history.rows(_grouped("", standing, of_run), given)
    return [_read(row) for row in found]


_OF = {
    "day": "toDate(fromUnixTimestamp64Milli(effective_ms, 'UTC'))",
    "run": "toString(run_id)",
    "user_type": "toString(user_type)",
    "rating": "user_rating",
}


def _grouped(runs: str, standing: Standing | None, where: str) -> str:
    listed = ", ".join(f"{_OF.get(name, name)} AS of_{name}" for name in Rated._fields)
    grouped = ", ".join(f"of_{name}" for name in Rated._fields)
    return (
        f"SELECT {listed}, arraySort(groupArray(effective_ms)) AS moments_ms, max(astray) AS strays "
        f"FROM ({ratings_within(runs, each(standing))}) {where} GROUP BY {grouped}"
    )


def _read(row: dict[str, Any]) -> Ratings:
    return Ratings(Rated(*(row[f"of_{name}"] for name in Rated._fields)), array("q", row["moments_ms"]))


_SAID = "FROM feedback WHERE isNull(question) AND isNotNull(rating)"
_RATING_RUNS = f"""
SELECT {{run:String}} AS rating_run
UNION DISTINCT
SELECT toString(run_id) {_SAID} AND (
    subject_id IN (SELECT subject_id FROM results WHERE run_id = {{run:String}})
    OR subject_kind = 'conversation' AND subject_id IN (
        SELECT assumeNotNull(conversation_id) FROM results
        WHERE run_id = {{run:String}} AND isNotNull(conversation_id)))
"""
"""The run, and every run with a rating of what the run has calls of."""
