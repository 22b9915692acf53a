"""An answer to a conditional GET: bytes that are already JSON, under an ETag."""

import zlib
from typing import Any

import msgspec
from litestar import MediaType, Request, Response

AnyRequest = Request[Any, Any, Any]


def json_answer(request: AnyRequest, body: bytes, version: str) -> Response[bytes]:
    """The body, or 304 where the client has this version. `no-cache` means: ask each time."""
    etag = f'W/"{version}"'
    headers = {"etag": etag, "cache-control": "no-cache"}
    asked = {tag.strip() for tag in request.headers.get("if-none-match", "").split(",")}
    if etag in asked or "*" in asked:
        return Response(b"", status_code=304, headers=headers)
    return Response(body, media_type=MediaType.JSON, headers=headers)


def stored_answer(request: AnyRequest, body: msgspec.Struct) -> Response[bytes]:
    """The same for what is read from the store anew: its version is its content."""
    encoded = msgspec.json.encode(body)
    return json_answer(request, encoded, f"{zlib.crc32(encoded):x}-{len(encoded):x}")
