"""Where a page of a long list ended, as opaque text that a client hands back."""

import base64
import binascii
from typing import Any, TypeVar

import msgspec

from dashboard.errors import BadRequest

T = TypeVar("T")


def encode(place: Any) -> str:
    """The place, a tuple of plain values, as URL-safe text."""
    return base64.urlsafe_b64encode(msgspec.json.encode(place)).decode().rstrip("=")


def decode(text: str, kind: type[T]) -> T:
    """The place again. Raises BadRequest for what `encode` did not make."""
    try:
        padded = text.encode("ascii") + b"=" * (-len(text) % 4)
        return msgspec.json.decode(base64.b64decode(padded, altchars=b"-_", validate=True), type=kind)
    except (binascii.Error, UnicodeError, msgspec.DecodeError) as error:
        raise BadRequest("the cursor is none of ours: take `nextCursor` of the page before") from error
