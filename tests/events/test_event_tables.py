"""Topics, headers, roundings and the envelope's small functions."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import msgspec
import pytest
from event_documents import encoded, minimal
from hypothesis import given
from hypothesis import strategies as st

from events import cloudevents, numbers
from events.codec import decode, encode
from events.envelope import epoch_ms, event_type
from events.refusals import Refused
from events.results import ImageResult
from events.runs import RunPaused
from events.topics import BY_NAME, COPARTITIONED, DAY_MS, FOR_EVER, TOPICS, full_name


def test_the_topics_of_the_design() -> None:
    table = {topic.name: (topic.key, topic.cleanup, topic.retention_ms) for topic in TOPICS}
    assert table == {
        "results": ("subject id", "delete", FOR_EVER),
        "runs": ("run id", "delete", FOR_EVER),
        "heartbeats": ("run id", "delete", 7 * DAY_MS),
        "feedback": ("subject id", "delete", FOR_EVER),
        "profiles": ("vehicle id", "compact", FOR_EVER),
        "ledger.combine": ("(run, segment), head", "compact", FOR_EVER),
        "ledger.run": ("(run, segment), head", "compact", FOR_EVER),
        "partials": ("run id", "delete", 7 * DAY_MS),
        "metrics": ("run id", "compact", FOR_EVER),
        "alerts": ("fingerprint", "compact,delete", 365 * DAY_MS),
        "commands": ("run id", "delete", 365 * DAY_MS),
        "dlq": ("source topic-partition-offset", "delete", FOR_EVER),
    }


def test_source_topics_are_stamped_on_arrival_and_share_one_partition_count() -> None:
    sources = {"results", "runs", "heartbeats", "feedback"}
    assert {topic.name for topic in TOPICS if topic.arrival} == sources | {"profiles"}
    assert sources | {"partials", "ledger.combine", "ledger.run"} == set(COPARTITIONED)


@pytest.mark.parametrize("topic", TOPICS, ids=lambda topic: str(topic.name))
def test_kafkas_own_settings(topic: Any) -> None:
    config = topic.config()
    assert config["message.timestamp.type"] == ("LogAppendTime" if topic.arrival else "CreateTime")
    assert config["max.message.bytes"] == str(8 << 20)
    assert config["retention.ms"] == str(topic.retention_ms)
    assert ("min.compaction.lag.ms" in config) == ("compact" in config["cleanup.policy"])


def test_metrics_stay_a_day_for_the_sink() -> None:
    assert BY_NAME["metrics"].config()["min.compaction.lag.ms"] == str(DAY_MS)


def test_full_names() -> None:
    assert full_name("ledger.run") == "imageledger.ledger.run"
    assert full_name("results", "staging.") == "staging.results"


EVENT: ImageResult = decode("results", encoded(minimal(ImageResult) | {"source": "procéssor", "image_id": "img é"}))


def test_binary_cloudevents_headers() -> None:
    assert list(cloudevents.headers(EVENT, EVENT.image_id)) == [
        ("ce_specversion", b"1.0"),
        ("ce_id", b"a"),
        ("ce_source", "procéssor".encode()),
        ("ce_type", b"image.result"),
        ("ce_time", b"2026-05-04T10:00:00+00:00"),
        ("content-type", b"application/json"),
        ("ce_subject", "img é".encode()),
    ]
    assert "ce_subject" not in dict(cloudevents.headers(EVENT))


def test_binary_mode_is_read_by_its_body_alone() -> None:
    assert decode("results", encode(EVENT), cloudevents.headers(EVENT)) == EVENT


STRUCTURED = [("Content-Type", b"application/cloudevents+json; charset=UTF-8")]


def test_structured_cloudevents_fill_the_envelope() -> None:
    data = {"status": "success", "image_id": "i", "output": {"a": 1}}
    outer = {"specversion": "1.0", "id": "7", "type": "image.result", "source": "/x", "time": "2026-05-04T10:00:00Z"}
    event = decode("results", encoded(outer | {"data": data}), STRUCTURED)
    assert (event.event_id, event.source, event.image_id, bytes(event.output)) == ("7", "/x", "i", b'{"a":1}')
    assert event.event_time == datetime(2026, 5, 4, 10, tzinfo=UTC)


def test_what_the_data_says_itself_holds() -> None:
    document = minimal(ImageResult)
    outer = {"specversion": "1.0", "id": "other", "type": "run.paused", "source": "/x", "data": document}
    event = decode("results", encoded(outer), STRUCTURED)
    assert (event.event_id, event_type(event), event.source) == ("a", "image.result", "/x")


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (b"{}", "missing_field"),
        (b'{"data":null}', "wrong_type"),
        (b'{"data":"text"}', "wrong_type"),
        (b'{"data":{}}', "missing_field"),
        (b"[]", "wrong_type"),
        (b"{", "not_json"),
        (b'{"data":' + b"[" * 100_000, "too_deep"),
    ],
)
def test_structured_mode_refuses(value: bytes, reason: str) -> None:
    with pytest.raises(Refused) as caught:
        decode("results", value, STRUCTURED)
    assert caught.value.reason == reason


def test_a_header_without_a_value_is_no_content_type() -> None:
    nothing: Any = None
    assert decode("results", encode(EVENT), [("content-type", nothing)]) == EVENT


def test_an_empty_source_is_said_as_unknown() -> None:
    assert dict(cloudevents.headers(msgspec.structs.replace(EVENT, source="")))["ce_source"] == b"unknown"


@pytest.mark.parametrize(
    ("value", "expected"),
    [(0, 0), (0.5, 0), (1.5, 2), (2.5, 2), (3.5, 4), (811.4999, 811), (10**12, 10**12)],
)
def test_milliseconds_round_half_to_even(value: float, expected: int) -> None:
    assert numbers.whole_ms(value) == expected


@pytest.mark.parametrize(
    ("usd", "expected"),
    [
        (0.0000000005, 0),
        (0.0000000015, 2),
        (0.0000000025, 2),
        (0.004, 4_000_000),
        (0.1 + 0.2, 300_000_000),
        (10**6, 10**15),
    ],
)
def test_dollars_become_whole_nano_dollars_half_to_even(usd: float, expected: int) -> None:
    assert numbers.nano_usd(usd) == expected


@pytest.mark.parametrize(("value", "expected"), [(0, 0), (1, 10**6), (0.93, 930_000), (0.0000005, 0), (0.0000015, 2)])
def test_fractions_become_parts_per_million(value: float, expected: int) -> None:
    assert numbers.ppm(value) == numbers.micro(value) == expected


def test_scores_may_be_negative() -> None:
    assert numbers.micro(-0.25) == -250_000


@given(st.floats(0, 10**6))
def test_rounding_is_the_product_in_doubles_then_half_to_even(value: float) -> None:
    product = value * 1e9
    below = int(product // 1)
    rest = product - below
    expected = below + (1 if rest > 0.5 or (rest == 0.5 and below % 2) else 0)
    assert numbers.nano_usd(value) == expected


@given(st.datetimes(timezones=st.sampled_from([UTC, timezone(timedelta(hours=-11)), timezone(timedelta(hours=5.5))])))
def test_epoch_milliseconds_are_floored(moment: datetime) -> None:
    since = moment - datetime(1970, 1, 1, tzinfo=UTC)
    assert epoch_ms(moment) == since // timedelta(milliseconds=1)


def test_the_type_of_a_class_and_of_its_events() -> None:
    assert event_type(RunPaused) == "run.paused"
    assert event_type(EVENT) == "image.result"
