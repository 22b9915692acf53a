"""Old runs go whole, or not at all; lineage stays unless somebody says otherwise."""

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from clickhouse_connect.driver.client import Client
from databases import Store
from sinking import BY_TOPIC, FakeRecord, image, snapshot

from sinks import retention
from sinks.loading.writer import insert
from sinks.reading.witness import Sql
from sinks.retention import (
    FORGOTTEN,
    TABLES,
    Limits,
    expired,
    forget,
    forget_snapshots,
    old_snapshots,
)

NOW = datetime.now(UTC).replace(microsecond=0)


def put(store: Store, topic: str, days_ago: float, *documents: dict[str, Any]) -> None:
    """Records that arrived so long ago."""
    arrived = NOW - timedelta(days=days_ago)
    records = [
        FakeRecord(n, int(arrived.timestamp() * 1_000), msgspec.json.encode({"event_time": arrived.isoformat()} | one))
        for n, one in enumerate(documents)
    ]
    batches, refused = BY_TOPIC[topic].read(f"t.{topic}", 0, records)
    assert not refused
    for batch in batches:
        insert(store.client, BY_TOPIC[topic].table, [batch])


def call(event_id: str, run_id: str) -> dict[str, Any]:
    message = {"event_type": "message.result", "event_id": event_id, "run_id": run_id, "status": "success"}
    return message | {"message_id": event_id, "conversation_id": "c", "user_id": "u"}


def seen(event_id: str, run_id: str) -> dict[str, Any]:
    result = image(event_id, run_id=run_id)
    del result["event_time"]
    return result


def left(store: Store, table: str) -> set[str]:
    return {row[0] for row in store.client.query(f"SELECT DISTINCT run_id FROM {table}").result_rows}


def test_runs_of_calls_go_after_ninety_days_and_lineage_stays(store: Store) -> None:
    put(store, "results", 100, call("1", "old"), call("1", "old"), call("2", "rated"), call("3", "mixed"))
    put(store, "results", 95, seen("4", "mixed"), seen("5", "images"))
    put(store, "results", 80, call("6", "young"))
    word = {"event_type": "feedback.recorded", "event_id": "f", "run_id": "rated", "message_id": "2", "rating": 1}
    put(store, "feedback", 10, word)
    put(store, "runs", 200, {"event_type": "run.declared", "event_id": "d", "run_id": "planned"})
    calls = NOW - timedelta(days=90)
    [found] = expired(store.client, Limits(calls, None))
    assert (found.run_id, found.kind, found.rows) == ("old", "calls", 2)
    forget(store.client, [found.run_id])
    assert left(store, "results") == {"rated", "mixed", "images", "young"}
    assert expired(store.client, Limits(calls, None)) == []
    old = expired(store.client, Limits(None, NOW - timedelta(days=92)))
    assert [(run.run_id, run.kind) for run in old] == [
        ("planned", "lineage"),
        ("images", "lineage"),
        ("mixed", "lineage"),
    ]


def test_what_a_killed_cleanup_left_the_next_one_finds(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    put(store, "results", 100, call("1", "old"))
    word = {"event_type": "feedback.recorded", "event_id": "f", "run_id": "old", "message_id": "1", "rating": 1}
    put(store, "feedback", 99, word)
    put(store, "runs", 100, {"event_type": "run.declared", "event_id": "d", "run_id": "old"})
    put(store, "metrics", 100, snapshot("old", (NOW - timedelta(days=100)).isoformat()))
    limits = Limits(NOW - timedelta(days=90), None)
    delete = retention._delete
    for deleted in range(len(TABLES)):
        tables = iter(TABLES[:deleted])

        def killed(client: Client, table: str, which: str, given: dict[str, object], tables: Any = tables) -> None:
            if next(tables, None) is None:
                raise KeyboardInterrupt
            delete(client, table, which, given)

        monkeypatch.setattr(retention, "_delete", killed)
        with pytest.raises(KeyboardInterrupt):
            forget(store.client, ["old"])
        assert [(run.run_id, run.kind) for run in expired(store.client, limits)] == [("old", "calls")], TABLES[:deleted]
        assert Sql(store.client, "t.").forgotten(None) == set()
    monkeypatch.undo()
    forget(store.client, ["old"])
    assert [left(store, table) for table in TABLES] == [set()] * len(TABLES)
    assert left(store, FORGOTTEN) == {"old"} == Sql(store.client, "t.").forgotten(None)


def test_minute_history_can_go_before_its_run(store: Store) -> None:
    put(store, "results", 1, seen("1", "r"))
    put(store, "metrics", 0, snapshot("r", (NOW - timedelta(days=40)).isoformat()), snapshot("r", NOW.isoformat()))
    before = NOW - timedelta(days=30)
    assert old_snapshots(store.client, before) == 1
    forget_snapshots(store.client, before)
    assert old_snapshots(store.client, before) == 0
    assert left(store, "snapshots") == {"r"} == left(store, "results")
