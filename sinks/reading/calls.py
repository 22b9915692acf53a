"""The calls of models, counted by what they have in common, and by the variant of an experiment (S4)."""

# ruff: noqa: S608 - these texts are made of this package's own constants; values are parameters

from collections import defaultdict
from collections.abc import Mapping
from datetime import date
from typing import NamedTuple

from metrics.intelligence.experiments import Sample, Share
from metrics.intelligence.models import NO_CALLS, Calls

from .chosen import NAMED, OTHER, USER_TYPE, Chosen
from .history import History

# Aliases of their own names: ClickHouse would take `latency_ms` in one column for the sum of another.
_COUNTS = ", ".join(
    f"{sql} AS n_{name}"
    for name, sql in {
        "calls": "count()",
        "succeeded": "countIf(status != 'failed')",
        "latency_ms": "sum(ifNull(latency_ms, 0))",
        "timed": "count(latency_ms)",
        "tokens": "sum(input_tokens + output_tokens)",
        "cost_nano_usd": "sum(ifNull(cost_nano_usd, 0))",
        "priced": "count(cost_nano_usd)",
        "confidence_ppm": "sum(ifNull(confidence_ppm, 0))",
        "sure": "count(confidence_ppm)",
    }.items()
)
_RATINGS = "countIf(user_rating = 1) AS n_thumbs_up, countIf(user_rating = -1) AS n_thumbs_down"


class Key(NamedTuple):
    """What calls have in common; `complexity` and `user_type` are empty where not said."""

    day: date
    task_type: str
    model: str
    provider: str
    complexity: str
    user_type: str


_KEYS = {
    "day": "toDate(fromUnixTimestamp64Milli(results.effective_ms, 'UTC'))",
    "task_type": "toString(results.task_type)",
    "model": "toString(results.model)",
    "provider": "toString(results.provider)",
    "complexity": "ifNull(toString(results.task_complexity), '')",
    "user_type": USER_TYPE,
}


def calls(history: History, chosen: Chosen) -> dict[Key, Calls]:
    """The chosen calls, each once, with the ratings that belong to them (view `result_ratings`).

    Raises ClickHouseError.
    """
    texts = Key._fields[1:]
    weights = ", ".join(f"sum(n_calls) OVER (PARTITION BY by_{name}) AS of_{name}" for name in texts)
    places = ", ".join(f"dense_rank() OVER (ORDER BY of_{name} DESC, by_{name}) AS place_of_{name}" for name in texts)
    known = ", ".join(f"if(place_of_{name} <= {NAMED}, by_{name}, '{OTHER}') AS {name}" for name in texts)
    sums = ", ".join(f"sum(n_{name}) AS {name}" for name in Calls.__struct_fields__)
    statement = (
        f"SELECT by_day AS day, {known}, {sums} "
        f"FROM (SELECT *, {places} FROM (SELECT *, {weights} FROM ({_counted(_KEYS, chosen.where())}))) "
        f"GROUP BY {', '.join(Key._fields)}"
    )
    found = history.rows(statement, chosen.parameters())
    return {Key(*(row[name] for name in Key._fields)): _calls(row) for row in found}


def _counted(keys: Mapping[str, str], where: str, moments: str = "") -> str:
    """A SELECT of the calls by `keys` (as by_…), counted (as n_…); beside each group its ratings.

    Both sides are grouped before they meet: a million calls are never joined with their ratings one by one.
    """
    listed = ", ".join(f"{sql} AS by_{name}" for name, sql in keys.items())
    grouped = ", ".join(f"by_{name}" for name in keys)
    rated = f"SELECT {listed}, {_RATINGS} FROM result_ratings AS results {where} GROUP BY {grouped}"
    return (
        f"SELECT * FROM (SELECT {listed}, {_COUNTS}{moments} FROM results FINAL {where} GROUP BY {grouped}) AS counted "
        f"LEFT JOIN ({rated.replace(USER_TYPE, 'results.user_type')}) AS rated USING ({grouped})"
    )


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
_VARIANT = {"task": "toString(results.task_type)", "name": "assumeNotNull(toString(results.variant))"}
_MEASURES = {"latency_ms": "latency_ms", "confidence": "confidence_ppm / 1e4", "cost_usd": "cost_nano_usd / 1e9"}


def variants(history: History, chosen: Chosen) -> dict[str, dict[str, Variant]]:
    """Task → variant → its calls; of results that carry a variant, at most MOST_VARIANTS, those with the most calls.

    Raises ClickHouseError.
    """
    moments = "".join(
        f", count({sql}) AS {name}_sample, avg({sql}) AS {name}_mean, varSamp({sql}) AS {name}_variance"
        for name, sql in _MEASURES.items()
    )
    of_each = _counted(_VARIANT, chosen.where("isNotNull(results.variant)"), moments)
    renamed = ", ".join(f"n_{name} AS {name}" for name in Calls.__struct_fields__)
    statement = (
        f"SELECT *, by_task AS task, by_name AS name, {renamed} FROM ({of_each}) "
        f"ORDER BY calls DESC, task, name LIMIT {MOST_VARIANTS}"
    )
    found: defaultdict[str, dict[str, Variant]] = defaultdict(dict)
    for row in history.rows(statement, chosen.parameters()):
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
