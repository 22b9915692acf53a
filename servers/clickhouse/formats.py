"""What ClickHouse's HTTP interface says about bodies: content types and codings, statuses, and errors in a body."""

import json
import zlib
from collections.abc import Callable
from typing import Any, Protocol

import cramjam
import lz4.frame

from servers.errors import QueryError

from .engine import Figures

try:
    from compression import zstd  # type: ignore[import-not-found, unused-ignore]  # Python 3.14
except ImportError:
    from backports import zstd

_CONTENT_TYPES = {
    "JSON": "application/json; charset=UTF-8",
    "CSV": "text/csv; charset=UTF-8; header=absent",
    "CSVWithNames": "text/csv; charset=UTF-8; header=present",
    "CSVWithNamesAndTypes": "text/csv; charset=UTF-8; header=present",
    "Arrow": "application/octet-stream",
    "HTML": "text/html; charset=UTF-8",
    "XML": "application/xml; charset=UTF-8",
}
_JSON_LINES = "application/x-ndjson; charset=UTF-8"
_TABS = "text/tab-separated-values; charset=UTF-8"
_BINARY = (
    "Native",
    "RowBinary",
    "Parquet",
    "ORC",
    "Avro",
    "Npy",
    "MsgPack",
    "BSON",
    "ProtobufSingle",
    "Protobuf",
    "Capn",
)


def content_type(format_name: str) -> str:
    """The Content-Type a server gives a result in this format."""
    if format_name in _CONTENT_TYPES:
        return _CONTENT_TYPES[format_name]
    if format_name.startswith(("TabSeparated", "TSV")):
        return _TABS
    if format_name.startswith("JSON"):
        return _JSON_LINES if "EachRow" in format_name and "Array" not in format_name else _CONTENT_TYPES["JSON"]
    if format_name.startswith(("Arrow", *_BINARY)):
        return "application/octet-stream"
    return "text/plain; charset=UTF-8"


# exceptionCodeToHTTPStatus of ClickHouse; every other code is 500.
_STATUS_OF_CODES = {
    400: (6, 8, 15, 25, 26, 27, 36, 38, 41, 44, 53, 62, 67, 68, 72, 117, 167, 168, 223, 321, 376, 427, 441, 675, 676),
    401: (194,),
    403: (192, 193, 497, 512, 516),
    404: (46, 47, 50, 56, 60, 63, 73, 78, 81, 99, 115, 336, 511),
    408: (159,),
    411: (381,),
    413: (229,),
    415: (779,),
    501: (48,),
    503: (76, 209, 439),
}
_STATUS = {code: status for status, codes in _STATUS_OF_CODES.items() for code in codes}


def http_status(code: int) -> int:
    """The HTTP status of an error by ClickHouse's number."""
    return _STATUS.get(code, 500)


def error_text(error: QueryError, version: str) -> bytes:
    """An error as a server words it in a body."""
    return f"{error} (version {version})\n".encode()


def error_trailer(error: QueryError, version: str, tag: str) -> bytes:
    """An error after the body began: what follows the rows, marked by the tag of `X-ClickHouse-Exception-Tag`."""
    text = error_text(error, version)
    return b"\r\n__exception__\r\n%b\r\n%b%d %b\r\n__exception__\r\n" % (tag.encode(), text, len(text), tag.encode())


def summary(figures: Figures, elapsed_ns: int) -> str:
    """`X-ClickHouse-Summary`: counts as JSON strings."""
    counts = {
        "read_rows": figures.read_rows,
        "read_bytes": figures.read_bytes,
        "written_rows": figures.written_rows,
        "written_bytes": figures.written_bytes,
        "total_rows_to_read": "0",
        "result_rows": figures.written_rows,
        "result_bytes": figures.written_bytes,
        "elapsed_ns": elapsed_ns,
    }
    return json.dumps({name: str(count) for name, count in counts.items()}, separators=(",", ":"))


class Encoder(Protocol):
    """A streaming compressor (cramjam's)."""

    def compress(self, data: bytes) -> Any:
        """Take bytes in."""

    def flush(self) -> Any:
        """What is ready."""

    def finish(self) -> Any:
        """The rest."""


# In the order in which one is picked when the client takes several: fastest first.
ENCODERS: dict[str, Callable[[], Encoder]] = {
    "lz4": cramjam.lz4.Compressor,
    "zstd": lambda: cramjam.zstd.Compressor(1),
    "gzip": lambda: cramjam.gzip.Compressor(3),
    "br": lambda: cramjam.brotli.Compressor(3),
    "deflate": lambda: cramjam.zlib.Compressor(3),
}


def pick_coding(accept_encoding: str) -> str | None:
    """The content coding to answer with, of those the client takes."""
    taken = {part.partition(";")[0].strip().lower() for part in accept_encoding.split(",")}
    return next((coding for coding in ENCODERS if coding in taken), None)


class _WholeBrotli:
    """Brotli has no streaming decoder here: the body is held until its end."""

    def __init__(self) -> None:
        self._held = bytearray()
        self.eof, self.unused_data = False, b""

    def decompress(self, data: bytes) -> bytes:
        self._held += data
        return b""

    def flush(self) -> bytes:
        return bytes(cramjam.brotli.decompress(self._held)) if self._held else b""


_DECODERS: dict[str, Callable[[], Any]] = {
    "lz4": lz4.frame.LZ4FrameDecompressor,
    "zstd": zstd.ZstdDecompressor,
    "gzip": lambda: zlib.decompressobj(31),
    "deflate": zlib.decompressobj,
    "br": _WholeBrotli,
}


class Decoder:
    """Undo a request's content coding as it arrives; bodies of several frames are usual (a frame a block)."""

    def __init__(self, coding: str) -> None:
        if coding not in _DECODERS:
            raise QueryError.named(
                779,
                "UNSUPPORTED_MEDIA_TYPE",
                f"Content-Encoding {coding} is not known here; use one of {', '.join(_DECODERS)}",
            )
        self._new, self._coding, self._begun = _DECODERS[coding], coding, False
        self._decoder = self._new()

    def decode(self, data: bytes) -> bytes:
        """The plain bytes that `data` completes."""
        parts = []
        self._begun = self._begun or bool(data)
        try:
            while data:
                if self._decoder.eof:
                    self._decoder = self._new()
                parts.append(self._decoder.decompress(data))
                data = self._decoder.unused_data if self._decoder.eof else b""
        except (OSError, RuntimeError, ValueError, zlib.error, zstd.ZstdError) as error:
            raise QueryError.named(
                354, "ZLIB_INFLATE_FAILED", f"The request's body is not {self._coding}: {error}"
            ) from None
        return b"".join(parts)

    def finish(self) -> bytes:
        """The rest; a body cut short is refused."""
        if isinstance(self._decoder, _WholeBrotli):
            return self._decoder.flush()
        if self._begun and not self._decoder.eof:
            raise QueryError.named(354, "ZLIB_INFLATE_FAILED", f"The request's {self._coding} body ends too early")
        return b""
