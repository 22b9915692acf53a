"""What is written is read back the same, and nothing that is read can do more than be refused."""

import json
from typing import Any

import msgspec
import pytest
from event_documents import ALL_TYPES, NAMES, documents, encoded, minimal, small_json
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from events.codec import EVENT_TYPES, Kind, decode, encode
from events.envelope import Event, event_type
from events.refusals import Refused
from events.results import ImageResult

few = settings(
    max_examples=settings.default.max_examples // 2,  # of each type
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
KINDS = sorted(EVENT_TYPES)


@few
@given(data=st.data())
@pytest.mark.parametrize(("kind", "event"), ALL_TYPES, ids=NAMES)
def test_every_document_decodes_and_round_trips(kind: Kind, event: type[Event], data: st.DataObject) -> None:
    document = data.draw(documents(event))
    once = decode(kind, encoded(document))
    assert type(once) is event
    again = decode(kind, encode(once))
    assert encode(again) == encode(once)
    assert (again.event_id, again.event_time) == (once.event_id, once.event_time)


@few
@given(data=st.data())
@pytest.mark.parametrize(("kind", "event"), ALL_TYPES, ids=NAMES)
def test_null_is_the_same_as_absent(kind: Kind, event: type[Event], data: st.DataObject) -> None:
    document = data.draw(documents(event))
    optional = sorted(set(event.__struct_fields__) - set(minimal(event)) - document.keys() - {"output"})
    nulls = data.draw(st.lists(st.sampled_from(optional), unique=True)) if optional else []
    assert encode(decode(kind, encoded(document | dict.fromkeys(nulls)))) == encode(decode(kind, encoded(document)))


def test_a_null_in_each_optional_field_counts_as_absent() -> None:
    for kind, event in ALL_TYPES:
        least = minimal(event)
        nulls = {name: None for name in event.__struct_fields__ if name not in least and name != "output"}
        assert decode(kind, encoded(least | nulls)) == decode(kind, encoded(least)), event


def test_a_null_deeper_down_counts_as_absent_too() -> None:
    least = minimal(ImageResult)
    with_null = least | {"error": {"type": None, "message": "m"}, "tables": {"a": 1, "b": None}, "final": None}
    without = least | {"error": {"message": "m"}, "tables": {"a": 1}}
    assert decode("results", encoded(with_null)) == decode("results", encoded(without))


def test_output_stays_verbatim_even_beside_nulls() -> None:
    raw = b'{ "a": null,\n "b": [1.50, "\\u00e9"] }'
    document = b'{"final":null,"output":' + raw + b"," + encoded(minimal(ImageResult))[1:]
    assert bytes(decode("results", document).output) == raw


def test_unknown_fields_are_ignored() -> None:
    least = minimal(ImageResult)
    assert decode("results", encoded(least | {"colour": {"deep": [1]}})) == decode("results", encoded(least))


@settings(max_examples=100, deadline=None)
@given(kind=st.sampled_from(KINDS), value=st.binary() | small_json.map(encoded))
def test_anything_at_all_is_decoded_or_refused(kind: Kind, value: bytes) -> None:
    _decode_or_refuse(kind, value)


BROKEN = st.sampled_from(
    [
        b"null",
        b"NaN",
        b"-1",
        b"1e999",
        b"1" * 5000,
        b'"\\ud800"',
        b"[" * 50 + b"]" * 50,
        b"[" * 5000,
        b'"',
        b"\xff",
        b"{",
    ]
)


@settings(max_examples=100, deadline=None)
@given(data=st.data())
def test_damaged_documents_are_decoded_or_refused(data: st.DataObject) -> None:
    kind, event = data.draw(st.sampled_from(ALL_TYPES))
    members = {name: encoded(value) for name, value in minimal(event).items()}
    for name in data.draw(st.lists(st.sampled_from([*event.__struct_fields__, "event_type"]), max_size=3)):
        members[name] = data.draw(small_json.map(encoded) | BROKEN)
    value = b"{" + b",".join(encoded(name) + b":" + raw for name, raw in members.items()) + b"}"
    cut = data.draw(st.integers(0, len(value)))
    headers = [("content-type", b"application/cloudevents+json")] if data.draw(st.booleans()) else []
    _decode_or_refuse(kind, value, headers)
    _decode_or_refuse(kind, value[:cut], headers)
    _decode_or_refuse(kind, b'{"data":' + value + b"}", [("content-type", b"application/cloudevents+json")])


@pytest.mark.parametrize("damage", [b"null", b"[" * 3000, b"1" * 5000, b'"\\ud800"', b"\xff", b'{"a":', b"1e999", b"-"])
@pytest.mark.parametrize("field", ["final", "output", "error", "tables", "event_time", "unheard_of"])
def test_a_null_beside_any_damage_is_decoded_or_refused(field: str, damage: bytes) -> None:
    body = encoded(minimal(ImageResult))[1:]
    _decode_or_refuse("results", b'{"will_retry":null,"' + field.encode() + b'":' + damage + b"," + body)
    _decode_or_refuse("results", b'{"' + field.encode() + b'":' + damage + b',"will_retry":null,' + body)
    _decode_or_refuse("results", b'{"will_retry":null,' + body[:-1] + b',"' + field.encode() + b'":' + damage)


def _decode_or_refuse(kind: Kind, value: bytes, headers: list[tuple[str, bytes]] | None = None) -> None:
    event: Any = None
    refused = None
    try:
        event = decode(kind, value, headers or ())
    except Refused as error:
        refused = error
    if refused:
        assert refused.reason
        assert refused.detail
    else:
        assert type(event) in EVENT_TYPES[kind]
        assert encode(event)


def test_python_writes_what_the_codec_reads() -> None:
    for kind, event in ALL_TYPES:
        text = json.dumps(minimal(event), indent=1).encode()
        assert event_type(decode(kind, text)) == event_type(event)


def test_an_event_is_a_value() -> None:
    event: Any = decode("results", encoded(minimal(ImageResult)))
    with pytest.raises(AttributeError):
        event.status = "failed"
    assert msgspec.structs.replace(event, tier=2) != event
