"""Complaints, routes and security."""

import logging
import ssl
from datetime import UTC, datetime

import pytest
from event_documents import ALL_TYPES, encoded, minimal

from events.codec import decode
from events.feedback import FeedbackRecorded
from events.sdk.complaints import EVERY_S, Complaints
from events.sdk.routing import route
from events.sdk.security import Security


def test_complaints_are_rare_and_say_how_many_were_kept_back(caplog: pytest.LogCaptureFixture) -> None:
    now = [0.0]
    complain = Complaints(logging.getLogger("test"), lambda: now[0])
    with caplog.at_level(logging.WARNING):
        for _ in range(100):
            complain("a", "trouble with %s", "x")
        complain("b", "other")
        now[0] = EVERY_S
        complain("a", "trouble with %s", "y")
    assert [record.getMessage() for record in caplog.records] == [
        "trouble with x",
        "other",
        "trouble with y (99 more like it since the last such line)",
    ]


def test_every_event_that_producers_send_has_a_route() -> None:
    keys = {}
    for kind, event in ALL_TYPES:
        if kind not in {"metrics", "alerts"}:
            keys[event.__name__] = route(decode(kind, encoded(minimal(event))))
    assert keys["ImageResult"] == keys["ComponentResult"] == keys["MessageResult"] == ("results", "a")
    assert keys["RunDeclared"] == ("runs", "a")
    assert keys["CommandIssued"] == ("commands", "a")
    assert keys["ProcessorHeartbeat"] == ("heartbeats", None)
    assert keys["FeedbackRecorded"] == ("feedback", "img-1")
    assert keys["VehicleProfiled"] == ("profiles", "a")


def test_what_the_stream_writes_has_no_route() -> None:
    for kind, event in ALL_TYPES:
        if kind in {"metrics", "alerts"}:
            with pytest.raises(TypeError, match="no event that a producer publishes"):
                route(decode(kind, encoded(minimal(event))))


def test_feedback_on_nothing_has_no_route() -> None:
    with pytest.raises(ValueError, match="image_id"):
        route(FeedbackRecorded(event_id="a", event_time=datetime.now(UTC)))


def test_security_becomes_aiokafkas_arguments() -> None:
    tls = ssl.create_default_context()
    assert Security().options() == {"security_protocol": "PLAINTEXT", "ssl_context": None}
    assert Security(ssl_context=tls).options() == {"security_protocol": "SSL", "ssl_context": tls}
    both = Security(ssl_context=tls, mechanism="SCRAM-SHA-512", username="u", password="p")
    assert both.options() == {
        "security_protocol": "SASL_SSL",
        "ssl_context": tls,
        "sasl_mechanism": "SCRAM-SHA-512",
        "sasl_plain_username": "u",
        "sasl_plain_password": "p",
        "sasl_oauth_token_provider": None,
    }
    assert "password" not in repr(both)
    assert Security(mechanism="PLAIN").options()["security_protocol"] == "SASL_PLAINTEXT"
