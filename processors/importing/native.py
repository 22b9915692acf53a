"""Our own records: events as JSON, and rows of the table `results` as `imageledger export` writes them."""

from typing import Any

from processors.importing.fields import STRUCTS, as_kind, kind_of
from processors.importing.mapping import put

_RENAMED = {"error_type": "error.type", "error_message": "error.message", "error_timeout": "error.timeout"}


def is_native(values: dict[str, Any]) -> bool:
    """Whether a row says itself which event it is."""
    return values.get("event_type") in STRUCTS and bool(values.get("event_id"))


def is_event(values: dict[str, Any]) -> bool:
    """Whether it is an event as it was published, not the store's row of it."""
    return is_native(values) and "source_offset" not in values


def document(values: dict[str, Any]) -> dict[str, Any]:
    """The event's JSON document; the store's own columns and empty maps and lists are left out. Raises Refused."""
    type_name = values["event_type"]
    made: dict[str, Any] = {"event_type": type_name}
    for name, value in values.items():
        path = _RENAMED.get(name, name)
        kind = kind_of(type_name, path)
        if kind is None or name == "event_type":
            continue
        known = as_kind(kind, value, path)
        if known is not None and known not in ({}, []):
            put(made, path, known)
    if "subject_kind" in values:
        subject = f"{values['subject_kind']}_id"
        made.setdefault(subject, values.get("subject_id"))
    if "output_bytes" in values and len(str(values.get("output") or "").encode()) < int(values["output_bytes"] or 0):
        made.pop("output", None)  # the store keeps its first 64 KiB, which are no JSON any more
    for answer in made.get("answers", ()):
        for name in ("table", "record_id"):
            if isinstance(answer, dict) and answer.get(name) == "":
                del answer[name]  # the store's word for none
    return made
