"""What is stored of subjects, call by call and answer by answer: what a lineage is made of.

Asked in narrow statements, two at a time, and put together here: the same by windows and joins takes the engine longer
to plan than to read (docs/decisions/0063).
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any

import msgspec

from .history import History, merged

MOST_CALLS = 10_000
Subject = tuple[str, str]
"""Kind and id."""


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """One question put to a subject, or, with `question` null, a call that answered none.

    `cost_nano_usd` is the whole call's, which its answers share. `nth` and `times`: which processing of the subject at
    this tier it was, of how many, in any run; `holds`: the newest of them that did not fail. `verdict`: feedback's
    latest word on the question.
    """

    subject_kind: str
    subject_id: str
    vehicle_id: str | None
    run_id: str
    event_id: str
    event_time: datetime
    tier: int
    nth: int
    times: int
    holds: bool
    status: str
    error: str | None
    model: str
    model_version: str | None
    provider: str
    prompt_version: str | None
    strategy: str | None
    latency_ms: int | None
    cost_nano_usd: int | None
    context_score: float | None
    context_items: list[str]
    parent_id: str | None
    question: str | None
    answer: str | None
    confidence: float | None
    table: str | None
    record_id: str | None
    asked_models: int | None
    agreeing_models: int | None
    validated_by: str | None
    verdict: str | None
    verdict_by: str | None
    source_partition: int
    source_offset: int

    @property
    def subject(self) -> Subject:
        """What was asked about."""
        return self.subject_kind, self.subject_id


Row = Mapping[str, Any]
_ANSWER = ("question", "answer", "confidence", "table", "record_id", "asked_models", "agreeing_models", "validated_by")
_FOUND_HERE = {"nth", "times", "holds", "error", "verdict", "verdict_by"}
_OF_CALL = [name for name in Step.__struct_fields__ if name not in {*_ANSWER, *_FOUND_HERE}]


def steps_of(history: History, subjects: Collection[Subject]) -> list[Step]:
    """Every step of these subjects, oldest call first; of more than MOST_CALLS records the oldest.

    Raises ClickHouseError.
    """
    given = {"ids": sorted({subject_id for _, subject_id in subjects})}
    with ThreadPoolExecutor(2) as pool:
        found = pool.map(lambda sql: history.rows(sql, given), (CALLS, _WORDS))
        records, words = pool.map(lambda table, rows: _counting(history, table, rows), _TABLES, found)
    said = {_asked(row): row for row in words if row["question"] is not None and row["verdict"] is not None}
    calls = [row for row in records if _subject(row) in subjects]
    calls.sort(key=lambda row: (row["effective_ms"], row["source_partition"], row["source_offset"]))
    return [
        msgspec.convert({**call, **place, **answer, **_verdict(said.get(_asked({**call, **answer})))}, Step)
        for call, place in zip(calls, _placed(calls), strict=True)
        for answer in _answers(call)
    ]


def _counting(history: History, table: str, rows: Sequence[Row]) -> list[Row]:
    """Of these records those that are the first of their events, in the order of offsets."""
    firsts = {(*_identity(row), row["source_offset"]) for row in _firsts([*rows, *_elsewhere(history, table, rows)])}
    return [row for row in _firsts(rows) if (*_identity(row), row["source_offset"]) in firsts]


def _elsewhere(history: History, table: str, rows: Sequence[Row]) -> Sequence[Row]:
    """Where else the same events stand: a first record about another subject makes the event that one's.

    A part of results that was merged has an event once. One that was seen to hold all of them is not looked at again,
    which in a store at rest leaves parts that hold next to nothing of the same time. A merge leaves every word.
    """
    if not rows:
        return []
    seen: defaultdict[tuple[str, int, str], set[str]] = defaultdict(set)
    for row in rows:
        seen[_identity(row)] |= {row["_part"]} if table == "results" and merged(row["_part"]) else set()
    given: dict[str, Any] = {"events": sorted(seen), "parts": sorted(set.intersection(*seen.values()))}
    return history.rows(_ELSEWHERE.format(table), given)


def _firsts(rows: Iterable[Row]) -> list[Row]:
    """Each event once, as FINAL has it: by its record with the lowest offset; in the order of offsets."""
    found: dict[tuple[str, int, str], Row] = {}
    for row in sorted(rows, key=lambda row: row["source_offset"]):
        found.setdefault(_identity(row), row)
    return list(found.values())


def _identity(row: Row) -> tuple[str, int, str]:
    return row["run_id"], row["source_partition"], row["event_id"]


def _subject(row: Row) -> Subject:
    return row["subject_kind"], row["subject_id"]


def _asked(row: Row) -> tuple[Any, ...]:
    return row["run_id"], row["source_partition"], *_subject(row), row["question"]


def _placed(calls: Iterable[Row]) -> list[dict[str, Any]]:
    """For each call, oldest first: `nth`, `times`, `holds`, and what went wrong."""
    lines: defaultdict[tuple[str, str, int], list[Row]] = defaultdict(list)
    placed = []
    for call in calls:
        line = lines[(*_subject(call), call["tier"])]
        line.append(call)
        placed.append((call, line, len(line)))
    newest = {key: next((call for call in reversed(line) if call["status"] != "failed"), None)
              for key, line in lines.items()}  # fmt: skip
    return [
        {
            "nth": nth,
            "times": len(line),
            "holds": call is newest[(*_subject(call), call["tier"])],
            "error": ": ".join(part for part in (call["error_type"], call["error_message"]) if part is not None)
            if call["error_type"] is not None
            else None,
        }
        for call, line, nth in placed
    ]


def _answers(call: Row) -> Iterator[dict[str, Any]]:
    """What it answered, or one answer of nothing; a table that is none is null."""
    for answer in call["answers"]:
        yield {**answer, "table": answer["table"] or None, "record_id": answer["record_id"] or None}
    if not call["answers"]:
        yield dict.fromkeys(_ANSWER)


def _verdict(word: Row | None) -> dict[str, str | None]:
    return {"verdict": word["verdict"] or None, "verdict_by": word["validator"] or None} if word else _NO_VERDICT


_NO_VERDICT: dict[str, str | None] = {"verdict": None, "verdict_by": None}

_TABLES = ("results", "feedback")
_OF_SUBJECTS = "identity(subject_id) IN {ids:Array(String)}"
"""Through `identity`: for the bare name the bloom filter of every granule would be read, beside the projection."""
# Every column of it stands in the projection `steps_of_subjects`, or that is not used.
CALLS = f"""
SELECT {", ".join(_OF_CALL)}, effective_ms, error_type, error_message, answers, _part
FROM results WHERE {_OF_SUBJECTS} ORDER BY effective_ms, source_partition, source_offset LIMIT {MOST_CALLS}
"""  # noqa: S608 - made of this module's own constants

_ELSEWHERE = """
SELECT run_id, source_partition, event_id, source_offset FROM {}
WHERE (run_id, source_partition, event_id) IN {{events:Array(Tuple(String, UInt32, String))}}
    AND _part NOT IN {{parts:Array(String)}}
"""

_WORDS = """
SELECT run_id, source_partition, event_id, source_offset, subject_kind, subject_id, question, verdict, validator, _part
FROM feedback WHERE subject_id IN {ids:Array(String)}
"""
