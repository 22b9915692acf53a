"""Every reason for a refusal, with the path it names; every limit at its edge; the dead letter."""

import hashlib
import re
from typing import Any

import pytest
from event_documents import encoded, minimal
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from events import inspection
from events.codec import Kind, decode
from events.feedback import FeedbackRecorded
from events.heartbeats import ProcessorHeartbeat
from events.refusals import EXCERPT_BYTES, MAX_RECORD_BYTES, Position, Reason, Refused, dead_letter
from events.results import ImageResult, MessageResult
from events.runs import RunDeclared

IMAGE = minimal(ImageResult)


def refused(value: bytes | None, kind: Kind = "results") -> Refused:
    with pytest.raises(Refused) as caught:
        decode(kind, value)
    return caught.value


def image(**fields: Any) -> bytes:
    return encoded(IMAGE | fields)


def raw(**members: bytes) -> bytes:
    """A valid image.result and members that no encoder of ours would write."""
    return b"{" + b"".join(b'"%s":%s,' % (name.encode(), text) for name, text in members.items()) + encoded(IMAGE)[1:]


def nested(levels: int) -> Any:
    inner: Any = 1
    for _ in range(levels):
        inner = [inner]
    return inner


TABLE: list[tuple[bytes | None, Reason, str]] = [
    (None, "not_json", "empty"),
    (b"", "not_json", "empty"),
    (b"{", "not_json", ""),
    (b'{"a":1,}', "not_json", ""),
    (encoded(IMAGE) + b"x", "not_json", ""),
    (b"\xff\xfe", "not_text", "byte 0"),
    (raw(model=b'"\xff"'), "not_text", "byte"),
    (raw(model=b'"\\ud800"'), "not_text", "surrogate"),
    (raw(model=b'"\\uDC00x"'), "not_text", "surrogate"),
    (image(attributes={"a": "x" * (MAX_RECORD_BYTES + 1)}), "too_large", str(MAX_RECORD_BYTES)),
    (image(output=nested(8)), "too_deep", ""),
    (raw(unknown=b"[" * 200_000 + b"]" * 200_000), "too_deep", ""),
    (image(context_items=["a"] * 1_001), "list_too_long", ""),
    (image(output=[1] * 1_001), "list_too_long", ""),
    (image(tables={f"t{n}": 1 for n in range(1_001)}), "list_too_long", "$.tables"),
    (raw(latency_ms=b"NaN"), "not_finite", ""),
    (raw(latency_ms=b"-Infinity"), "not_finite", ""),
    (raw(latency_ms=b"1e999"), "not_finite", "$.latency_ms"),
    (raw(output=b'{"a":[1e400]}'), "not_finite", "$.output"),
    (raw(output=b"-" + b"9" * 5_000), "not_finite", "$.output"),
    (image(latency_ms=-0.5), "negative", "$.latency_ms"),
    (image(cost_usd=-1), "negative", "$.cost_usd"),
    (image(input_tokens=-1), "negative", "$.input_tokens"),
    (image(stages={"ocr": -1}), "negative", "$.stages"),
    (image(confidence=1.01), "out_of_range", "$.confidence"),
    (image(tier=16), "out_of_range", "$.tier"),
    (image(attempt=0), "out_of_range", "$.attempt"),
    (image(context_score=100.5), "out_of_range", "$.context_score"),
    (image(cost_usd=1e6 + 1), "out_of_range", "$.cost_usd"),
    (image(output_tokens=10**12 + 1), "out_of_range", "$.output_tokens"),
    (image(insights=10**9 + 1), "out_of_range", "$.insights"),
    (image(insights=10**30), "out_of_range", "$.insights"),
    (image(event_id=""), "out_of_range", "$.event_id"),
    (image(event_id="x" * 201), "out_of_range", "$.event_id"),
    (image(answers=[{"question": "q", "confidence": 2}]), "out_of_range", "$.answers[0].confidence"),
    (image(event_time="1899-12-31T23:59:59Z"), "out_of_range", "$.event_time"),
    (image(event_time="2300-01-01T00:00:00Z"), "out_of_range", "$.event_time"),
    (b"[]", "wrong_type", "$"),
    (b'"text"', "wrong_type", "$"),
    (b"null", "wrong_type", "$"),
    (b"1", "wrong_type", "$"),
    (image(event_id=7), "wrong_type", "$.event_id"),
    (image(status="fine"), "wrong_type", "$.status"),
    (image(event_time="yesterday"), "wrong_type", "$.event_time"),
    (image(event_time="2026-05-04T10:00:00"), "wrong_type", "$.event_time"),
    (image(tier=1.5), "wrong_type", "$.tier"),
    (image(final="yes"), "wrong_type", "$.final"),
    (image(answers=[{"question": 1}]), "wrong_type", "$.answers[0].question"),
    (image(cost_source="guess"), "wrong_type", "$.cost_source"),
    (image(event_type="image.seen"), "unknown_type", "$.event_type"),
    (image(event_type="run.paused"), "unknown_type", "$.event_type"),
]


@pytest.mark.parametrize(("value", "reason", "where"), TABLE, ids=[f"{n}-{row[1]}" for n, row in enumerate(TABLE)])
def test_each_reason_and_its_path(value: bytes | None, reason: Reason, where: str) -> None:
    refusal = refused(value)
    assert refusal.reason == reason
    assert where in refusal.detail


@pytest.mark.parametrize("name", ["model", "unknown", "output"])
@pytest.mark.parametrize(
    "half", [b"\\ud800", b"\\uDBFF", b"x\\udc00y", b"\\ud800\\n", b"\\ud800\\u0041", b"\\ud800" + b"x" * 99]
)
def test_half_a_surrogate_pair_wherever_it_stands(name: str, half: bytes) -> None:
    first, last = raw(**{name: b'"%s"' % half}), encoded(IMAGE)[:-1] + b', "%s": "%s"}' % (name.encode(), half)
    deep = encoded(IMAGE)[:-1] + b', "%s": {"a": ["%s"]}}' % (name.encode(), half)
    found = {refused(value).reason for value in ((first, last) if name == "model" else (first, last, deep))}
    assert found == {"not_text"}


def test_a_large_record_that_never_names_its_id_is_no_event() -> None:
    large = IMAGE | {"attributes": {f"a{number}": "x" * 900 for number in range(10)}}
    named = encoded(large)
    assert decode("results", named.replace(b'"event_id"', b'"event\\u005fid"')) == decode("results", named)
    del large["event_id"]
    refusal = refused(encoded(large))
    assert (refusal.reason, refusal.detail) == ("missing_field", "$.event_id: required")


@pytest.mark.parametrize(("large", "found"), [(b'"' + b"\\u0000" * 2_000, "str"), (b"[" * 9_000, "array")])
def test_large_json_of_another_kind_is_refused_by_its_first_byte(large: bytes, found: str) -> None:
    refusal = refused(large)
    assert (refusal.reason, refusal.detail) == ("wrong_type", f"$: Expected `object`, got `{found}`")
    assert refused(b"x" * 9_000).reason == "not_json"


def test_a_whole_surrogate_pair_is_text() -> None:
    assert decode("results", raw(model=b'"\\uD83D\\ude00"')).model == "\U0001f600"


@pytest.mark.parametrize("name", [name for name in IMAGE if name != "event_type"])
def test_each_required_field(name: str) -> None:
    refusal = refused(encoded({key: value for key, value in IMAGE.items() if key != name}))
    assert (refusal.reason, refusal.detail) == ("missing_field", f"$.{name}: required")


@pytest.mark.parametrize("name", [name for name in IMAGE if name != "event_type"])
def test_a_null_in_a_required_field_is_a_missing_field(name: str) -> None:
    assert refused(image(**{name: None})).reason == "missing_field"


def test_a_document_without_a_type() -> None:
    refusal = refused(encoded({key: value for key, value in IMAGE.items() if key != "event_type"}))
    assert (refusal.reason, refusal.detail) == ("missing_field", "$.event_type: required")


def test_feedback_names_its_subject() -> None:
    nothing = {key: value for key, value in minimal(FeedbackRecorded).items() if key != "image_id"}
    assert refused(encoded(nothing), "feedback").reason == "missing_field"
    for name in ("image_id", "component_id", "message_id", "conversation_id"):
        assert decode("feedback", encoded(nothing | {name: "x"})).subject == (name.removesuffix("_id"), "x")


def test_a_run_event_names_its_run() -> None:
    no_run = {key: value for key, value in minimal(RunDeclared).items() if key != "run_id"}
    assert refused(encoded(no_run), "runs").detail == "$.run_id: required"


@pytest.mark.parametrize(
    "fields",
    [
        {"confidence": 0},
        {"confidence": 1},
        {"context_score": 100},
        {"tier": 0},
        {"tier": 15},
        {"cost_usd": 0},
        {"cost_usd": 10**6},
        {"latency_ms": 10**12},
        {"input_tokens": 10**12},
        {"insights": 10**9},
        {"attempt": 1},
        {"event_id": "é" * 200},
        {"event_id": '🚗 / "quoted" שלום'},
        {"event_time": "1900-01-01T00:00:00Z"},
        {"event_time": "2299-12-31T23:59:59.999999Z"},
        {"context_items": ["a"] * 1_000},
        {"output": [1] * 1_000},
        {"output": nested(7)},
        {"output": "[" * 100 + "," * 2_000},
        {"tables": {f"t{n}": 0 for n in range(1_000)}},
        {"model": "\ud83d\ude97".encode("utf-16", "surrogatepass").decode("utf-16")},
    ],
    ids=str,
)
def test_the_edge_itself_is_accepted(fields: dict[str, Any]) -> None:
    assert decode("results", image(**fields)).image_id == "a"


SHAPES = st.recursive(
    st.sampled_from(["1", '""', '"[,{\\""', "null", '"\\\\"', '"', "\\", ",", "]", "}"]),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda items: "[" + ",".join(items) + "]"),
        st.lists(inner, max_size=3).map(lambda items: "{" + ",".join(f'"a": {item}' for item in items) + "}"),
        st.tuples(inner.filter(lambda item: len(item) < 100), st.sampled_from([1_000, 1_001])).map(
            lambda pair: "[" + ",".join([pair[0]] * pair[1]) + "]"
        ),
        inner.map(lambda item: "[" * 7 + item),
    ),
    max_leaves=6,
)


TOKENS = re.compile(rb'"(?:[^"\\]|\\.)*"?|[\[\]{},]', re.DOTALL)


def token_by_token(value: bytes) -> str | None:
    """The detail of the first limit that is passed."""
    begins: list[tuple[bytes, int]] = []
    commas: list[int] = []
    for match in TOKENS.finditer(value):
        token = match.group()
        if token in {b"[", b"{"}:
            begins.append((token, match.start()))
            commas.append(0)
            if len(begins) > 8:
                return f"byte {match.start()}: nesting over 8"
        elif token in {b"]", b"}"} and begins:
            begins.pop()
            commas.pop()
        elif token == b"," and begins:
            commas[-1] += 1
            if begins[-1][0] == b"[" and commas[-1] == 1_000:
                return f"byte {begins[-1][1]}: a list over 1000"
    return None


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(SHAPES)
def test_a_shape_is_in_order_exactly_where_no_token_breaks_a_limit(text: str) -> None:
    value = text.encode()
    assert breach_of(value) == token_by_token(value)


def breach_of(value: bytes) -> str | None:
    try:
        inspection.require_shape(value)
    except Refused as breach:
        return breach.detail
    return None


def test_a_complaint_that_quotes_the_record_is_cut_and_keeps_its_path() -> None:
    """A type of a mebibyte made a header of a mebibyte."""
    refusal = refused(image(event_type="x" * 100_000))
    assert refusal.reason == "unknown_type"
    assert refusal.detail.startswith("$.event_type: Invalid value 'xxx")
    assert len(refusal.detail) < 500


def test_a_string_without_an_end_costs_no_more_than_its_bytes() -> None:
    """It took the square of them: one such record stopped a partition for hours."""
    value = b'{"a": [[], [], [], [], [], [], [], []], "b": "' + b'\\"' * 400_000
    with pytest.raises(Refused, match="not_json"):
        decode("results", value)


def test_a_record_of_exactly_one_mebibyte_is_accepted() -> None:
    rest = len(image(attributes={}, output=""))
    value = image(attributes={}, output="x" * (MAX_RECORD_BYTES - rest))
    assert len(value) == MAX_RECORD_BYTES
    assert decode("results", value)
    assert refused(value + b" ").reason == "too_large"


def test_an_escaped_pair_of_surrogates_is_text() -> None:
    assert decode("results", raw(model=b'"\\ud83d\\ude97"')).model == "🚗"


def test_defaults() -> None:
    event = decode("results", encoded(IMAGE))
    assert (event.schema_version, event.tier, event.task_type, event.model, event.provider) == (
        1, 1, "other", "unknown", "unknown",
    )  # fmt: skip
    assert (event.attempt, event.final, event.will_retry, event.input_tokens, event.insights) == (1, True, False, 0, 0)
    assert (event.cost_usd, event.latency_ms, event.run_id) == (None, None, None)
    assert decode("results", encoded(minimal(MessageResult))).task_type == "general_chat"
    assert decode("heartbeats", encoded(minimal(ProcessorHeartbeat))).state == "running"


def test_times_are_cut_at_microseconds_and_keep_their_moment() -> None:
    assert decode("results", image(event_time="2026-05-04T10:00:00.1234569Z")).event_time.microsecond == 123456
    assert decode("results", image(event_time="2026-05-04T10:00:00.9999999999Z")).event_time.second == 0
    shifted = decode("results", image(event_time="2026-05-04T12:00:00+02:00"))
    assert shifted.event_time == decode("results", image(event_time="2026-05-04T10:00:00Z")).event_time


POSITION = Position("imageledger.results", 3, 17, 1_790_000_000_123)


def test_a_dead_letter_says_where_and_why() -> None:
    value = image(confidence=2)
    letter = dead_letter(POSITION, value, refused(value))
    assert letter.key == b"imageledger.results-3-17"
    assert letter.value == value
    headers = dict(letter.headers)
    assert headers.pop("dlq.detail").startswith(b"$.confidence")
    assert headers == {
        "dlq.reason": b"out_of_range",
        "dlq.topic": b"imageledger.results",
        "dlq.partition": b"3",
        "dlq.offset": b"17",
        "dlq.timestamp": b"1790000000123",
    }


def test_a_dead_letter_of_a_huge_record_holds_its_beginning_size_and_hash() -> None:
    value = b"x" * (MAX_RECORD_BYTES + 1)
    letter = dead_letter(POSITION, value, refused(value))
    headers = dict(letter.headers)
    assert letter.value == value[:EXCERPT_BYTES]
    assert headers["dlq.size"] == b"%d" % len(value)
    assert headers["dlq.sha256"] == hashlib.sha256(value).hexdigest().encode()


def test_a_dead_letter_of_one_mebibyte_is_whole_and_one_of_nothing_is_empty() -> None:
    value = b"x" * MAX_RECORD_BYTES
    letter = dead_letter(POSITION, value, refused(value))
    assert letter.value == value
    assert "dlq.size" not in dict(letter.headers)
    assert dead_letter(POSITION, None, refused(None)).value == b""
