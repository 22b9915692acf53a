"""What the reader may ask, by the allow-list of `sinks.reading.guard`, and the limits it runs under."""

import re
from collections import OrderedDict
from collections.abc import Mapping

from servers.errors import QueryError
from sinks.reading.guard import DATABASES, Ask, Guard, Refused

from .engine import Handle, escaped

LIMITS = {
    "max_execution_time": 60,
    "max_memory_usage": 2**30,
    "max_result_rows": 10_000_000,
    "max_result_bytes": 4 * 2**30,
    "max_rows_to_read": 2_000_000_000,
    "max_temporary_data_on_disk_size_for_query": 2**30,
    "max_threads": 4,
    "max_ast_elements": 50_000,
    "max_expanded_ast_elements": 500_000,
}
CEILINGS = LIMITS | {"max_execution_time": 3_600, "max_result_rows": 10**9, "max_result_bytes": 10**12}
"""How far a request may lift a limit: an export takes long and says so, and its rows wait in no memory of ours."""
_READER_SETTINGS = re.compile(
    r"output_format_\w+|input_format_\w+|format_csv_\w+|format_tsv_\w+|date_time_\w+|session_timezone|extremes|final|"
    r"join_use_nulls|result_overflow_mode|max_block_size|http_\w+|log_queries|connect_timeout|prefer_\w+|"
    r"use_query_cache|\w+_nulls|transform_null_in|count_distinct_implementation|allow_experimental_analyzer|"
    r"enable_analyzer|load_balancing|send_timeout|receive_timeout|use_skip_indexes\w*|optimize_\w+|cast_\w+|"
    r"join_algorithm|group_by_(?!overflow_mode)\w+|max_bytes_before_external_\w+"
)
"""Of the `…_overflow_mode`s only the result's: it leaves out rows that come last. Another one ends a sum half-way, and
the answer says nothing of it."""
_MOST_KNOWN, _KNOWN_LENGTH = 512, 2**14
_FILE_SETTINGS = {"output_format_schema"}  # its value is the path of a file to write


class Reader:
    """Checks the reader's statements. `handle` is used once, to ask the engine for its functions."""

    def __init__(self, handle: Handle) -> None:
        self._guard = Guard(_asking(handle))
        self._known: OrderedDict[str, None] = OrderedDict()

    def use(self, handle: Handle, asked: str | None) -> bool:
        """Enter the database asked for; by default `imageledger`, or the catalogue as long as there is none.

        Returns whether the next request would come to the same.

        Raises `QueryError` (ACCESS_DENIED) for a database that is not the reader's.
        """
        if asked and asked != "default" and asked not in DATABASES:
            raise _denied(f"database {asked} is not on the reader's list")
        try:
            handle.prepare(asked if asked in DATABASES else "imageledger", {})
        except QueryError:
            handle.prepare("INFORMATION_SCHEMA", {})
            return False
        return True

    def settings(self, asked: Mapping[str, str]) -> dict[str, str]:
        """The settings to run under: the limits, changed up to CEILINGS, and other settings where that is harmless.

        Raises `QueryError` (READONLY) for a setting that is not the reader's to change.
        """
        settings = {name: str(limit) for name, limit in LIMITS.items()}
        for name, value in asked.items():
            if name in LIMITS:
                wanted = int(value) if value.isdecimal() else 0
                settings[name] = str(min(wanted or LIMITS[name], CEILINGS[name]))
            elif name in _FILE_SETTINGS or not _READER_SETTINGS.fullmatch(name):
                if name != "readonly":
                    raise QueryError.named(164, "READONLY", f"Cannot modify '{name}' setting in readonly mode")
            else:
                settings[name] = value
        return settings

    def knows(self, statement: str) -> bool:
        """Whether the reader may run this statement with whatever parameters, which `check` found before."""
        return statement in self._known

    def check(self, handle: Handle, statement: str, params: Mapping[str, str], *, remember: bool) -> None:
        """Raise `QueryError` unless the reader may run this statement with these parameters.

        `remember`: the statement only reads, so that it may be known from now on.
        """
        given = _asking(handle, as_sent=params)
        try:
            always = self._guard.check(given, statement, params)
        except Refused as refused:
            raise _denied(str(refused)) from refused
        if always and remember and len(statement) <= _KNOWN_LENGTH:
            self._known[statement] = None
            if len(self._known) > _MOST_KNOWN:
                self._known.popitem(last=False)


def _asking(handle: Handle, as_sent: Mapping[str, str] | None = None) -> Ask:
    """`as_sent`: parameters that the client escaped already; others are plain texts."""

    def ask(statement: str, parameters: Mapping[str, str]) -> str:
        if parameters is not as_sent:
            parameters = {name: escaped(value) for name, value in parameters.items()}
        return handle.execute(statement, parameters, "TabSeparated")[0].decode()

    return ask


def _denied(why: str) -> QueryError:
    return QueryError.named(497, "ACCESS_DENIED", f"reader: Not enough privileges: {why}")
