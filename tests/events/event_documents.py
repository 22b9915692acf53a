"""Any valid event as the JSON document that a producer would write, generated from the types themselves."""

import functools
from datetime import datetime
from typing import Any

import msgspec
from hypothesis import strategies as st
from msgspec import inspect as mi

from events.codec import EVENT_TYPES, Kind
from events.envelope import Event

ALL_TYPES: list[tuple[Kind, type[Event]]] = [(kind, type_) for kind, types in EVENT_TYPES.items() for type_ in types]
NAMES = [type_.__name__ for _, type_ in ALL_TYPES]

times = st.builds(
    lambda moment, zone: moment.isoformat() + zone,
    st.datetimes(datetime(1900, 1, 2), datetime(2299, 12, 30)),  # noqa: DTZ001 - the zone is drawn beside it
    st.sampled_from(["Z", "+05:30", "-11:00"]),
)
numbers = st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False)
small_json: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | numbers | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=4,
)


@functools.cache
def documents(event: type[Event]) -> st.SearchStrategy[dict[str, Any]]:
    """Documents of one event type: required fields always, the others sometimes."""
    strategy = _struct(mi.type_info(event))  # type: ignore[arg-type]
    if event.__name__ == "FeedbackRecorded":
        subjects = ("image_id", "component_id", "message_id", "conversation_id")
        return strategy.filter(lambda document: any(document.get(name) is not None for name in subjects))
    return strategy


def _struct(info: mi.StructType) -> st.SearchStrategy[dict[str, Any]]:
    tag = {info.tag_field: st.just(info.tag)} if info.tag_field else {}
    required = {field.encode_name: _value(field.type) for field in info.fields if field.required}
    optional = {field.encode_name: _value(field.type) for field in info.fields if not field.required}
    return st.fixed_dictionaries(tag | required, optional=optional)


def _value(info: mi.Type) -> st.SearchStrategy[Any]:  # noqa: C901 - one line a kind of type
    match info:
        case mi.StructType():
            return _struct(info)
        case mi.UnionType(types=types):
            return st.one_of([_value(type_) for type_ in types])
        case mi.LiteralType(values=values):
            return st.sampled_from(values)
        case mi.StrType(min_length=low, max_length=high):
            return st.text(min_size=low or 0, max_size=min(high or 30, 30))
        case mi.BoolType():
            return st.booleans()
        case mi.IntType(ge=low, le=high):
            return st.integers(-(2**53) if low is None else low, 2**53 if high is None else high)
        case mi.FloatType(ge=low, le=high):
            return st.floats(low, high, allow_nan=False, allow_infinity=False)
        case mi.DateTimeType():
            return times
        case mi.NoneType():
            return st.none()
        case mi.ListType(item_type=item):
            return st.lists(_value(item), max_size=3)
        case mi.DictType(key_type=key, value_type=value):
            return st.dictionaries(_value(key), _value(value).filter(lambda item: item is not None), max_size=3)
        case mi.AnyType():  # a snapshot's counters
            return st.integers(0, 2**53)
        case mi.RawType():
            return small_json
    raise NotImplementedError(info)


def minimal(event: type[Event]) -> dict[str, Any]:
    """The least that a valid document of a type holds."""
    info: Any = mi.type_info(event)
    document = {info.tag_field: info.tag} | {f.encode_name: _least(f.type) for f in info.fields if f.required}
    return document | ({"image_id": "img-1"} if event.__name__ == "FeedbackRecorded" else {})


def _least(info: mi.Type) -> Any:
    match info:
        case mi.LiteralType(values=values):
            return values[0]
        case mi.StrType():
            return "a"
        case mi.DateTimeType():
            return "2026-05-04T10:00:00Z"
        case mi.DictType():
            return {}
    raise NotImplementedError(info)


def encoded(document: Any) -> bytes:
    """The document as a producer's JSON."""
    return msgspec.json.encode(document)
