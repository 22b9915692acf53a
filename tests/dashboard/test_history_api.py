"""S4's and S0's endpoints over a real store: bodies, filters, pages, and what they say of little or no history."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Consumer
from serving import Served, new_prefix, served
from storing import store as stored
from typer.testing import CliRunner

from events import codec
from events.feedback import FeedbackRecorded
from imageledger.cli.main import app
from servers.clickhouse.users import Addresses
from sinks.client import connect

NOW = datetime.now(UTC)


def call(number: int, **fields: Any) -> dict[str, Any]:
    """A chat answer of S4."""
    return {
        "event_type": "message.result",
        "event_id": f"call-{number}",
        "event_time": (NOW - timedelta(hours=number % 48)).isoformat(),
        "message_id": f"m-{number}",
        "conversation_id": f"conv-{number}",
        "user_id": "ann",
        "run_id": "chat",
        "status": "success",
        "task_type": "coding",
        "task_complexity": "simple",
        "model": "haiku",
        "provider": "anthropic",
        "input_tokens": 100,
        "output_tokens": 50,
        "latency_ms": 1_000,
        "cost_usd": 0.001,
        "confidence": 0.8,
        "attributes": {"user_type": "free"},
        "variant": "A",
    } | fields


def image(number: int, **fields: Any) -> dict[str, Any]:
    """An image's result past tier 1, of a medium vehicle."""
    return {
        "event_type": "image.result",
        "event_id": f"image-{number}",
        "event_time": (NOW - timedelta(minutes=number % 50)).isoformat(),
        "image_id": f"img-{number}",
        "vehicle_id": "car/1",
        "run_id": "pictures",
        "status": "success",
        "tier": 2,
        "task_type": "part_identification",
        "model": "gpt-4o-mini",
        "provider": "openai",
        "latency_ms": 500,
        "cost_usd": 0.004,
        "confidence": 0.9,
        "context_score": 18,
        "input_tokens": 10,
        "tables": {"image_tags": 3},
        "answers": [
            {"question": "q", "answer": "a", "confidence": 0.7, "table": "image_tags", "record_id": str(number),
             "asked_models": 3, "agreeing_models": 2 if number % 2 else 1}
        ],
    } | fields  # fmt: skip


OPUS = {
    "model": "opus",
    "provider": "anthropic",
    "latency_ms": 2_300,
    "variant": "B",
    "attributes": {"user_type": "pro"},
}
RESULTS = [
    *(call(n) for n in range(60)),
    *(call(n, **OPUS, status="failed" if n % 3 == 0 else "success") for n in range(60, 120)),
    *(call(n, model="rare", task_type="creative") for n in range(120, 123)),
    *(image(n) for n in range(20)),
    image(20, vehicle_id="bare", context_score=4, cost_usd=0.02, status="failed", tables={}, answers=[]),
]
RATING = {"event_type": "feedback.recorded", "event_time": NOW.isoformat(), "run_id": "chat"}
RATINGS = [
    RATING | {"event_id": f"f{n}", "conversation_id": f"conv-{n}", "rating": 1 if n % 10 else -1} for n in range(40)
]
PROFILE = {"event_type": "vehicle.profiled", "event_time": NOW.isoformat(), "source": "t"}
PROFILES = [
    PROFILE | {"event_id": "p1", "vehicle_id": "car/1", "receipt_count": 3, "timeline_event_count": 9},
    PROFILE | {"event_id": "p2", "vehicle_id": "new", "has_spid": True, "has_factory_manual": True},
]
PLAN = {
    "event_type": "run.declared", "event_id": "plan", "event_time": NOW.isoformat(), "run_id": "pictures",
    "name": "pictures", "value_weights_usd": {"image_tags": 0.5}, "total_images": 21,
}  # fmt: skip


@pytest.fixture(scope="module")
def page(tables: Addresses, kafka: str) -> Iterator[Served]:
    writer = connect(tables.writer)
    for topic, events in {"results": RESULTS, "feedback": RATINGS, "profiles": PROFILES, "runs": [PLAN]}.items():
        stored(writer, topic, events)
    with served(kafka, new_prefix(kafka), clickhouse_url=tables.reader) as running:
        yield running


def ok(page: Served, path: str, **params: Any) -> Any:
    answer = page.get(path, **params)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_models_have_s4s_body(page: Served) -> None:
    body = ok(page, "/api/analytics/models", run="chat")
    assert list(body)[:4] == ["days", "taskType", "model", "groupBy"]
    assert {"summary", "byModel", "byTaskType", "byProvider", "trends", "recommendations", "bestByTask"} <= set(body)
    summary = body["summary"]
    assert (summary["totalCalls"], summary["avgTokens"], summary["thumbsUp"]) == (123, 150, 36)
    assert summary["successRate"] == pytest.approx(100 * 103 / 123)
    assert summary["satisfactionRate"] == 90
    haiku, opus, rare = body["byModel"]
    assert (haiku["model"], haiku["avgResponseTime"], haiku["totalCalls"]) == ("haiku", 1_000, 60)
    assert haiku["qualityScore"] == pytest.approx(0.4 * 100 + 0.4 * 90 + 0.2 * 90)
    assert opus["qualityScore"] == pytest.approx((2 * 100 * 2 / 3 + 77) / 3)
    assert rare["totalCalls"] == 3
    assert [row["bestModel"] for row in body["byTaskType"]] == ["haiku", None]
    assert [row["userType"] for row in body["byUserType"]] == ["free", "pro"]
    assert [best["taskType"] for best in body["bestByTask"]] == ["coding"]
    assert sum(row["totalCalls"] for row in body["trends"]) == 123
    texts = [insight["text"] for insight in body["recommendations"]]
    assert texts == [
        "haiku is 2.3x faster for simple tasks",
        "haiku has 33% higher success rate for coding tasks",
    ]
    assert body["groups"] is None


def test_models_are_grouped_and_filtered(page: Served) -> None:
    for group, key in {"model": "byModel", "task_type": "byTaskType", "provider": "byProvider"}.items():
        body = ok(page, "/api/analytics/models", group_by=group)
        assert body["groups"] == body[key]
    days = ok(page, "/api/analytics/models", group_by="time", run="chat")["groups"]
    assert [day["date"] for day in days] == sorted({day["date"] for day in days})
    assert sum(day["totalCalls"] for day in days) == 123
    counts = {
        "task_type": ("coding", 120), "model": ("opus", 60), "provider": ("openai", 21), "user_type": ("pro", 60),
        "tier": (2, 21), "run": ("nobody", 0), "component_type": ("x", 0), "to": ("2001-01-01T00:00:00", 0),
        "from": ("2001-01-01T00:00:00Z", 144),
    }  # fmt: skip
    for name, (value, calls) in counts.items():
        assert ok(page, "/api/analytics/models", **{name: value})["summary"]["totalCalls"] == calls, name
    empty = ok(page, "/api/analytics/models", run="nobody")
    assert (empty["byModel"], empty["recommendations"], empty["summary"]["successRate"]) == ([], [], None)


def test_recommend_is_s4s(page: Served) -> None:
    body = ok(page, "/api/analytics/models/recommend", task_type="coding", priority="balanced")
    assert (body["model"], body["provider"], body["basis"]) == ("haiku", "anthropic", "history")
    assert body["reason"] == "best overall performance for coding (quality score: 94)"
    assert {"avgResponseTime", "successRate", "satisfactionRate", "qualityScore", "sampleSize"} <= set(body["metrics"])
    assert body["metrics"]["sampleSize"] == 60
    assert [other["model"] for other in body["alternatives"]] == ["opus"]
    assert 0 < body["confidence"] < 100
    rule = ok(page, "/api/analytics/models/recommend", task_type="creative", priority="quality")
    assert (rule["basis"], rule["confidence"]) == ("rules", 0)
    assert "the most is 3" in rule["reason"]
    told = ok(page, "/api/analytics/models/recommend", message_content="debug this", user_preference="speed")
    assert (told["taskType"], told["priority"]) == ("coding", "speed")
    pro = ok(page, "/api/analytics/models/recommend", task_type="coding", user_type="pro")
    assert (pro["model"], pro["userType"]) == ("opus", "pro")
    nobody = ok(page, "/api/analytics/models/recommend", task_type="coding", user_type="gold")
    assert (nobody["model"], nobody["userType"]) == ("haiku", None)


def test_a_processor_may_ask_where_to_send_a_call(page: Served) -> None:
    where = {"task_type": "coding", "usual": "opus", "priority": "speed"}
    body = ok(page, "/api/analytics/models/route", **where)
    assert (body["taskType"], body["priority"], body["model"]) == ("coding", "speed", "haiku")
    assert body["reason"].startswith("better than opus by speed")
    assert ok(page, "/api/analytics/models/route", **(where | {"allow": "gpt-4o"}))["model"] == "opus"
    unknown = ok(page, "/api/analytics/models/route", **(where | {"task_type": "nothing", "usual": "mine"}))
    assert (unknown["model"], unknown["provider"]) == ("mine", None)


def test_experiments_tell_variants_apart(page: Served) -> None:
    body = ok(page, "/api/analytics/experiments", run="chat")
    coding, creative = body["experiments"]
    assert (coding["taskType"], coding["control"]) == ("coding", "A")
    assert [one["variant"] for one in coding["variants"]] == ["A", "B"]
    found = {one["measure"]: one for one in coding["comparisons"]}
    assert found["success_rate"]["verdict"] == "worse"
    assert found["success_rate"]["difference"] == pytest.approx(-100 / 3)
    assert found["success_rate"]["low"] < -100 / 3 < found["success_rate"]["high"] < 0
    assert found["satisfaction_rate"]["verdict"] == "too_early"  # nobody rated B
    assert found["response_time_ms"]["text"].endswith("does not vary: nothing to compare")
    assert creative["comparisons"] == []


def test_feedback_reaches_kafka_before_it_is_acknowledged(page: Served) -> None:
    body = {"conversationId": "conv-1 ü/", "rating": 1, "userId": "bob"}
    answer = page.client.post("/api/analytics/models/feedback", json=body)
    assert answer.status_code == 200, answer.text
    taken = answer.json()
    assert (taken["success"], taken["rating"]) == (True, 1)
    consumer = Consumer({"bootstrap.servers": page.bootstrap, "group.id": "f", "auto.offset.reset": "earliest"})
    consumer.subscribe([page.prefix + "feedback"])
    try:
        message = consumer.poll(20)
        assert message is not None
        assert message.error() is None
        assert message.key() == body["conversationId"].encode()
        event = codec.decode("feedback", message.value())
        assert isinstance(event, FeedbackRecorded)
        assert (event.event_id, event.conversation_id, event.rating) == (taken["eventId"], "conv-1 ü/", 1)
    finally:
        consumer.close()


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b"[]",
        b'{"conversationId": "c"}',
        b'{"rating": 1}',
        b'{"conversationId": "c", "rating": 2}',
        b'{"conversationId": "c", "messageId": "m", "rating": 1}',
        b'{"conversationId": "", "rating": 1}',
        b'{"conversationId": "c", "rating": 1, "more": 1}',
        b'{"conversationId": "\xff", "rating": 1}',
    ],
)
def test_feedback_that_is_none_is_refused(page: Served, body: bytes) -> None:
    answer = page.client.post(
        "/api/analytics/models/feedback", content=body, headers={"content-type": "application/json"}
    )
    assert answer.status_code == 400
    assert answer.headers["content-type"].startswith("application/problem+json")


def test_analytics_is_s0s(page: Served) -> None:
    body = ok(page, "/api/metrics/analytics", timeRange="24h", run="pictures")
    assert body["timeRange"] == "24h"
    assert body["results"] == 21
    [mini] = body["modelComparison"]
    assert (mini["model"], mini["speed"], mini["avgConfidence"]) == ("gpt-4o-mini", 500, pytest.approx(90))
    assert mini["avgCost"] == pytest.approx((20 * 0.004 + 0.02) / 21)
    assert mini["consensusAgreementRate"] == 50
    assert [(row["contextScore"], row["band"], row["imageCount"]) for row in body["contextImpact"]] == [
        (18, "medium", 20),
        (4, "poor", 1),
    ]
    [tags] = body["tableFill"]
    assert (tags["tableName"], tags["recordsAdded"], tags["fillRate"], tags["valueScore"]) == (
        "image_tags",
        60,
        pytest.approx(60 / 21),
        30,
    )
    assert tags["avgConfidence"] == pytest.approx(70)
    tiers = {row["tier"]: row["vehicleCount"] for row in body["completenessDistribution"]}
    assert tiers == {"rich": 0, "good": 2, "medium": 0, "poor": 0, "unknown": 1}
    trends = body["trends"]
    assert {"costTrend", "qualityTrend", "efficiencyTrend"} <= set(trends)
    assert sum(point["cost"] for point in trends["costTrend"]) == pytest.approx(0.1)
    assert sum(point["images"] for point in trends["efficiencyTrend"]) == 21
    everything = ok(page, "/api/metrics/analytics", timeRange="all")
    assert everything["results"] == 144
    assert len(everything["trends"]["costTrend"]) <= 61
    none = ok(page, "/api/metrics/analytics", timeRange="all", run="nobody")
    assert (none["results"], none["modelComparison"], none["trends"]["costTrend"]) == (0, [], [])


def test_a_vehicle_says_what_its_documents_are_worth(page: Served) -> None:
    body = ok(page, "/api/metrics/vehicle/car%2F1")
    assert body["vehicleId"] == "car/1"
    assert (body["completeness"]["score"], body["completeness"]["tier"]) == (30, "good")
    assert body["completeness"]["breakdown"]["receipts"] == {"count": 3, "points": 15, "most": 25}
    assert body["processing"]["imagesProcessed"] == 20
    assert body["processing"]["totalCost"] == pytest.approx(0.08)
    assert body["processing"]["nextSuggestedReprocess"] is not None
    assert body["quality"]["avgConfidence"] == pytest.approx(90)
    again, *documents = body["recommendations"]
    # 20 images: measured 0.004 at medium, S2's 0.0005 at good
    assert again["action"] == "Ask about 20 images again"
    assert again["costSavings"] == pytest.approx(20 * (0.004 - 0.0005))
    assert [one["document"] for one in documents] == ["SPID photo", "factory manual", "receipt", "user tag"]
    assert documents[0]["action"] == "Add SPID photo"
    assert documents[0]["impact"] == "Context score 30 → 50"
    assert documents[0]["costSavings"] is None
    new = ok(page, "/api/metrics/vehicle/new")
    assert (new["completeness"]["score"], new["processing"]["totalImages"]) == (35, 0)
    bare = ok(page, "/api/metrics/vehicle/bare")
    assert (bare["completeness"]["score"], bare["recommendations"]) == (None, [])
    unknown = page.get("/api/metrics/vehicle/nobody")
    assert (unknown.status_code, unknown.json()["title"]) == (404, "No such vehicle")


def test_vehicles_come_in_pages(page: Served) -> None:
    whole = ok(page, "/api/metrics/vehicles")
    assert [row["vehicleId"] for row in whole["vehicles"]] == ["car/1", "bare", "new"]
    assert whole["nextCursor"] is None
    walked: list[Any] = []
    cursor: dict[str, str] = {}
    for _ in whole["vehicles"]:
        body = ok(page, "/api/metrics/vehicles", limit=1, **cursor)
        walked += body["vehicles"]
        cursor = {"cursor": body["nextCursor"]}
    assert cursor == {"cursor": None}
    assert walked == whole["vehicles"]
    assert [row["vehicleId"] for row in ok(page, "/api/metrics/vehicles", tier="good")["vehicles"]] == ["car/1", "new"]
    assert page.get("/api/metrics/vehicles", cursor="nonsense!").status_code == 400


def test_recommendations_are_worth_money(page: Served) -> None:
    body = ok(page, "/api/recommendations", run="pictures")
    assert body["pricesBasis"] == "measured"
    assert body["pricesByBand"]["medium"] == pytest.approx(0.004)
    [again] = body["recommendations"]
    assert (again["kind"], again["evidence"]["vehicleId"], again["evidence"]["images"]) == ("reprocess", "car/1", 20)
    assert again["costSavings"] == pytest.approx(0.07)
    assert body["savingsByKind"] == {"reprocess": pytest.approx(0.07)}
    assert ok(page, "/api/recommendations", run="nobody")["recommendations"] == []


def test_the_command_line_says_the_same(page: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("imageledger.settings.Settings.api_url", lambda _: page.url)

    def said(*arguments: str) -> str:
        result = CliRunner().invoke(app, ["--data", str(tmp_path), *arguments])
        assert result.exit_code == 0, result.output
        return result.stdout

    assert "haiku is 2.3x faster for simple tasks" in said("models", "--run", "chat")
    assert said("models", "recommend", "coding").startswith("haiku (anthropic): best overall performance for coding")
    assert "is worse than A in success rate by" in said("models", "experiments", "--run", "chat")
    assert "Ask about the 20 images of vehicle car/1 again (saves $0.0700)" in said("recommend", "--run", "pictures")
    assert json.loads(said("models", "recommend", "coding", "--json"))["basis"] == "history"
    assert json.loads(said("recommend", "--json"))["days"] == 30


@pytest.mark.parametrize(
    "path",
    [
        "/api/analytics/models?days=0", "/api/analytics/models?group_by=x", "/api/analytics/models?tier=16",
        "/api/analytics/models?from=yesterday", "/api/analytics/models/recommend?priority=cheap",
        "/api/metrics/analytics?timeRange=1y", "/api/metrics/vehicles?limit=0", "/api/metrics/vehicles?tier=x",
        "/api/metrics/analytics?to=0001-01-01T00:00:00-23:59", "/api/alerts?limit=0", "/api/alerts?from=1899-12-31",
    ],
)  # fmt: skip
def test_what_is_asked_wrongly_is_a_problem(page: Served, path: str) -> None:
    answer = page.get(path)
    assert answer.status_code == 400, answer.text
    assert answer.headers["content-type"].startswith("application/problem+json")


def test_an_answer_is_not_sent_twice(page: Served) -> None:
    first = page.get("/api/analytics/models", run="chat", to=NOW.isoformat(), **{"from": "2020-01-01T00:00:00Z"})
    again = page.client.get(first.request.url, headers={"if-none-match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


def test_without_clickhouse_history_says_so(kafka: str) -> None:
    with served(kafka, "none.") as lonely:
        answer = lonely.get("/api/analytics/models")
        assert answer.status_code == 503
        assert json.loads(answer.content)["title"] == "History is not available"
