"""Every column of every table is held against the record that its row was made of."""

from datetime import UTC, datetime, timedelta
from typing import Any, get_args

import msgspec
import pytest
from databases import Store
from sinking import BY_TOPIC, FakeRecord, image, snapshot, stored

from events.topics import BY_NAME, Name
from sinks.reading.stored import RowCheck

ANSWER = {
    "question": "part:door", "answer": "Tür", "confidence": 0.9, "table": "parts", "record_id": "p-1",
    "agreeing_models": 2, "asked_models": 3, "validated_by": "receipt",
}  # fmt: skip
RESULT = {
    "answers": [ANSWER, {"question": "q", "answer": 7, "confidence": 0.5}],
    "gaps": [{"item": "manual", "value": "high", "how_to_get": None}],
    "started_at": "2026-11-02T09:59:58.123456Z",
    "latency_ms": 1_234.5,
    "cost_usd": 0.1,
    "confidence": 0.3,
    "scores": {"b": 0.1, "a": 3},
    "stages": {"look": 0.5},
    "usage": {"image": 3},
    "tables": {"parts": 2},
    "findings": {"parts": 0},
    "context_items": ["SPID", "ü"],
    "context_score": 12.5,
    "attributes": {"note": "a\tb\n'c'"},
    "output": {"raw": ["ü", 1.0]},
    "error": {"type": "t", "message": "m", "timeout": False},
}
WORD = {"event_type": "feedback.recorded", "event_time": "2026-11-02T10:00:00Z", "image_id": "i", "run_id": "r"}
PLAN = {
    "event_type": "run.declared",
    "event_time": "2026-11-02T08:00:00Z",
    "run_id": "r",
    "budget_usd": 5,
    "tiers": [{"tier": 1, "name": "look", "images": 4, "unit_cost_usd": 0.5}, {"tier": 2}],
    "cheap_models": ["small"],
    "value_weights_usd": {"parts": 0.5},
    "sla": {"latency_ms": 5, "deadline": "2026-11-03T00:00:00Z"},
}
PROFILE = {"event_type": "vehicle.profiled", "event_time": "2026-11-01T00:00:00Z", "has_spid": True}
ALERT = {
    "event_type": "alert.firing", "event_time": "2026-11-02T10:00:00Z", "started_at": "2026-11-02T09:59:00Z",
    "fingerprint": "f", "episode_id": "e", "severity": "error", "type": "error_rate", "message": "m", "action": "a",
    "metric": "error_rate", "value": 0.5, "threshold": 0.1, "run_id": "r", "labels": {"tier": "1"},
    "evidence": [{"event_id": "x", "topic": "results", "partition": 0, "offset": 3}],
}  # fmt: skip
DOCUMENTS: dict[Name, list[dict[str, Any]]] = {
    "results": [image("1", **RESULT), image("2"), image("1", cost_usd=9), {"event_type": "image.result"}],
    "feedback": [
        WORD | {"event_id": "f", "rating": 1, "comment": "ü"},
        WORD | {"event_id": "f", "verdict": "rejected"},
    ],
    "runs": [PLAN | {"event_id": "d"}, PLAN | {"event_id": "d"}],
    "profiles": [PROFILE | {"event_id": f"p{n}", "vehicle_id": f"v{n % 2}", "receipt_count": n} for n in range(3)],
    "alerts": [ALERT | {"event_id": "a"}],
    "metrics": [snapshot("r", f"2026-11-02T10:0{n}:00Z") for n in (1, 1, 2)],
}
PLACE = {"source_topic", "source_partition", "source_offset"}
ALTERED: list[tuple[Name, str, int]] = [
    ("results", "arrayMap(a -> tuple(concat(a.1, '!'), a.2, a.3, a.4, a.5, a.6, a.7, a.8), answers) AS answers", 0),
    ("results", "[('manual', 'low', NULL)] AS gaps", 0),
    ("results", "started_at + INTERVAL 1 SECOND AS started_at", 0),
    ("results", "event_time + INTERVAL 1 SECOND AS event_time", 1),
    ("results", "recorded_at - INTERVAL 1 SECOND AS recorded_at", 1),
    ("results", "map('b', 0.2, 'a', 3.) AS scores", 0),
    ("results", "output_bytes + 1 AS output_bytes", 0),
    ("feedback", "'other' AS comment", 1),
    ("runs", "50 AS budget_usd", 1),
    ("runs", "arrayMap(t -> tuple(t.1, t.2, t.3, 'm', t.5, t.6, t.7), tiers) AS tiers", 0),
    ("profiles", "9 AS receipt_count", 2),
    ("alerts", "0.6 AS value", 0),
    ("metrics", "replaceOne(metrics, 'running', 'stopped') AS metrics", 2),
]  # fmt: skip


def records_of(topic: Name) -> list[FakeRecord]:
    """As `stored` numbers and dates them."""
    return [
        FakeRecord(n, 1_793_620_800_000 + n, msgspec.json.encode(value)) for n, value in enumerate(DOCUMENTS[topic])
    ]


def differences(store: Store, topic: Name, run_id: str | None = None) -> list[tuple[int, str, str]]:
    check = RowCheck(store.client, "t.", run_id, topic, 0)
    records = records_of(topic)
    found = [*check.differences(records[:1], 1), *check.differences(records[1:], len(records))]
    return [(row.offset, row.what, row.detail) for row in found]


def alter(store: Store, table: str, change: str, offset: int) -> None:
    store.client.command(
        f"INSERT INTO {table} SELECT * REPLACE ({change}) FROM {table} FINAL WHERE source_offset = {offset}"
    )


@pytest.fixture
def filled(store: Store) -> Store:
    for topic, documents in DOCUMENTS.items():
        stored(store.client, topic, documents)
    return store


def test_rows_are_their_records_and_no_column_is_left_out(filled: Store) -> None:
    assert DOCUMENTS.keys() == BY_TOPIC.keys() <= set(get_args(Name)) == BY_NAME.keys()
    for topic, source in BY_TOPIC.items():
        assert differences(filled, topic) == [], topic  # type: ignore[arg-type]
        [batch, *_], _ = source.read("t", 0, records_of(topic))  # type: ignore[arg-type]
        check = RowCheck(filled.client, "t.", None, topic, 0)  # type: ignore[arg-type]
        listed = filled.client.query(
            "SELECT name FROM system.columns WHERE database = {database:String} AND table = {table:String} "
            "AND default_kind NOT IN ('ALIAS', 'MATERIALIZED')",
            {"database": filled.database, "table": source.table},
        )
        assert {*check._compared(batch.schema.names), "minute"} >= {row[0] for row in listed.result_rows} - PLACE, topic


@pytest.mark.parametrize(("topic", "change", "offset"), ALTERED)
def test_what_was_altered_is_named_at_its_offset(filled: Store, topic: Name, change: str, offset: int) -> None:
    table = BY_TOPIC[topic].table
    alter(filled, table, change, offset)
    column = change.rpartition(" AS ")[2]
    [(at, what, detail)] = differences(filled, topic)
    assert (at, what) == (offset, "different")
    assert detail.startswith(f"{column}: ")
    assert " stored, " in detail


def test_what_explains_a_counter_is_what_counters_are_made_of(filled: Store) -> None:
    alter(filled, "results", "'somebody else' AS source", 0)
    assert differences(filled, "results", "r") == []
    taken = "arrayMap(a -> tuple(a.1, a.2, a.3, a.4, a.5, a.6, a.7, NULL), answers) AS answers"
    alter(filled, "results", taken, 0)  # a validation less
    [(at, what, detail)] = differences(filled, "results", "r")
    assert (at, what, detail.partition(":")[0]) == (0, "different", "answers")
    assert differences(filled, "results", "another") == []


def test_a_row_too_few_and_one_too_many_are_named(filled: Store) -> None:
    filled.client.command("ALTER TABLE results DELETE WHERE event_id = '2'", settings={"mutations_sync": 2})
    stored(filled.client, "runs", [PLAN | {"event_id": "never"}], first_offset=1)
    stored(filled.client, "results", [image("never")], first_offset=3)  # where a refused record stands
    assert [found[:2] for found in differences(filled, "results")] == [(1, "missing"), (3, "extra")]
    assert [found[:2] for found in differences(filled, "runs")] == [(1, "different")]


def test_a_second_row_of_one_record_is_one_too_many(filled: Store) -> None:
    filled.client.command(
        "INSERT INTO results SELECT * REPLACE ('another' AS run_id) FROM results WHERE event_id = '2'"
    )
    assert [found[:2] for found in differences(filled, "results")] == [(1, "extra")]


def test_what_a_newer_record_replaced_is_not_missed(filled: Store) -> None:
    """Neither a profile, nor a snapshot of the same minute."""
    stored(filled.client, "profiles", [PROFILE | {"event_id": "p", "vehicle_id": "v0"}], first_offset=7)
    later = (datetime(2026, 11, 2, 10, 2, tzinfo=UTC) + timedelta(seconds=30)).isoformat()
    stored(filled.client, "metrics", [snapshot("r", later)], first_offset=7)
    assert differences(filled, "profiles") == differences(filled, "metrics") == []
