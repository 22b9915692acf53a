"""Names that come out the same every time: event ids, row ids, and the draws of a simulation."""

import hashlib
import random
import uuid

_NAMESPACE = uuid.UUID("5f0e4a52-3f0b-5c0e-9d6b-2c8f6a1d7e90")


def event_id(*parts: object) -> str:
    """The same id for the same parts.

    The fold counts an event id once (DESIGN.md 4.3, Identity), so a result that is published again under the id made
    of what it is about (run, image, tier, attempt) is never counted twice.
    """
    return str(uuid.uuid5(_NAMESPACE, _joined(parts)))


def row_id(*parts: object) -> str:
    """The id of the table row that an answer fills: 16 hex digits, the same for the same parts."""
    return hashlib.sha256(_joined(parts).encode()).hexdigest()[:16]


def draws(*parts: object) -> random.Random:
    """Random draws that depend on the parts alone, so that no order of calls changes what is drawn."""
    return random.Random(_joined(parts))  # noqa: S311  a simulation and jitter, no secret


def _joined(parts: tuple[object, ...]) -> str:
    return "\x1f".join(map(str, parts))
