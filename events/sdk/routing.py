"""Where an event goes: its topic, and the key that keeps its subject's records in one partition (DESIGN.md 4.1)."""

from collections.abc import Callable
from typing import Any

from .. import codec
from ..envelope import Event
from ..topics import Name


def _subject_id(event: Any) -> str | None:
    return str(event.subject_id)


def _run_id(event: Any) -> str | None:
    return None if event.run_id is None else str(event.run_id)


def _feedback_subject(event: Any) -> str | None:
    if event.subject is None:
        raise ValueError("feedback names no subject; give one of image_id, component_id, message_id, conversation_id")
    return str(event.subject[1])


def _vehicle_id(event: Any) -> str | None:
    return str(event.vehicle_id)


_KEYS: dict[codec.Kind, Callable[[Any], str | None]] = {
    "results": _subject_id,
    "feedback": _feedback_subject,
    "runs": _run_id,
    "heartbeats": _run_id,
    "commands": _run_id,
    "profiles": _vehicle_id,
}

_ROUTES: dict[type[Event], tuple[Name, Callable[[Any], str | None]]] = {
    event: (kind, key) for kind, key in _KEYS.items() for event in codec.EVENT_TYPES[kind]
}


def route(event: Event) -> tuple[Name, str | None]:
    """Topic (without prefix) and key of an event that producers send.

    Raises TypeError for one that only the stream itself writes (metrics, alerts), ValueError for feedback on nothing.
    """
    found = _ROUTES.get(type(event))
    if found is None:
        raise TypeError(f"{type(event).__name__} is no event that a producer publishes")
    name, key = found
    return name, key(event)
