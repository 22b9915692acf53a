"""The calls of models, counted by what they have in common, and by the variant of an experiment (S4)."""

# ruff: noqa: S608 - these texts are made of this package's own constants; values are parameters

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, NamedTuple

from metrics.intelligence.experiments import Sample, Share
from metrics.intelligence.models import NO_CALLS, Calls
from metrics.views.calls import ratings_within

from .chosen import NAMED, OTHER, Chosen
from .history import History
from .settled import HOUR, Standing, each, exact, once

# Aliases of their own names: ClickHouse would take `latency_ms` in one column for the sum of another.
_SUMS = {
    "calls": "count()",
    "succeeded": "countIf(status != 'failed')",
    "latency_ms": "ifNull(sum(latency_ms), 0)",
    "timed": "count(latency_ms)",
    "tokens": "sum(input_tokens + output_tokens)",
    "cost_nano_usd": "ifNull(sum(cost_nano_usd), 0)",
    "priced": "count(cost_nano_usd)",
    "confidence_ppm": "ifNull(sum(confidence_ppm), 0)",
    "sure": "count(confidence_ppm)",
}
_COUNTS = ", ".join(f"{sql} AS n_{name}" for name, sql in _SUMS.items())
_ADDED = ", ".join(f"sum(n_{name}) AS n_{name}" for name in _SUMS)
_RATINGS = (
    "countIf(user_rating = 1) AS n_thumbs_up, countIf(user_rating = -1) AS n_thumbs_down, countIf(astray) AS n_astray"
)


class Key(NamedTuple):
    """What calls have in common; `complexity` and `user_type` are empty where not said."""

    day: date
    task_type: str
    model: str
    provider: str
    complexity: str
    user_type: str


_KEYS = {
    "day": f"toDate(fromUnixTimestamp64Milli({HOUR}, 'UTC'))",
    "task_type": "toString(results.task_type)",
    "model": "toString(results.model)",
    "provider": "toString(results.provider)",
    "complexity": "ifNull(toString(results.task_complexity), '')",
    "user_type": "toString(results.user_type)",
}


def calls(history: History, chosen: Chosen) -> dict[Key, Calls]:
    """The chosen calls, each once, with the ratings that belong to them (view `result_ratings`).

    Raises ClickHouseError.
    """
    found = exact(history, lambda standing: _rated(history, chosen, standing, _CALLS))
    return {Key(*(row[name] for name in Key._fields)): _calls(row) for row in found}


class _Question(NamedTuple):
    """`shape`: a statement over `{counted}`, the chosen calls by `keys` with their ratings; `also`: which of them.

    `moments`: what else is told of their figures, where sums are not enough.
    """

    shape: str
    keys: Mapping[str, str]
    also: Sequence[str] = ()
    moments: str = ""


def _by_key() -> str:
    """What is asked of the counted calls: of each text those with the most calls by name, and the rest as OTHER."""
    texts = Key._fields[1:]
    weights = ", ".join(f"sum(n_calls) OVER (PARTITION BY by_{name}) AS of_{name}" for name in texts)
    places = ", ".join(f"dense_rank() OVER (ORDER BY of_{name} DESC, by_{name}) AS place_of_{name}" for name in texts)
    known = ", ".join(f"if(place_of_{name} <= {NAMED}, by_{name}, '{OTHER}') AS {name}" for name in texts)
    sums = ", ".join(f"sum(n_{name}) AS {name}" for name in Calls.__struct_fields__)
    return (
        f"SELECT by_day AS day, {known}, {sums}, sum(n_astray) AS astray "
        f"FROM (SELECT *, {places} FROM (SELECT *, {weights} FROM ({{counted}}))) GROUP BY {', '.join(Key._fields)}"
    )


_CALLS = _Question(_by_key(), _KEYS)


def _counted(question: _Question, where: str, ratings: str, sources: Sequence[str]) -> str:
    """A SELECT of the calls by what the question groups by (as by_…), counted (as n_…); beside each group its ratings.

    Both sides are grouped before they meet: a million calls are never joined with their ratings one by one.
    """
    listed = ", ".join(f"{sql} AS by_{name}" for name, sql in question.keys.items())
    grouped = ", ".join(f"by_{name}" for name in question.keys)
    counted = " UNION ALL ".join(
        f"SELECT {listed}, {_COUNTS}{question.moments} FROM {source} GROUP BY {grouped}" for source in sources
    )
    if len(sources) > 1:
        counted = f"SELECT {grouped}, {_ADDED} FROM ({counted}) GROUP BY {grouped}"
    rated = f"SELECT {listed}, {_RATINGS} FROM ({ratings}) AS results {where} GROUP BY {grouped}"
    return f"SELECT * FROM ({counted}) AS counted LEFT JOIN ({rated}) AS rated USING ({grouped})"


def _rated(history: History, chosen: Chosen, standing: Standing | None, question: _Question) -> list[dict[str, Any]]:
    """The question's rows.

    A run's ratings are sought in it and in the runs that rated the same: in all runs takes twenty times as long, and
    has to be where a rating found no call in its own run.
    """
    sources, given = once(chosen, None if question.moments else standing, *question.also)
    given |= standing._asdict() if standing else {}

    def statement(runs: str, standing: Standing | None) -> str:
        ratings = ratings_within(runs, each(standing))
        return question.shape.format(counted=_counted(question, chosen.where(*question.also), ratings, sources))

    if chosen.run is not None:
        rating_runs = [row["rating_run"] for row in history.rows(_RATING_RUNS, given)]
        within = None  # one read of a few runs through FINAL costs less than two beside each other
        if standing is not None and set(rating_runs).isdisjoint(standing.unsettled):
            within = standing._replace(unsettled=[])
        found = history.rows(statement("run_id IN {runs:Array(String)}", within), given | {"runs": rating_runs})
        if not any(row["astray"] for row in found):
            return found
    return history.rows(statement("", standing), given)


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


def by(counted: Mapping[Key, Calls], *fields: str) -> dict[tuple[str, ...], Calls]:
    """The same added up by some fields of their key."""
    found: defaultdict[tuple[str, ...], Calls] = defaultdict(lambda: NO_CALLS)
    for key, some in counted.items():
        found[tuple(getattr(key, field) for field in fields)] += some
    return dict(found)


def _calls(row: Mapping[str, int]) -> Calls:
    return Calls(**{name: row[name] for name in Calls.__struct_fields__})


class Variant(NamedTuple):
    """A variant's calls of a task; `confidence` in percent, `cost` in dollars a call."""

    calls: Calls
    success: Share
    satisfaction: Share
    latency_ms: Sample
    confidence: Sample
    cost_usd: Sample


MOST_VARIANTS = 200
_MEASURES = {"latency_ms": "latency_ms", "confidence": "confidence_ppm / 1e4", "cost_usd": "cost_nano_usd / 1e9"}


_MOMENTS = "".join(
    f", count({sql}) AS {name}_sample, avg({sql}) AS {name}_mean, varSamp({sql}) AS {name}_variance"
    for name, sql in _MEASURES.items()
)
_MOST_CALLED = (
    "SELECT *, by_task AS task, by_name AS name, "
    f"{', '.join(f'n_{name} AS {name}' for name in Calls.__struct_fields__)}, n_astray AS astray "
    f"FROM ({{counted}}) ORDER BY calls DESC, task, name LIMIT {MOST_VARIANTS}"
)
_VARIANTS = _Question(
    _MOST_CALLED,
    {"task": "toString(results.task_type)", "name": "assumeNotNull(toString(results.variant))"},
    ["isNotNull(results.variant)"],
    _MOMENTS,
)


def variants(history: History, chosen: Chosen) -> dict[str, dict[str, Variant]]:
    """Task → variant → its calls; of results that carry a variant, at most MOST_VARIANTS, those with the most calls.

    Raises ClickHouseError.
    """
    found: defaultdict[str, dict[str, Variant]] = defaultdict(dict)
    for row in exact(history, lambda standing: _rated(history, chosen, standing, _VARIANTS)):
        counted = _calls(row)
        found[row["task"]][row["name"]] = Variant(
            counted,
            Share(counted.succeeded, counted.calls),
            Share(counted.thumbs_up, counted.ratings),
            *(_sample(row, name) for name in _MEASURES),
        )
    return dict(found)


def _sample(row: Mapping[str, float | None], name: str) -> Sample:
    n, mean, variance = int(row[f"{name}_sample"] or 0), row[f"{name}_mean"], row[f"{name}_variance"]
    return Sample(n, mean, variance if n > 1 and variance is not None else 0.0)
