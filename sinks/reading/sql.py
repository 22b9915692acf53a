"""Anybody's SQL: one read-only statement, within limits. What the reader may ask is `guard`'s business."""

import re
from collections.abc import Mapping
from threading import Lock
from typing import Literal

from sinks.errors import (
    AccessDenied,
    ClickHouseAway,
    ClickHouseError,
    LimitReached,
    StatementError,
    StatementFailed,
    StatementRefused,
)
from sinks.raw import Answer, Raw

from .guard import DATABASES, Guard, Refused

Format = Literal["json", "jsonl", "csv", "tsv", "parquet", "arrow"]
FORMATS: dict[Format, str] = {
    "json": "JSONCompact",
    "jsonl": "JSONEachRow",
    "csv": "CSVWithNames",
    "tsv": "TabSeparatedWithNames",
    "parquet": "Parquet",
    "arrow": "Arrow",
}
"""Our name → ClickHouse's. `json`: an object of `meta` (columns' names, types), `data` (rows as arrays), `rows`."""
MAX_RESULT_BYTES = 64 << 20
LIMITS: dict[str, str | int] = {
    "max_execution_time": 30,
    "max_memory_usage": 1 << 30,
    "max_result_rows": 100_000,
    "max_result_bytes": MAX_RESULT_BYTES,
    "max_rows_to_read": 2_000_000_000,
    "result_overflow_mode": "throw",
}
MAX_STATEMENT_LENGTH = 1_000_000

# ClickHouse's numbers: TOO_MANY_ROWS, TIMEOUT_EXCEEDED, TOO_SLOW, MEMORY_LIMIT_EXCEEDED, TOO_DEEP_RECURSION, …
_OUT_OF_BOUNDS = {158, 159, 160, 241, 306, 307, 396}
# READONLY, SUPPORT_IS_DISABLED, INTO_OUTFILE_NOT_ALLOWED, SETTING_CONSTRAINT_VIOLATION, ACCESS_DENIED, …
_NOT_ALLOWED = {164, 344, 358, 392, 452, 497}
_AROUND = re.compile(r"^(?:Code: \d+\. DB::Exception: )+| \([A-Z_]+\)(?: \(version .*)?$")
_SYNTAX_ERROR = 62
_FORMATTING = re.compile(r"(?:: | )(?:[Ii]n scope|[Ww]hile executing|[Ww]hile processing)\b")


class Sql:
    """Runs statements; threads may share it. The server's functions are asked for with the first."""

    def __init__(self, raw: Raw) -> None:
        self._raw = raw
        self._guard: Guard | None = None
        self._readonly: bool | None = None
        self._lock = Lock()

    def run(
        self,
        statement: str,
        parameters: Mapping[str, str] | None = None,
        *,
        format: Format = "json",  # noqa: A002 - as everywhere in SQL
        limits: Mapping[str, str | int] | None = None,
    ) -> Answer:
        """The statement's result; a FORMAT clause of its own goes before `format`. `{name:Type}` takes `parameters`.

        Raises:
            StatementRefused: it is not the reader's to run, or there are several.
            StatementFailed: it is wrong, or there is none.
            LimitReached: it asks for too much. Reading the answer may raise it too.
            ClickHouseAway: nothing answers.
        """
        parameters = parameters or {}
        text = statement.strip()
        if not text or len(text) > MAX_STATEMENT_LENGTH:
            raise StatementFailed(f"one statement of up to {MAX_STATEMENT_LENGTH:,} characters is asked for")
        try:
            self._check(text, parameters)
            settings = {**LIMITS, **(limits or {}), **self._reading_only()}
            return self._raw.ask(text, parameters, format=FORMATS[format], settings=settings)
        except Refused as refused:
            remedy = "the tables and views of docs/sql.md are"
            raise StatementRefused(f"not allowed: {refused}; {remedy}") from None
        except ClickHouseError as error:
            raise worded(error) from error

    def _check(self, text: str, parameters: Mapping[str, str]) -> None:
        try:
            self._checked().check(self._ask, text, parameters)
        except ClickHouseError as error:
            if error.code == _SYNTAX_ERROR:  # of the guard's EXPLAIN: where it is in the statement, `formatQuery` says
                self._ask("SELECT formatQuery({statement:String})", {"statement": text})
            raise

    def _reading_only(self) -> dict[str, str | int]:
        """A user who can only read cannot change that setting either, not even to what it is."""
        if self._readonly is None:
            self._readonly = self._ask("SELECT getSetting('readonly')", {}).strip() != "0"
        return {} if self._readonly else {"readonly": 1}

    def _checked(self) -> Guard:
        with self._lock:
            if self._guard is None:
                self._guard = Guard(self._ask, DATABASES | {self._raw.database})
            return self._guard

    def _ask(self, statement: str, parameters: Mapping[str, str]) -> str:
        with self._raw.ask(statement, parameters) as answer:
            return b"".join(answer).decode(errors="replace")


def worded(error: ClickHouseError) -> ClickHouseError:
    """An error for whoever wrote the statement: in ClickHouse's words, with what to do about it."""
    if isinstance(error, StatementError) or error.code is None:
        return error
    said = _AROUND.sub("", error.said)
    about_ours = _FORMATTING.search(said, 0, max(said.rfind("formatQuery"), 0))
    if about_ours:  # the question that we put to know what is wrong, which nobody asked
        said = said[: about_ours.start()]
    if error.code in _OUT_OF_BOUNDS:
        return LimitReached(f"too much for one statement: {said}: aggregate, filter, or LIMIT the result", error.code)
    if error.code in _NOT_ALLOWED:
        return StatementRefused(f"not allowed: {said}", error.code)
    if isinstance(error, AccessDenied | ClickHouseAway):
        return error
    if "Multi-statements" in said:
        return StatementRefused("not allowed: several statements; send one at a time", error.code)
    return StatementFailed(said, error.code)
