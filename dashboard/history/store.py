"""What the dashboard asks of ClickHouse for somebody: their SQL, exports, lineage. Live figures never wait for it."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from threading import Lock
from typing import NamedTuple, TypeVar

from dashboard.errors import (
    BadRequest,
    DashboardError,
    FilterUnknown,
    HistoryUnavailable,
    LineageUnknown,
    NotExported,
    ResultUnknown,
    SqlFailed,
    SqlNotAllowed,
    SqlTooMuch,
)
from sinks.client import connect
from sinks.errors import (
    BadCursor,
    ClickHouseError,
    LimitReached,
    NoLineage,
    NoSuchFilter,
    NoSuchResult,
    NoSuchView,
    SinkError,
    StatementFailed,
    StatementRefused,
)
from sinks.raw import Answer, Raw, raw
from sinks.reading import export, lineage
from sinks.reading.export import Filters
from sinks.reading.history import History
from sinks.reading.spreadsheet import harmless
from sinks.reading.sql import MAX_RESULT_BYTES, Format, Sql, worded

T = TypeVar("T")
_THREADS = 8
_PROBLEMS: dict[type[SinkError], type[DashboardError]] = {
    StatementRefused: SqlNotAllowed,
    StatementFailed: SqlFailed,
    LimitReached: SqlTooMuch,
    NoSuchView: NotExported,
    NoSuchFilter: FilterUnknown,
    NoLineage: LineageUnknown,
    NoSuchResult: ResultUnknown,
    BadCursor: BadRequest,
}


class Result(NamedTuple):
    """A whole answer; `format` is ClickHouse's name of it."""

    body: bytes
    format: str


class Store:
    """The reader's ClickHouse at `url`, in threads of its own. Every method raises the DashboardError that fits."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._raw: Raw = raw(url)
        self._sql = Sql(self._raw)
        self._history: History | None = None
        self._lock = Lock()
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="store")

    def close(self) -> None:
        """Take no more questions."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def sql(self, statement: str, parameters: Mapping[str, str], format: Format) -> Result:  # noqa: A002 - SQL's word
        """One statement's result, whole: so an error is an error from its first byte."""

        def ask() -> Result:
            with self._sql.run(statement, parameters, format=format) as answer:
                chunks = harmless(answer) if answer.format.startswith("CSV") else answer
                return Result(_whole(chunks), answer.format)

        return await self._in_thread(ask)

    async def export(self, view: str, format: export.Format, filters: Filters) -> AsyncIterator[bytes]:  # noqa: A002 - as above
        """The rows as they come. What is wrong from the start is raised before the first is given."""
        answer = await self._in_thread(lambda: export.export(self._raw, view, format, filters))
        chunks = harmless(answer) if format == "csv" else iter(answer)
        first = await self._in_thread(lambda: next(chunks, b""))
        return self._chunks(answer, first, chunks)

    async def _chunks(self, answer: Answer, first: bytes, chunks: Iterator[bytes]) -> AsyncIterator[bytes]:
        """An error on the way is raised: the body then ends without its proper end, which every client notices."""
        try:
            chunk = first
            while chunk:
                yield chunk
                chunk = await self._in_thread(lambda: next(chunks, b""))
        finally:
            answer.close()

    async def image_lineage(self, image_id: str) -> bytes:
        """As JSON."""
        return await self.ask(lambda history: lineage.as_json(lineage.of_image(history, image_id)))

    async def record_lineage(self, table: str, record_id: str) -> bytes:
        """As JSON."""
        return await self.ask(lambda history: lineage.as_json(lineage.of_record(history, table, record_id)))

    async def ask(self, question: Callable[[History], T]) -> T:
        """What a question of `sinks` answers: `await store.ask(lambda history: calls(history, chosen))`."""
        return await self._in_thread(lambda: question(self._asked()))

    def _asked(self) -> History:
        with self._lock:
            if self._history is None:
                self._history = History(connect(self._url))
            return self._history

    async def _in_thread(self, ask: Callable[[], T]) -> T:
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, ask)
        except SinkError as error:
            raise _problem(error) from error


def _problem(error: SinkError) -> DashboardError:
    kind = _PROBLEMS.get(type(error))
    return kind(str(error)) if kind else HistoryUnavailable(f"{error}; live runs are not affected")


def _whole(answer: Iterable[bytes]) -> bytes:
    parts, size = [], 0
    try:
        for chunk in answer:
            parts.append(chunk)
            size += len(chunk)
            if size > MAX_RESULT_BYTES:
                raise LimitReached(
                    f"the result is over {MAX_RESULT_BYTES >> 20} MiB: aggregate, filter or LIMIT it, or /api/export"
                )
    except ClickHouseError as error:
        raise worded(error) from error
    return b"".join(parts)
