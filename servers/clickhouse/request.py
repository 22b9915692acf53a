"""A request to ClickHouse's HTTP interface: its parameters, and its body as plain bytes."""

import re
import uuid
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from email.parser import BytesParser
from email.policy import HTTP
from functools import cached_property
from typing import Any
from urllib.parse import parse_qsl

from servers.errors import QueryError

from .formats import Decoder
from .native_blocks import BlockDecoder

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

_RESERVED = {
    "add_http_cors_header", "buffer_size", "client_protocol_version", "compress", "database", "decompress",
    "default_format", "enable_http_compression", "http_headers_progress_interval_ms", "password", "query",
    "query_id", "quota_key", "role", "send_progress_in_http_headers", "session_check", "session_id",
    "session_timeout", "stacktrace", "user", "wait_end_of_query", "cancel_http_readonly_queries_on_client_close",
}  # fmt: skip
BLOCKS = "ClickHouse's own blocks"  # as a body's coding
_NAME = re.compile(r"\w+", re.ASCII)


class Disconnected(Exception):  # noqa: N818  (reads as the sentence it is)
    """The client went away before its request was complete."""


class Body:
    """The request's body, decoded as it arrives."""

    def __init__(self, receive: Receive, coding: str) -> None:
        self._receive, self._coding = receive, coding
        self._decoder: Decoder | BlockDecoder | None = None
        self.ended = False

    async def read(self) -> bytes:
        """The next bytes, b"" possibly among them; `ended` says whether there are more. Raises `Disconnected`."""
        message = await self._receive()
        if message["type"] == "http.disconnect":
            raise Disconnected
        data: bytes = message.get("body", b"")
        self.ended = not message.get("more_body", False)
        if self._coding:
            self._decoder = self._decoder or (BlockDecoder() if self._coding == BLOCKS else Decoder(self._coding))
            data = self._decoder.decode(data) + (self._decoder.finish() if self.ended else b"")
        return data

    async def gone(self) -> None:
        """Wait for the client to go away, once the body has ended."""
        while (await self._receive())["type"] != "http.disconnect":
            pass

    async def whole(self, max_bytes: int) -> bytes:
        """The rest of the body. Raises `QueryError` if it is over `max_bytes`."""
        data = bytearray()
        while not self.ended:
            data += await self.read()
            if len(data) > max_bytes:
                raise QueryError.named(229, "QUERY_IS_TOO_LARGE", f"The statement is over {max_bytes} bytes")
        return bytes(data)

    async def discard(self) -> None:
        """Take the rest off the wire, so that the client comes to read its answer."""
        self._coding = ""
        while not self.ended:
            await self.read()


@dataclass(frozen=True)
class Request:
    """One request. Header names are in small letters."""

    method: str
    path: str
    params: dict[str, str]
    headers: dict[str, str]
    body: Body

    @classmethod
    def of(cls, scope: Message, receive: Receive) -> "Request":
        """Read an ASGI scope."""
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        params = dict(parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True))
        coding = headers.get("content-encoding", "").lower().replace("identity", "")
        if params.get("decompress", "0") in {"1", "true"}:
            coding = BLOCKS
        return cls(scope["method"], scope["path"], params, headers, Body(receive, coding))

    async def take_form(self, max_bytes: int) -> None:
        """Read a multipart form, which clients send when parameters are too long for an address, into `params`."""
        declared = self.headers.get("content-type", "")
        if not declared.lower().startswith("multipart/form-data"):
            return
        head = f"Content-Type: {declared}\r\n\r\n".encode("latin-1")
        form = BytesParser(policy=HTTP).parsebytes(head + await self.body.whole(max_bytes))
        for part in form.iter_parts():
            name = str(part.get_param("name", "", "content-disposition"))
            if name != "query" and not name.startswith("param_"):
                raise QueryError.named(
                    48, "NOT_IMPLEMENTED", f"External table {name}: use a temporary table of a session"
                )
            value = part.get_payload(decode=True)
            self.params[name] = value.decode() if isinstance(value, bytes) else ""

    def flag(self, name: str, default: bool = False) -> bool:
        """A yes-or-no parameter."""
        return self.params.get(name, "1" if default else "0").lower() in {"1", "true"}

    @cached_property
    def query_id(self) -> str:
        """The client's name for the query, or a new one."""
        return self.params.get("query_id") or self.headers.get("x-clickhouse-query-id") or str(uuid.uuid4())

    @cached_property
    def session_timeout_s(self) -> int:
        """How long the session is kept after this request. Raises `QueryError` for what is no number."""
        given = self.params.get("session_timeout", "60")
        if not given.isdecimal():
            raise QueryError.named(374, "INVALID_SESSION_TIMEOUT", f"Invalid session timeout: '{given}'")
        return int(given)

    @cached_property
    def database(self) -> str | None:
        """The database that the request names."""
        return self.params.get("database") or self.headers.get("x-clickhouse-database")

    @cached_property
    def default_format(self) -> str:
        """The format of a result whose query names none."""
        return self.params.get("default_format") or self.headers.get("x-clickhouse-format") or "TabSeparated"

    @cached_property
    def query_params(self) -> dict[str, str]:
        """The values of `{name:Type}` in the query."""
        return {name[6:]: value for name, value in self.params.items() if name.startswith("param_")}

    @cached_property
    def settings(self) -> dict[str, str]:
        """Settings for this query. Raises `QueryError` for a name that cannot be one."""
        named = {n: v for n, v in self.params.items() if n not in _RESERVED and not n.startswith("param_")}
        for name in named:
            if not _NAME.fullmatch(name):
                raise QueryError.named(
                    115,
                    "UNKNOWN_SETTING",
                    f"Setting {name} is neither a builtin setting nor started with the prefix 'SQL_'",
                )
        return named
