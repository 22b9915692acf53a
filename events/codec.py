"""Bytes ⇄ event: typed decoding at msgspec's speed, every limit, and a reason for each refusal.

The fast path is one typed decode and a few byte counts. The decode comes first: what it does not take needs no second
look at its shape. Whatever else looks unusual is looked at closely (`inspection`).
"""

import functools
import operator
import re
from collections.abc import Sequence
from typing import Any, Literal

import msgspec

from . import inspection
from .alerts import AlertFiring, AlertResolved
from .commands import CommandIssued
from .envelope import MAX_ITEMS, Event
from .feedback import FeedbackRecorded
from .heartbeats import ProcessorHeartbeat
from .profiles import VehicleProfiled
from .refusals import MAX_RECORD_BYTES, Refused
from .results import NO_OUTPUT, ComponentResult, ImageResult, MessageResult
from .runs import (
    AlertSilenced,
    AlertUnsilenced,
    CommandAcknowledged,
    RulesChanged,
    RunDeclared,
    RunFinished,
    RunPaused,
    RunResumed,
    RunUpdated,
)
from .snapshots import RunMetrics

Kind = Literal["results", "runs", "heartbeats", "feedback", "profiles", "metrics", "alerts", "commands"]
"""The topics (without prefix) whose records are events."""

EVENT_TYPES: dict[Kind, tuple[type[Event], ...]] = {
    "results": (ImageResult, ComponentResult, MessageResult),
    "runs": (
        RunDeclared,
        RunUpdated,
        RunPaused,
        RunResumed,
        RunFinished,
        CommandAcknowledged,
        RulesChanged,
        AlertSilenced,
        AlertUnsilenced,
    ),
    "heartbeats": (ProcessorHeartbeat,),
    "feedback": (FeedbackRecorded,),
    "profiles": (VehicleProfiled,),
    "metrics": (RunMetrics,),
    "alerts": (AlertFiring, AlertResolved),
    "commands": (CommandIssued,),
}

_DECODERS: dict[Kind, msgspec.json.Decoder[Any]] = {
    kind: msgspec.json.Decoder(functools.reduce(operator.or_, types)) for kind, types in EVENT_TYPES.items()
}
_ENCODER = msgspec.json.Encoder()

Headers = Sequence[tuple[str, bytes]]

_LARGE_BYTES = 8 << 10
"""What is larger is looked at before it is decoded: 2,000 fields that are none of ours take long, and so do escapes."""
# Times are cut, not rounded, at microseconds (DETAILS.md, Numbers); msgspec rounds the seventh digit.
_LONG_FRACTION = re.compile(rb'"event_time"\s*:\s*"[^".]*\.\d{6}\d')
_SUB_MICROSECOND = re.compile(rb'("event_time"\s*:\s*"[^".]*\.\d{6})\d+')
_FIRST, _LAST = 1900, 2299


def encode(event: msgspec.Struct) -> bytes:
    """An event as its JSON; defaults are left out."""
    return _ENCODER.encode(event)


def decode(kind: Kind, value: bytes | None, headers: Headers = ()) -> Any:
    """The event in a record's value, of one of the types that belong on the topic `kind`.

    A structured CloudEvent (said by the content-type header) is unwrapped.
    Raises Refused, with reason and field path, for anything else: DETAILS.md, Refused records.
    """
    if not value:
        raise Refused("not_json", "the record is empty")
    if len(value) > MAX_RECORD_BYTES:
        raise Refused("too_large", f"{len(value)} bytes; the limit is {MAX_RECORD_BYTES}")
    if headers:
        value = inspection.unwrap(value, headers)
    if not value.isascii():
        inspection.require_text(value)
    if len(value) > _LARGE_BYTES:
        inspection.require_likeness(value)
    # Anchored where the name stands: a search of the whole record costs as much as a third of its decode.
    if _LONG_FRACTION.match(value, value.find(b'"event_time"')):
        value = _SUB_MICROSECOND.sub(rb"\1", value, count=1)
    event = _typed(kind, value)
    # What it took may hold too much all the same, in `output` and where it does not look.
    many = len(value) > 2 * MAX_ITEMS and b"[" in value and value.count(b",") >= MAX_ITEMS
    # `count` looks at byte after byte, `replace` leaps from one find to the next.
    if many or len(value) - len(value.replace(b"{", b"").replace(b"[", b"")) > inspection.MAX_DEPTH:
        inspection.require_shape(value)
    return _sound(kind, event)


def _typed(kind: Kind, value: bytes) -> Any:
    try:
        return _DECODERS[kind].decode(value)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        without_nulls = inspection.drop_nulls(value, error)
        if without_nulls is not None:
            return _typed(kind, without_nulls)
        raise inspection.refusal(value, error) from error


def _sound(kind: Kind, event: Any) -> Any:
    """The event, unless it breaks a rule that no type says."""
    if not _FIRST <= event.event_time.year <= _LAST:
        raise Refused("out_of_range", f"$.event_time: the year lies outside {_FIRST}-{_LAST}")
    if kind == "feedback" and event.subject is None:
        raise Refused("missing_field", "$: one of image_id, component_id, message_id, conversation_id")
    if kind == "results" and event.output is not NO_OUTPUT:
        raw = bytes(event.output)
        if raw == b"null":
            return msgspec.structs.replace(event, output=NO_OUTPUT)
        inspection.require_finite(raw)
    return event
