"""POST /api/events: what Kafka has, it says; what it refuses, it explains."""

import json
import uuid
from typing import Any

import httpx
import pytest
from confluent_kafka import Consumer, TopicPartition
from sample_runs import result
from serving import DEADLINE_S, Served, served

from dashboard.errors import NotConfirmed
from dashboard.ingest import TOPIC_OF, Ingest
from events import codec
from events.sdk.prices import Price, Prices


def event(**changes: Any) -> dict[str, Any]:
    fields: dict[str, Any] = json.loads(
        codec.encode(result(1, f"run-{uuid.uuid4().hex[:8]}", event_id=uuid.uuid4().hex))
    )
    return fields | changes


def post(dashboard: Served, body: Any, media_type: str = "application/json") -> httpx.Response:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return dashboard.client.post("/api/events", content=content, headers={"content-type": media_type})


def stored(dashboard: Served, verdict: dict[str, Any]) -> Any:
    """The record at the place that the verdict names."""
    reader = Consumer({"bootstrap.servers": dashboard.bootstrap, "group.id": "none", "enable.auto.commit": False})
    try:
        reader.assign([TopicPartition(verdict["topic"], verdict["partition"], verdict["offset"])])
        record = reader.poll(DEADLINE_S)
        assert record is not None
        assert record.error() is None
        return record
    finally:
        reader.close()


def test_one_event_is_in_kafka_when_the_answer_comes(dashboard: Served) -> None:
    sent = event()
    answer = post(dashboard, sent)
    assert answer.status_code == 200
    body = answer.json()
    assert (body["accepted"], body["rejected"]) == (1, 0)
    (verdict,) = body["events"]
    assert verdict["eventId"] == sent["event_id"]
    record = stored(dashboard, verdict)
    assert json.loads(record.value()) == sent
    assert record.key() == sent["image_id"].encode()
    assert dict(record.headers())["ce_type"] == b"image.result"


def test_a_result_without_a_cost_is_priced_and_any_other_stays_byte_for_byte(dashboard: Served) -> None:
    prices = Prices("2026-11", [Price(model="haiku", usd_per_million={"input": 1.0})])
    bare = {name: value for name, value in event().items() if not name.startswith("cost_")}
    sent = [
        bare | {"event_id": f"p{n}", "model": model, "input_tokens": 500, "of_tomorrow": [1]}
        for n, model in enumerate(["haiku", "x"])
    ]
    with served(dashboard.bootstrap, dashboard.prefix, prices=prices) as priced:
        verdicts = post(priced, sent).json()["events"]
    found = [json.loads(stored(dashboard, verdict).value()) for verdict in verdicts]
    said = {"cost_usd": 0.0005, "price_version": "2026-11", "cost_source": "local"}
    assert found == [sent[0] | said, sent[1]]


def test_each_event_of_an_array_gets_its_verdict_in_order(dashboard: Served) -> None:
    sent: list[Any] = [event(), event(confidence=1.5), 17, event(cost_usd=-1), event()]
    del (no_id := event())["event_id"]
    elsewhere = sent[0] | {"run_id": "another"}
    answer = post(
        dashboard, [*sent, no_id, event(event_type="run.metrics"), event(event_type="what"), sent[0], elsewhere]
    )
    body = answer.json()
    assert answer.status_code == 200
    assert (body["accepted"], body["duplicates"], body["rejected"]) == (3, 1, 6)
    assert [(verdict["index"], verdict["status"], verdict.get("reason")) for verdict in body["events"]] == [
        (0, "accepted", None),
        (1, "rejected", "out_of_range"),
        (2, "rejected", "wrong_type"),
        (3, "rejected", "negative"),
        (4, "accepted", None),
        (5, "rejected", "missing_field"),
        (6, "rejected", "unknown_type"),
        (7, "rejected", "unknown_type"),
        (8, "duplicate", None),
        (9, "accepted", None),
    ]
    assert post(dashboard, sent[0]).json()["duplicates"] == 1
    assert body["events"][8]["offset"] > body["events"][0]["offset"]  # the log has it: the fold decides
    assert "$.confidence" in body["events"][1]["detail"]
    assert "event_id" in body["events"][5]["detail"]


def test_every_kind_goes_to_its_topic_under_its_key(dashboard: Served) -> None:
    base = {"event_time": "2026-11-21T10:00:00Z"}
    kinds: list[tuple[dict[str, Any], str, bytes]] = [
        ({"event_type": "component.result", "component_id": "c1", "status": "success"}, "results", b"c1"),
        ({"event_type": "message.result", "message_id": "m1", "status": "success"}, "results", b"m1"),
        ({"event_type": "run.declared", "run_id": "r1"}, "runs", b"r1"),
        ({"event_type": "processor.heartbeat", "run_id": "r1", "processor_id": "p1"}, "heartbeats", b"r1"),
        ({"event_type": "feedback.recorded", "conversation_id": "v1", "rating": 1}, "feedback", b"v1"),
        ({"event_type": "vehicle.profiled", "vehicle_id": "car1"}, "profiles", b"car1"),
    ]
    answer = post(dashboard, [base | fields | {"event_id": uuid.uuid4().hex} for fields, _, _ in kinds])
    verdicts = answer.json()["events"]
    assert [verdict["topic"] for verdict in verdicts] == [dashboard.prefix + topic for _, topic, _ in kinds]
    assert [stored(dashboard, verdict).key() for verdict in verdicts] == [key for _, _, key in kinds]


def test_only_processors_events_are_taken() -> None:
    assert not {"run.metrics", "alert.firing", "alert.resolved", "command.issued"} & set(TOPIC_OF)


def test_a_structured_cloud_event_is_unwrapped(dashboard: Served) -> None:
    data = event()
    outer = {
        "specversion": "1.0",
        "id": data.pop("event_id"),
        "type": data.pop("event_type"),
        "time": data.pop("event_time"),
        "source": data.pop("source"),
        "data": data,
    }
    answer = post(dashboard, outer, "application/cloudevents+json; charset=utf-8")
    (verdict,) = answer.json()["events"]
    assert (verdict["status"], verdict["eventId"]) == ("accepted", outer["id"])
    assert json.loads(stored(dashboard, verdict).value())["image_id"] == data["image_id"]
    batch = post(dashboard, [outer, {"specversion": "1.0"}], "application/cloudevents-batch+json").json()
    assert [verdict["status"] for verdict in batch["events"]] == ["duplicate", "rejected"]


@pytest.mark.parametrize("body", [b"", b"{", b"[1,", b"\xff\xfe", b"{'a': 1}", b"NaN", b"[" * 100_000])
def test_what_is_no_json_is_a_problem(dashboard: Served, body: bytes) -> None:
    answer = post(dashboard, body)
    assert (answer.status_code, answer.headers["content-type"].partition(";")[0]) == (400, "application/problem+json")


def test_an_empty_array_is_no_trouble(dashboard: Served) -> None:
    assert post(dashboard, []).json() == {"accepted": 0, "duplicates": 0, "rejected": 0, "events": []}


def test_where_nothing_is_accepted_the_status_says_so(dashboard: Served) -> None:
    answer = post(dashboard, {"event_type": "image.result"})
    assert answer.status_code == 422
    assert answer.json()["events"][0]["reason"] == "missing_field"


def test_too_large_an_event_is_refused_and_too_large_a_body_not_read(dashboard: Served) -> None:
    fat = event(attributes={"a": "x" * 9_000}, output={"text": "y" * (1 << 20)})
    verdict = post(dashboard, [event(), fat]).json()["events"][1]
    assert (verdict["status"], verdict["reason"]) == ("rejected", "too_large")
    answer = post(dashboard, b'"' + b"z" * (17 << 20) + b'"')
    assert (answer.status_code, answer.headers["content-type"].partition(";")[0]) == (413, "application/problem+json")


def test_a_result_posted_is_in_the_feed(dashboard: Served) -> None:
    sent = event()
    with dashboard.client.stream("GET", "/api/stream", params={"run": sent["run_id"]}) as stream:
        lines = stream.iter_lines()
        assert next(lines).startswith("retry")
        post(dashboard, sent)
        row = next(line for line in lines if line.startswith("data: [") and sent["image_id"] in line)
    assert json.loads(row.removeprefix("data: "))[0]["model"] == sent["model"]


async def test_without_kafka_nothing_is_said_to_be_stored() -> None:
    ingest = Ingest("127.0.0.1:9", "nowhere.", confirm_s=0.5)
    with pytest.raises(NotConfirmed, match="send them again"):
        await ingest.take(json.dumps(event()).encode())
    await ingest.close()
