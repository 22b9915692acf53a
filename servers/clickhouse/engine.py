"""The ClickHouse engine in this process (chDB): handles, and queries whose bytes go through pipes.

The engine reads and writes a pipe as a file (`INTO OUTFILE '/dev/fd/N'`, `FROM INFILE '/dev/fd/N'`), so a
result or an insert of any size and format streams with the pipe's bounded memory, and a slow peer slows the
engine. chDB's own streaming calls encode each block by itself, which is wrong for JSON, Arrow or Parquet.
"""

import re
import uuid
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Any
from xml.sax.saxutils import escape

from servers.errors import QueryError

_ERROR = re.compile(
    r"Code: (\d+)\. DB::Exception: (?:Code: \d+\. DB::Exception: (?=.*\(version [^)]*\)))?(.*)", re.DOTALL
)
_VERSION = re.compile(r" \(version [\d.]+(?: \([^)]*\))?\)\.?(?: \(\w+\))?\s*$")
_MIB = 2**20
_SPARE_HANDLES = 4
_READY_HANDLES = 8

Conditions = tuple[bool, str | None, frozenset[tuple[str, str]]]
"""Whether it is the reader's; a database and settings, as a request asks for them."""


@dataclass(frozen=True, slots=True)
class Figures:
    """What a statement did: rows and bytes read and written."""

    read_rows: int = 0
    read_bytes: int = 0
    written_rows: int = 0
    written_bytes: int = 0


def quoted(text: str) -> str:
    """`text` as a string literal of ClickHouse."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def identifier(name: str) -> str:
    """`name` as a quoted identifier of ClickHouse."""
    return "`" + name.replace("\\", "\\\\").replace("`", "\\`") + "`"


def escaped(text: str) -> str:
    """`text` as the value of a query parameter of type String."""
    return text.replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n")


def engine_error(error: BaseException) -> QueryError:
    """The engine's exception as ours: its code, and its text without the version and without repeats."""
    text = str(error).strip()
    match = _ERROR.search(text)
    if match is None:
        return QueryError.named(1000, "POCO_EXCEPTION", text)
    code, message = int(match[1]), _VERSION.sub("", match[2])
    return QueryError(code, f"Code: {code}. DB::Exception: {message}")


class Handle:
    """A session of the engine: settings, current database and temporary tables of its own; one query at a time.

    Every method blocks and lets other threads run meanwhile. All raise `QueryError`.
    """

    def __init__(self, path: str, settings: Mapping[str, str]) -> None:
        self._connection = _library().connect(path)
        # What `Engine.kill` knows this handle's query by, as the engine makes up its query ids itself.
        self.tag = str(uuid.uuid4())
        self.ready_for: Conditions | None = None
        """Set where every statement leaves the session as it was, so that the next request may have it."""
        self.killed = False
        """Whether somebody asked for its query's end: that may come late, and would end the next one."""
        self.prepare(None, {**settings, "log_comment": self.tag})

    def close(self) -> None:
        """Forget the session."""
        self._connection.close()

    def prepare(self, database: str | None, settings: Mapping[str, str]) -> None:
        """Set what the following statements run under."""
        if database:
            self.execute(f"USE {identifier(database)}")
        if settings:
            self.execute("SET " + ", ".join(f"{name} = {quoted(value)}" for name, value in settings.items()))
            self.tag = settings.get("log_comment", self.tag)

    def classify(self, statement: str) -> tuple[str, int]:
        """The class of the most far-reaching statement (READ_ONLY, MUTATING, …, UNKNOWN) and how many there are."""
        verdict: dict[str, Any] = self._connection.classify_query(statement)
        return verdict["query_class"].name, verdict["statement_count"]

    def execute(
        self, statement: str, params: Mapping[str, str] | None = None, form: str = "TSV"
    ) -> tuple[bytes, Figures]:
        """Run a statement with a small result and return it whole."""
        try:
            result = self._connection.query(statement, form, params=dict(params or {}))
        except RuntimeError as error:
            raise engine_error(error) from None
        return result.bytes(), _figures(result)

    def select(self, before: str, after: str, params: Mapping[str, str], sink: int) -> Figures:
        """Run a query with its result written to the pipe `sink`.

        `before` and `after` are the query's text before and from its FORMAT clause on.
        """
        return self.execute(f"{before}\nINTO OUTFILE '/dev/fd/{sink}' TRUNCATE\n{after}", params)[1]

    def insert(self, before: str, after: str, params: Mapping[str, str], source: int) -> Figures:
        """Run an insert with its data read from the pipe `source`.

        `before` ends with the table and its columns, `after` has the SETTINGS and FORMAT clauses.
        """
        return self.execute(f"{before}\nFROM INFILE '/dev/fd/{source}' COMPRESSION 'none'\n{after}", params)[1]


def _figures(result: Any) -> Figures:
    return Figures(result.rows_read(), result.bytes_read(), result.rows_written(), result.bytes_written())


class Engine:
    """The one engine of this process, open on `path` until `close`.

    `memory_bytes` bounds what all queries and merges use together; caches are sized to it. `settings` are those that
    every handle begins with.
    """

    def __init__(self, path: Path, config: Path, memory_bytes: int, settings: Mapping[str, str]) -> None:
        self._path, self._settings = str(path), settings
        path.mkdir(parents=True, exist_ok=True)
        config.write_text(_configuration(path.parent, memory_bytes))
        _library().set_signal_handlers_enabled(0)
        self._first = Handle(f"{path}?config-file={config}", settings)
        self._spare: deque[Handle] = deque()
        self._ready: deque[Handle] = deque()
        self._taking = Lock()
        self.version, self.timezone = self._first.execute("SELECT version(), timezone()")[0].decode().split()

    def handle(self, ready_for: Conditions | None = None) -> Handle:
        """A session that is ready for just that, else one as new; to be given back to `retire`."""
        with self._taking:
            for handle in self._ready:
                if handle.ready_for == ready_for:
                    self._ready.remove(handle)
                    return handle
        try:
            return self._spare.popleft()
        except IndexError:
            return Handle(self._path, self._settings)

    def retire(self, handle: Handle) -> None:
        """Forget a session, or keep it if it is ready for another request.

        One that was used longest ago makes room. The place of a forgotten one is filled ahead of the next request,
        which so does not wait for it.
        """
        if handle.ready_for is not None and not handle.killed:
            with self._taking:
                self._ready.append(handle)
                if len(self._ready) <= _READY_HANDLES:
                    return
                handle = self._ready.popleft()
        handle.close()
        if len(self._spare) < _SPARE_HANDLES:
            self._spare.append(Handle(self._path, self._settings))

    def kill(self, tag: str | None = None) -> bool:
        """Ask the running query of the handle with this tag to stop, or all queries. Returns whether there was one."""
        handle = self.handle()
        which = "!= ''" if tag is None else f"= {quoted(tag)}"
        try:
            killed, _ = handle.execute(f"KILL QUERY WHERE Settings['log_comment'] {which} ASYNC")
        finally:
            self.retire(handle)
        return bool(killed)

    def close(self) -> None:
        """Flush and close; queries must have ended."""
        for handle in (*self._spare, *self._ready):
            handle.close()
        self._first.close()


def _configuration(folder: Path, memory_bytes: int) -> str:
    cache_bytes = max(16 * _MIB, memory_bytes // 16)
    return f"""<clickhouse>
  <display_name>imageledger</display_name>
  <max_server_memory_usage>{memory_bytes}</max_server_memory_usage>
  <mark_cache_size>{cache_bytes}</mark_cache_size>
  <primary_index_cache_size>{cache_bytes}</primary_index_cache_size>
  <index_mark_cache_size>{cache_bytes // 4}</index_mark_cache_size>
  <query_condition_cache_size>{cache_bytes // 4}</query_condition_cache_size>
  <user_files_path>{escape(str(folder / "user_files"))}</user_files_path>
  <backups><allowed_path>{escape(str(folder / "backups"))}</allowed_path></backups>
</clickhouse>
"""


def _library() -> Any:
    """chDB, whose stubs leave out most. It takes over a second to import: only who makes an engine pays that."""
    from chdb import _chdb

    return _chdb
