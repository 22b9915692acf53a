"""Answers of ClickHouse's HTTP interface: headers, compressed and streamed bodies, errors before and inside them."""

import asyncio
import secrets
import time
from tempfile import SpooledTemporaryFile

from servers.errors import QueryError

from .engine import Figures
from .formats import ENCODERS, Encoder, content_type, error_text, error_trailer, http_status, pick_coding, summary
from .native_blocks import BlockEncoder
from .request import Request, Send

_HEAD_BYTES = 2**20  # a result up to this size is sent whole: with its figures, or with its error's status
_MEMORY_BYTES = 8 * 2**20  # of a result that is waited for; the rest goes to a file
_NOT_LET_IN = {194, 516}
_SLOW_BYTES = 2**16  # from here on a slow compressor works beside the event loop


class Response:
    """The answer to one request.

    A result is held back until 1 MiB is there, as a server does, or to its end with `wait_end_of_query`; then its
    headers can still tell of an error. Later errors end the body as a server's do, and break the connection.
    """

    def __init__(self, request: Request, send: Send, version: str, timezone: str) -> None:
        self._request, self._send, self._version = request, send, version
        self._began_ns = time.perf_counter_ns()
        self._headers = {
            "X-ClickHouse-Server-Display-Name": "imageledger",
            "X-ClickHouse-Query-Id": request.query_id,
            "X-ClickHouse-Timezone": timezone,
        }
        in_blocks = request.flag("compress")
        accepts = request.flag("enable_http_compression", True) and not in_blocks
        self._coding = pick_coding(request.headers.get("accept-encoding", "")) if accepts else None
        self._encoder: Encoder | None = (
            BlockEncoder() if in_blocks else ENCODERS[self._coding]() if self._coding else None
        )
        self._tag = secrets.token_hex(8)
        self._held: SpooledTemporaryFile[bytes] = SpooledTemporaryFile(_MEMORY_BYTES)  # noqa: SIM115  (closed in `finish`)
        self._held_bytes = 0
        self.started = False
        self.format = "TabSeparated"

    async def _start(self, status: int, headers: dict[str, str]) -> None:
        self.started = True
        pairs = [(name.lower().encode(), value.encode("latin-1", "replace")) for name, value in headers.items()]
        await self._send({"type": "http.response.start", "status": status, "headers": pairs})

    async def _body(self, data: bytes, more: bool) -> None:
        await self._send({"type": "http.response.body", "body": data, "more_body": more})

    async def whole(self, status: int, data: bytes, headers: dict[str, str]) -> None:
        """Answer with one body."""
        await self._start(status, {**self._headers, **headers, "Content-Length": str(len(data))})
        await self._body(data if self._request.method != "HEAD" else b"", False)

    async def error(self, error: QueryError) -> None:
        """Answer with an error, or end the begun body with it and without its proper end."""
        if self.started:
            trailer = error_trailer(error, self._version, self._tag)
            await self._body(await self._encode(trailer) + self._rest(), True)
            return
        status = http_status(error.code)
        headers = {"Content-Type": "text/plain; charset=UTF-8", "X-ClickHouse-Exception-Code": str(error.code)}
        if status == 401:
            headers["WWW-Authenticate"] = 'Basic realm="ClickHouse server HTTP API"'
        self._held.close()
        text = error_text(error, self._version)
        # Errors too are in blocks if results are; who did not get in is told plainly.
        in_blocks = isinstance(self._encoder, BlockEncoder) and error.code not in _NOT_LET_IN
        await self.whole(status, await self._encode(text) if in_blocks else text, headers)

    async def write(self, data: bytes) -> None:
        """Add to the result."""
        data = await self._encode(data)
        if not self.started:
            self._held.write(data)
            self._held_bytes += len(data)
            if self._request.flag("wait_end_of_query") or self._held_bytes < _HEAD_BYTES:
                return
            await self._start(200, self._result_headers(Figures()))
            self._held.seek(0)
            data = self._held.read()
        if self._request.method != "HEAD":
            await self._body(data, True)

    async def finish(self, figures: Figures) -> None:
        """End the result."""
        last = self._rest() if self._encoder and (self.started or self._held_bytes) else b""
        if not self.started:
            self._held.write(last)
            left = self._held_bytes + len(last)
            await self._start(200, {**self._result_headers(figures), "Content-Length": str(left)})
            self._held.seek(0)
            last = b""
            while left and self._request.method != "HEAD":
                last = self._held.read(_HEAD_BYTES)
                left -= len(last)
                if left:
                    await self._body(last, True)
        self._held.close()
        await self._body(last, False)

    def _result_headers(self, figures: Figures) -> dict[str, str]:
        headers = {
            **self._headers,
            "Content-Type": content_type(self.format),
            "X-ClickHouse-Format": self.format,
            "X-ClickHouse-Exception-Tag": self._tag,
            "X-ClickHouse-Summary": summary(figures, time.perf_counter_ns() - self._began_ns),
        }
        if self._coding and (self._held_bytes or self.started):
            headers["Content-Encoding"] = self._coding
        return headers

    async def _encode(self, data: bytes) -> bytes:
        encoder = self._encoder
        if encoder is None:
            return data

        def encode() -> bytes:
            encoder.compress(data)
            return bytes(encoder.flush())

        return await asyncio.to_thread(encode) if len(data) > _SLOW_BYTES else encode()

    def _rest(self) -> bytes:
        return bytes(self._encoder.finish()) if self._encoder else b""
