"""Single results: found by filter and order, page by page, and one of them whole (the page Results)."""

import base64
import binascii
from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Literal, NamedTuple

import msgspec

from sinks.errors import BadCursor, NoSuchResult

from .chosen import Chosen
from .history import History

Sort = Literal["-time", "time", "-cost", "cost", "-latency", "latency", "-confidence", "confidence"]
Status = Literal["success", "partial", "failed"]
MAX_ROWS = 200

# Only the time is never unknown, and a bare column is sorted several times as fast.
_SORTED_BY = {
    "time": "effective_ms",
    "cost": "cost_nano_usd",
    "latency": "latency_ms",
    "confidence": "confidence_ppm",
}
_LEAST, _MOST = -(1 << 62), 1 << 62  # where what is unknown stands: last, whichever way


class Body(msgspec.Struct, rename="camel", frozen=True, kw_only=True):
    """An answer's object; money is whole nano-dollars, null is unknown."""


class ResultRow(Body, frozen=True, kw_only=True):
    """A result in the list. `effective_at`: when it counts. `answers`: how many it gave."""

    run_id: str
    event_id: str
    subject_kind: str
    subject_id: str
    vehicle_id: str | None
    effective_at: datetime
    tier: int
    task_type: str
    component_type: str | None
    model: str
    provider: str
    status: str
    error_type: str | None
    attempt: int
    latency_ms: int | None
    cost_nano_usd: int | None
    confidence: float | None
    answers: int
    source_partition: int
    source_offset: int


class ResultsPage(Body, frozen=True, kw_only=True):
    """Some results in order; `next` is the cursor of what follows, null at the end.

    A page may hold fewer than were asked for, even none, and yet have a next one: repeats of an event are left out.
    """

    results: list[ResultRow]
    next: str | None


class Earlier(Body, frozen=True, kw_only=True):
    """One time that the subject was processed, in any run."""

    run_id: str
    event_id: str
    effective_at: datetime
    tier: int
    task_type: str
    model: str
    status: str
    attempt: int
    latency_ms: int | None
    cost_nano_usd: int | None
    confidence: float | None
    answers: int
    source_partition: int


class Word(Body, frozen=True, kw_only=True):
    """Feedback on the subject in this run, the latest first."""

    event_time: datetime
    question: str | None
    rating: int | None
    validator: str
    verdict: str | None
    comment: str | None


class Detail(Body, frozen=True, kw_only=True):
    """A result whole. `fields`: every stored column under its name in `results` (docs/sql.md), `output` as text.

    `history`: each time its subject was processed, in any run, oldest first.
    """

    fields: dict[str, Any]
    history: list[Earlier]
    feedback: list[Word]


class Choices(Body, frozen=True, kw_only=True):
    """What there is to filter by, each list in order."""

    models: list[str]
    providers: list[str]
    task_types: list[str]
    component_types: list[str]


class Like(NamedTuple):
    """What a result must also be; None is any. `text`: a part of its subject's id, or its event's whole id."""

    status: Status | None = None
    vehicle: str | None = None
    text: str | None = None

    def conditions(self) -> list[str]:
        """Over `results`."""
        return [_LIKE[name] for name, value in self._asdict().items() if value is not None]


_LIKE = {
    "status": "status = {status:String}",
    "vehicle": "vehicle_id = {vehicle:String}",
    "text": "(positionCaseInsensitiveUTF8(subject_id, {text:String}) > 0 OR event_id = {text:String})",
}


_Number = Annotated[int, msgspec.Meta(ge=_LEAST, le=_MOST)]


class _Place(msgspec.Struct, array_like=True, frozen=True):
    """Where a page ended: the value that it is sorted by, and the position in the log."""

    value: _Number
    partition: Annotated[int, msgspec.Meta(ge=0, le=(1 << 32) - 1)]
    offset: Annotated[int, msgspec.Meta(ge=0, le=_MOST)]


def results(
    history: History, chosen: Chosen, like: Like, sort: Sort = "-time", limit: int = 50, cursor: str | None = None
) -> ResultsPage:
    """A page of results; `cursor` is the former page's `next`, under the same filters and sort.

    The order is found without merging repeats, in the few columns that it needs; only the page's rows are then read
    whole, by their key, and those that an earlier record of the same event outdoes are left out.

    Raises BadCursor; ClickHouseError.
    """
    found = _places(history, chosen, like, sort, min(limit, MAX_ROWS) + 1, cursor)
    page, more = found[:limit], len(found) > limit
    return ResultsPage(results=_whole(history, page), next=_cursor(page[-1]) if more and page else None)


def _places(
    history: History, chosen: Chosen, like: Like, sort: Sort, limit: int, cursor: str | None
) -> list[dict[str, Any]]:
    descends = sort.startswith("-")
    column = _SORTED_BY[sort.removeprefix("-")]
    key = column if column == "effective_ms" else f"toInt64(ifNull({column}, {_LEAST if descends else _MOST}))"
    order = "DESC" if descends else "ASC"
    conditions = like.conditions()
    parameters = {**chosen.parameters(), **like._asdict(), "limit": limit}
    if cursor is not None:
        at = _place(cursor)
        conditions.append(f"({key}, source_partition, source_offset) {'<' if descends else '>'} {_AT}")
        parameters |= {"at_value": at.value, "at_partition": at.partition, "at_offset": at.offset}
    return history.rows(
        f"SELECT run_id, source_partition, event_id, source_offset, {key} AS value FROM results "  # noqa: S608 - made of this module's own constants
        f"{chosen.where(*conditions)} "
        f"ORDER BY value {order}, source_partition {order}, source_offset {order} LIMIT {{limit:UInt32}}",
        {name: value for name, value in parameters.items() if value is not None},
    )


_AT = "({at_value:Int64}, {at_partition:UInt32}, {at_offset:UInt64})"

_COUNTED = {"answers": "length(results.answers) AS answers"}
_ROW = ", ".join(_COUNTED.get(name, name) for name in ResultRow.__struct_fields__)


def _whole(history: History, page: Sequence[dict[str, Any]]) -> list[ResultRow]:
    if not page:
        return []
    identities = [(row["run_id"], row["source_partition"], row["event_id"]) for row in page]
    rows = history.rows(
        f"SELECT {_ROW} FROM results FINAL WHERE (run_id, source_partition, event_id) IN "  # noqa: S608 - as above
        "{identities:Array(Tuple(String, UInt32, String))}",
        {"identities": identities},
    )
    kept = {(row["source_partition"], row["source_offset"], row["event_id"]): ResultRow(**row) for row in rows}
    places = [(row["source_partition"], row["source_offset"], row["event_id"]) for row in page]
    return [kept[place] for place in places if place in kept]


def _cursor(row: dict[str, Any]) -> str:
    place = _Place(row["value"], row["source_partition"], row["source_offset"])
    return base64.urlsafe_b64encode(msgspec.json.encode(place)).decode().rstrip("=")


def _place(cursor: str) -> _Place:
    try:
        padded = cursor.encode("ascii") + b"=" * (-len(cursor) % 4)
        return msgspec.json.decode(base64.b64decode(padded, altchars=b"-_", validate=True), type=_Place)
    except (UnicodeEncodeError, UnicodeDecodeError, binascii.Error, msgspec.DecodeError) as error:
        raise BadCursor("the cursor is none of ours: take `next` of the former page, or leave it out") from error


def result(history: History, run_id: str, event_id: str, partition: int | None = None) -> Detail:
    """One result, its subject's history and what was said of it.

    The same event id may stand in several partitions of a run; without `partition` the lowest is meant.

    Raises NoSuchResult; ClickHouseError.
    """
    asked = {"run": run_id, "event": event_id, "partition": partition}
    found = history.rows(_ONE, asked)
    if not found:
        raise NoSuchResult(f"no result {event_id!r} of run {run_id!r} is stored; the sink may be behind the log")
    subject = {name: found[0][name] for name in ("run_id", "subject_kind", "subject_id")}
    return Detail(
        fields=found[0],
        history=[Earlier(**row) for row in history.rows(_HISTORY, subject)],
        feedback=[Word(**row) for row in history.rows(_WORDS, subject)],
    )


_ONE = """
SELECT *, output_cut, effective_at FROM results FINAL
WHERE run_id = {run:String} AND event_id = {event:String}
    AND (isNull({partition:Nullable(UInt32)}) OR source_partition = {partition:Nullable(UInt32)})
ORDER BY source_partition LIMIT 1
"""

_EARLIER = ", ".join(_COUNTED.get(name, name) for name in Earlier.__struct_fields__)
_HISTORY = f"""
SELECT {_EARLIER} FROM results FINAL WHERE subject_kind = {{subject_kind:String}} AND subject_id = {{subject_id:String}}
ORDER BY effective_ms, source_partition, source_offset LIMIT 500
"""  # noqa: S608 - as above

_WORDS = """
SELECT event_time, question, rating, validator, verdict, comment FROM feedback FINAL
WHERE run_id = {run_id:String} AND subject_kind = {subject_kind:String} AND subject_id = {subject_id:String}
ORDER BY source_offset DESC LIMIT 200
"""


def choices(history: History, run_id: str | None = None) -> Choices:
    """The models, providers, task and component types of a run, or of all; at most 500 of each."""
    chosen = Chosen(run=run_id)
    found = history.rows(_CHOICES.format(chosen.where()), chosen.parameters())[0]
    return Choices(**{name: sorted(values) for name, values in found.items()})


_CHOICES = """
SELECT groupUniqArray(500)(toString(model)) AS models, groupUniqArray(500)(toString(provider)) AS providers,
    groupUniqArray(500)(toString(task_type)) AS task_types,
    groupUniqArrayIf(500)(assumeNotNull(toString(component_type)), isNotNull(component_type)) AS component_types
FROM (
    SELECT model, provider, task_type, component_type
    FROM results {} GROUP BY run_id, model, provider, task_type, component_type)
"""
"""Grouped as the projection `labels_of_runs` is: not one result is read."""
