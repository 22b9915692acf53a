"""The calls of models, counted by what they have in common, and by the variant of an experiment (S4)."""

# ruff: noqa: S608 - these texts are made of this package's own constants; values are parameters

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from typing import Any, NamedTuple, TypeVar

import msgspec

from metrics.intelligence.experiments import Sample, Share
from metrics.intelligence.models import NO_CALLS, Calls

from .chosen import NAMED, OTHER, Chosen
from .history import History
from .rated import Rated, among, ratings
from .settled import HOUR, Standing, exact, once

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

K = TypeVar("K")
Rows = list[dict[str, Any]]


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

    def ask(standing: Standing | None) -> list[dict[str, Any]]:
        sources, given = once(chosen, standing)
        found = history.rows(f"{_grouped(sources)} LIMIT {MOST_GROUPS + 1}", given)
        return found if _all_named(found) else history.rows(_most_named(sources), given)

    found, rated = _beside_ratings(history, chosen, lambda: exact(history, ask))
    counted = {Key(*(row[f"by_{name}"] for name in Key._fields)): _calls(row) for row in found}
    named = {name: {getattr(key, name) for key in counted} for name in Key._fields[1:]}

    def key(of: Rated) -> Key:
        texts = (of.task_type, of.model, of.provider, of.task_complexity or "", of.user_type)
        return Key(of.day, *(text if text in named[name] else OTHER for name, text in zip(named, texts, strict=True)))

    return _with_thumbs(counted, ((key(of), of.rating, n) for of, n in rated))


def _beside_ratings(
    history: History, chosen: Chosen, ask: Callable[[], Rows]
) -> tuple[Rows, Iterator[tuple[Rated, int]]]:
    """What `ask` answers, and at the same time what people said of the chosen calls."""
    with ThreadPoolExecutor(1) as pool:
        rated = pool.submit(ratings, history, chosen.run)
        return ask(), among(rated.result(), chosen)


def _with_thumbs(counted: dict[K, Calls], rated: Iterable[tuple[K, int, int]]) -> dict[K, Calls]:
    """Adds up ratings (by what calls are counted, which, how many) with the calls."""
    up, down = Counter[K](), Counter[K]()
    for key, rating, n in rated:
        thumbs = {1: up, -1: down}.get(rating)
        if thumbs is not None:
            thumbs[key] += n
    return {
        key: msgspec.structs.replace(some, thumbs_up=up[key], thumbs_down=down[key]) for key, some in counted.items()
    }


MOST_GROUPS = 20_000
"""Of so many groups the names are counted here; of more in ClickHouse."""


def _all_named(found: Rows) -> bool:
    """Whether these groups are all there are, and of no text more than NAMED, so that nothing is OTHER."""
    texts = Key._fields[1:]
    return len(found) <= MOST_GROUPS and all(len({row[f"by_{name}"] for row in found}) <= NAMED for name in texts)


def _grouped(sources: Sequence[str]) -> str:
    """The calls by Key."""
    listed = ", ".join(f"{sql} AS by_{name}" for name, sql in _KEYS.items())
    grouped = ", ".join(f"by_{name}" for name in _KEYS)
    counted = " UNION ALL ".join(f"SELECT {listed}, {_COUNTS} FROM {source} GROUP BY {grouped}" for source in sources)
    return counted if len(sources) == 1 else f"SELECT {grouped}, {_ADDED} FROM ({counted}) GROUP BY {grouped}"


def _most_named(sources: Sequence[str]) -> str:
    """The same, of each text those with the most calls by name and the rest as OTHER.

    To rank them costs as much again as to count.
    """
    texts = Key._fields[1:]
    weights = ", ".join(f"sum(n_calls) OVER (PARTITION BY by_{name}) AS of_{name}" for name in texts)
    places = ", ".join(f"dense_rank() OVER (ORDER BY of_{name} DESC, by_{name}) AS place_of_{name}" for name in texts)
    known = ", ".join(f"if(place_of_{name} <= {NAMED}, by_{name}, '{OTHER}') AS {name}" for name in texts)
    keys = ", ".join(f"{name} AS by_{name}" for name in texts)
    return (
        f"SELECT by_day, {keys}, {_ADDED} FROM (SELECT by_day, {known}, {', '.join(f'n_{name}' for name in _SUMS)} "
        f"FROM (SELECT *, {places} FROM (SELECT *, {weights} FROM ({_grouped(sources)})))) "
        f"GROUP BY by_day, {', '.join(texts)}"
    )


def by(counted: Mapping[Key, Calls], *fields: str) -> dict[tuple[str, ...], Calls]:
    """The same added up by some fields of their key."""
    found: defaultdict[tuple[str, ...], Calls] = defaultdict(lambda: NO_CALLS)
    for key, some in counted.items():
        found[tuple(getattr(key, field) for field in fields)] += some
    return dict(found)


def _calls(row: Mapping[str, int]) -> Calls:
    return Calls(**{name: row[f"n_{name}"] for name in _SUMS})


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


_VARIANTS = (
    "SELECT toString(results.task_type) AS task, assumeNotNull(toString(results.variant)) AS name, "
    f"{_COUNTS}"
    + "".join(
        f", count({sql}) AS {name}_sample, avg({sql}) AS {name}_mean, varSamp({sql}) AS {name}_variance"
        for name, sql in _MEASURES.items()
    )
    + f" FROM {{source}} GROUP BY task, name ORDER BY n_calls DESC, task, name LIMIT {MOST_VARIANTS}"
)


def variants(history: History, chosen: Chosen) -> dict[str, dict[str, Variant]]:
    """Task → variant → its calls; of results that carry a variant, at most MOST_VARIANTS, those with the most calls.

    Raises ClickHouseError.
    """

    sql = _VARIANTS.format(source=f"results FINAL {chosen.where('isNotNull(results.variant)')}")
    rows, rated = _beside_ratings(history, chosen, lambda: history.rows(sql, chosen.parameters()))
    of_variants = (((of.task_type, of.variant), of.rating, n) for of, n in rated if of.variant is not None)
    counted = _with_thumbs({(row["task"], row["name"]): _calls(row) for row in rows}, of_variants)
    found: defaultdict[str, dict[str, Variant]] = defaultdict(dict)
    for row in rows:
        some = counted[row["task"], row["name"]]
        found[row["task"]][row["name"]] = Variant(
            some,
            Share(some.succeeded, some.calls),
            Share(some.thumbs_up, some.ratings),
            *(_sample(row, name) for name in _MEASURES),
        )
    return dict(found)


def _sample(row: Mapping[str, float | None], name: str) -> Sample:
    n, mean, variance = int(row[f"{name}_sample"] or 0), row[f"{name}_mean"], row[f"{name}_variance"]
    return Sample(n, mean, variance if n > 1 and variance is not None else 0.0)
