"""ClickHouse's HTTP interface as an ASGI application over the engine in this process."""

import asyncio
import os
import re
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from typing import ParamSpec, TypeVar

from servers.errors import QueryError

from .access import Access
from .engine import Engine, Figures, Handle, quoted
from .pipes import new_pipe, read_some, write_all
from .request import Disconnected, Message, Receive, Request, Send
from .response import Response
from .sessions import Session, Sessions, leaves_something
from .statements import Insert, first_word, split_insert, split_select
from .users import Role, authenticate

P = ParamSpec("P")
T = TypeVar("T")

_STATEMENT_BYTES = 2**20  # an INSERT's statement must fit in this; its data may be endless
_MAX_STATEMENT_BYTES = 64 * 2**20  # any other request's body
_KILL = re.compile(r"\s*(KILL\s+QUERY\s+WHERE)\s+query_id\s*=\s*'([^'\\]*)'(.*)", re.IGNORECASE | re.DOTALL)
_STREAMED = {"SELECT", "WITH", "FROM"}
_KILL_AGAIN_S = 0.05


class ClickHouseApp:
    """Serves `engine` to the users of `passwords`. Engine calls block, so each runs in a thread of `threads`."""

    def __init__(
        self, engine: Engine, passwords: Mapping[Role, str], access: Access, threads: ThreadPoolExecutor
    ) -> None:
        self._engine, self._passwords, self._access, self._threads = engine, passwords, access, threads
        self.sessions = Sessions(engine.handle, time.monotonic)
        self._running: dict[str, Handle] = {}  # which runs a client's query id

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer one request."""
        request = Request.of(scope, receive)
        response = Response(request, send, self._engine.version, self._engine.timezone)
        try:
            await self._answer(request, response)
        except (QueryError, UnicodeError) as failure:
            error = QueryError.named(62, "SYNTAX_ERROR", f"Not UTF-8: {failure}")
            with suppress(Disconnected):
                await request.body.discard()
                await response.error(failure if isinstance(failure, QueryError) else error)
        except Disconnected:
            return

    async def _answer(self, request: Request, response: Response) -> None:
        plain = {"Content-Type": "text/html; charset=UTF-8"}
        if request.path in {"/ping", "/replicas_status"}:
            await response.whole(200, b"Ok.\n", plain)
        elif request.path != "/":
            await response.whole(404, f"There is no handle {request.path}\n".encode(), plain)
        else:
            role = authenticate(self._passwords, request.params, request.headers)
            await request.take_form(_MAX_STATEMENT_BYTES)
            text = await _statement(request)
            if text.strip():
                await self._query(request, response, role, text)
            else:
                await response.whole(200, b"Ok.\n", plain)

    def _in_thread(self, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> "asyncio.Future[T]":
        return asyncio.get_running_loop().run_in_executor(self._threads, lambda: call(*args, **kwargs))

    async def _query(self, request: Request, response: Response, role: Role, text: bytes) -> None:
        word = first_word(text)
        insert = split_insert(text) if word == "INSERT" else None
        if insert is None:
            text += await request.body.whole(_MAX_STATEMENT_BYTES)
        statement = (insert.before + insert.after) if insert else self._by_our_tag(text.decode())
        session = self._session(request, role, statement)
        handle = session.handle if session else self._engine.handle(self._access.ready_for(role, request, statement))
        undo: list[str] = []
        self._running[request.query_id] = handle

        def prepare() -> None:
            if session:
                undo.extend(session.before(request))
            self._access.prepare(handle, role, request, statement, in_session=session is not None)

        try:
            if insert:
                figures = await self._insert(request, handle, prepare, insert, text[insert.data_start :])
            elif word in _STREAMED:
                figures = await self._select(request, response, handle, prepare, text)
            else:
                figures = await self._execute(request, response, handle, prepare, statement)
        finally:
            self._running.pop(request.query_id, None)
            if session:  # before the client can know that it is over, or its next request would find it locked
                await self._in_thread(session.after, statement, undo)
                self.sessions.release(session)
            else:
                self._threads.submit(self._engine.retire, handle)
        await response.finish(figures)

    def _by_our_tag(self, statement: str) -> str:
        """A client's `KILL QUERY WHERE query_id = …` (DBeaver's cancel) in terms of what the engine knows."""
        kill = _KILL.fullmatch(statement)
        handle = self._running.get(kill[2]) if kill else None
        if not kill or not handle:
            return statement
        handle.killed = True
        return f"{kill[1]} Settings['log_comment'] = {quoted(handle.tag)} {kill[3]}"

    def _session(self, request: Request, role: Role, statement: str) -> Session | None:
        session_id = request.params.get("session_id")
        if not session_id or role is Role.READER:  # the reader changes nothing, its sessions neither
            return None
        return self.sessions.take((role.value, session_id), request, keep=leaves_something(statement))

    async def _select(
        self, request: Request, response: Response, handle: Handle, prepare: Callable[[], None], text: bytes
    ) -> Figures:
        select = split_select(text, request.default_format)
        response.format = select.format
        source, sink = new_pipe()
        os.set_blocking(source, False)

        def run() -> Figures:
            try:
                prepare()
                return handle.select(select.before, select.after, request.query_params, sink)
            finally:
                os.close(sink)

        query = self._in_thread(run)
        watch = asyncio.create_task(self._kill_when_gone(request, handle))
        try:
            while data := await read_some(source):
                await response.write(data)
        except asyncio.CancelledError:  # the server ends and waits no longer
            self._kill(handle)
            raise
        finally:
            os.close(source)
            watch.cancel()
            figures = await query
        return figures

    async def _execute(
        self, request: Request, response: Response, handle: Handle, prepare: Callable[[], None], statement: str
    ) -> Figures:
        response.format = request.default_format

        def run() -> tuple[bytes, Figures]:
            prepare()
            return handle.execute(statement, request.query_params, request.default_format)

        watch = asyncio.create_task(self._kill_when_gone(request, handle))
        try:
            data, figures = await self._in_thread(run)
        except asyncio.CancelledError:
            self._kill(handle)
            raise
        finally:
            watch.cancel()
        if data:
            await response.write(data)
        return figures

    async def _insert(
        self, request: Request, handle: Handle, prepare: Callable[[], None], insert: Insert, data: bytes
    ) -> Figures:
        source, sink = new_pipe()
        os.set_blocking(sink, False)

        def run() -> Figures:
            try:
                prepare()
                return handle.insert(insert.before, insert.after, request.query_params, source)
            finally:
                os.close(source)

        query = self._in_thread(run)
        try:
            await write_all(sink, data)
            while not request.body.ended:
                await write_all(sink, await request.body.read())
        except BrokenPipeError:
            pass  # the engine stopped reading; `query` says why
        except (Disconnected, QueryError, asyncio.CancelledError):
            # Killed before the pipe ends, or the engine would take its end for the end of the data.
            while not await asyncio.wrap_future(self._kill(handle)):  # it may not have begun yet
                if (await asyncio.wait({query}, timeout=_KILL_AGAIN_S))[0]:
                    break
            raise
        finally:
            os.close(sink)
            figures = await query
        return figures

    async def _kill_when_gone(self, request: Request, handle: Handle) -> None:
        await request.body.gone()
        while True:  # until the query has ended and this task is cancelled; it may not have begun yet
            self._kill(handle)
            await asyncio.sleep(_KILL_AGAIN_S)

    def _kill(self, handle: Handle) -> "Future[bool]":
        handle.killed = True
        return self._threads.submit(self._engine.kill, handle.tag)


async def _statement(request: Request) -> bytes:
    """The query of the URL and as much of the body as an INSERT's statement may need."""
    text = request.params.get("query", "").encode()
    if text:
        text += b"\n"
    while not request.body.ended and len(text) < _STATEMENT_BYTES:
        text += await request.body.read()
    return text
