"""Event → row → ClickHouse → the same values back, on the real engine."""

import json
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from event_documents import documents, minimal
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sinking import BY_TOPIC, FakeRecord, batches_of, image, snapshot, stored

from events import codec, numbers
from events.alerts import AlertFiring
from events.envelope import Event, event_type
from events.feedback import FeedbackRecorded
from events.profiles import VehicleProfiled
from events.refusals import Refused
from events.results import NO_OUTPUT, ComponentResult, ImageResult, MessageResult, Result
from events.runs import CommandAcknowledged, RunDeclared, RunUpdated
from events.snapshots import RunMetrics
from sinks.loading.arrays import LABEL
from sinks.loading.writer import insert

RUN_METRICS = msgspec.json.Decoder(RunMetrics)
RESULTS: list[type[Result]] = [ImageResult, ComponentResult, MessageResult]
OTHERS: list[tuple[codec.Kind, type[Event]]] = [
    ("runs", RunDeclared),
    ("runs", RunUpdated),
    ("runs", CommandAcknowledged),
    ("feedback", FeedbackRecorded),
    ("profiles", VehicleProfiled),
    ("alerts", AlertFiring),
]


def expected(event: Any) -> dict[str, Any]:
    """What a row of any event must say, read off the event field by field."""
    row: dict[str, Any] = {"event_type": event_type(event)}
    for name in event.__struct_fields__:
        value = getattr(event, name)
        if isinstance(value, datetime):
            value = value.astimezone(UTC)
        row[name] = value
    return row


def expected_result(event: Any) -> dict[str, Any]:
    row = expected(event)
    error = row.pop("error")
    row |= {f"error_{part}": getattr(error, part, None) for part in ("type", "message", "timeout")}
    row["cost_nano_usd"] = None if event.cost_usd is None else numbers.nano_usd(event.cost_usd)
    row["latency_ms"] = None if event.latency_ms is None else numbers.whole_ms(event.latency_ms)
    row["confidence_ppm"] = None if event.confidence is None else numbers.ppm(event.confidence)
    row["scores_micro"] = {name: numbers.micro(score) for name, score in (event.scores or {}).items()}
    for name in ("stages", "usage", "stage_costs", "scores", "tables", "findings", "attributes"):
        row[name] = row[name] or {}
    row["context_items"] = row["context_items"] or []
    row["answers"] = [_answer(answer) for answer in event.answers or ()]
    row["gaps"] = [
        msgspec.to_builtins(gap) | {k: None for k in ("value", "how_to_get") if getattr(gap, k) is None}
        for gap in event.gaps or ()
    ]
    output = b"" if event.output is NO_OUTPUT or bytes(event.output) == b"null" else bytes(event.output)
    row |= {"output": output.decode(), "output_bytes": len(output), "subject_id": event.subject_id}
    del row["run_id"], row["event_time"]
    return row


def _answer(answer: Any) -> dict[str, Any]:
    row = msgspec.structs.asdict(answer)
    row["table"] = row["table"] or ""
    row["record_id"] = row["record_id"] or ""
    if row["answer"] is not None and not isinstance(row["answer"], str):
        row["answer"] = (
            json.dumps(row["answer"])
            if isinstance(row["answer"], bool)
            else msgspec.json.encode(row["answer"]).decode()
        )
    return row


def agrees(found: dict[str, Any], wanted: dict[str, Any]) -> None:
    assert {name: found[name] for name in wanted} == wanted


@pytest.mark.parametrize("kind", RESULTS, ids=lambda kind: kind.__name__)
@settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(data=st.data())
def test_any_result_is_stored_as_it_was_sent(store: Any, kind: type[Result], data: st.DataObject) -> None:
    sent = [msgspec.json.encode(one) for one in data.draw(st.lists(documents(kind), min_size=1, max_size=5))]
    events = []
    for value in sent:
        try:
            events.append(codec.decode("results", value))
        except Refused:
            events.append(None)
    store.client.command("TRUNCATE TABLE results")
    stored(store.client, "results", sent)
    rows = {
        row["source_offset"]: row
        for row in store.history.rows("SELECT *, image_id, component_id, message_id FROM results")
    }
    assert set(rows) == {place for place, event in enumerate(events) if event is not None}
    for place, row in rows.items():
        agrees(row, expected_result(events[place]))


def test_the_least_and_the_most_of_a_result(store: Any) -> None:
    for kind in RESULTS:
        least = minimal(kind)
        del least["event_id"]
        stored(store.client, "results", [least | {"event_id": "least"}])
        [row] = store.history.rows("SELECT * FROM results WHERE event_id = 'least'")
        assert (row["tier"], row["model"], row["final"], row["attempt"]) == (1, "unknown", True, 1)
        assert row["task_type"] == ("general_chat" if kind is MessageResult else "other")
        assert (row["cost_usd"], row["cost_nano_usd"], row["latency_ms"], row["confidence"]) == (None,) * 4
        store.client.command("TRUNCATE TABLE results")


@pytest.mark.parametrize(
    "text", ["naïve 汽车 🚗", 'it\'s "quoted" \\ `so`', "line\nbreak\ttab", "עברית", "nul\x00byte", "a/b c%20"]
)
def test_ids_are_any_text(store: Any, text: str) -> None:
    stored(store.client, "results", [image(text, image_id=text, run_id=text, vehicle_id=text, attributes={text: text})])
    [row] = store.history.rows(
        "SELECT * FROM results WHERE run_id = {run:String} AND subject_id = {run:String}", {"run": text}
    )
    assert (row["event_id"], row["vehicle_id"], row["attributes"]) == (text, text, {text: text})


@pytest.mark.parametrize(("topic", "kind"), OTHERS, ids=lambda value: getattr(value, "__name__", value))
@settings(
    max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(data=st.data())
def test_any_other_event_is_stored_as_it_was_sent(
    store: Any, topic: codec.Kind, kind: type[Event], data: st.DataObject
) -> None:
    value = msgspec.json.encode(data.draw(documents(kind)))
    event: Any = codec.decode(topic, value)
    table = BY_TOPIC[topic].table
    store.client.command(f"TRUNCATE TABLE {table}")
    stored(store.client, topic, [value])
    [row] = store.history.rows(f"SELECT * FROM {table}")
    wanted = expected(event)
    if topic == "runs":
        assert row["raw"] == value.decode()
        for part in ("baseline", "sla"):
            if inner := wanted.pop(part, None):
                wanted |= {f"{part}_{name}": item for name, item in expected(inner).items() if name != "event_type"}
        if "tiers" in wanted:
            wanted["tiers"] = [msgspec.structs.asdict(tier) for tier in event.tiers or ()]
            wanted["cheap_models"] = event.cheap_models or []
            wanted["value_weights_usd"] = event.value_weights_usd or {}
        for name in ("targets", "baselines"):  # read from `raw`
            wanted.pop(name, None)
    if topic == "alerts":
        wanted |= {"run_id": event.run_id or "", "labels": event.labels or {}}
        wanted["evidence"] = [
            msgspec.structs.asdict(one) | {"event_id": one.event_id or ""} for one in event.evidence or ()
        ]
    if topic == "feedback":
        wanted = {
            name: item for name, item in wanted.items() if not name.endswith("_id") or name in {"event_id", "user_id"}
        }
        wanted["subject_kind"], wanted["subject_id"] = event.subject
    agrees(row, wanted)


def test_labels_are_the_columns_that_the_table_keeps_with_a_dictionary(store: Any) -> None:
    """Sent so, the server need not look each of them up; a text that is seldom the same would only cost more."""
    [batch] = batches_of("results", [image("one")])
    sent = {name for name in batch.schema.names if batch.schema.field(name).type == LABEL}
    kept = store.client.query(
        "SELECT name FROM system.columns WHERE database = currentDatabase() AND table = 'results' "
        "AND startsWith(type, 'LowCardinality') AND default_kind NOT IN ('ALIAS', 'MATERIALIZED')"
    ).result_rows
    assert sent == {name for (name,) in kept}


def test_labels_of_many_chunks_and_kinds_are_each_their_own(store: Any) -> None:
    """Chunks have dictionaries of their own, in another order, with gaps, or empty: the insert has one of each."""
    models = ["a", "b", None, "c", "a", None, "d", "b"]
    chunks = [
        batches_of(
            "results", [image(f"{turn}-{place}", provider=model or "b", variant=model, run_id=model or "r")], turn
        )
        for turn, turned in enumerate((models, models[::-1]))
        for place, model in enumerate(turned)
    ]
    component = image("component") | {"event_type": "component.result", "component_id": "c", "component_type": "page"}
    chunks.append(batches_of("results", [component], 99))
    store.client.command("TRUNCATE TABLE results")
    insert(store.client, "results", [batch for chunk in chunks for batch in chunk])
    rows = store.history.rows("SELECT event_id, provider, variant, run_id, component_type FROM results")
    wanted = {
        f"{turn}-{place}": (model or "b", model, model or "r", None)
        for turn, turned in enumerate((models, models[::-1]))
        for place, model in enumerate(turned)
    }
    wanted["component"] = ("unknown", None, "r", "page")
    assert {
        row["event_id"]: (row["provider"], row["variant"], row["run_id"], row["component_type"]) for row in rows
    } == wanted


def test_the_run_is_the_fold_s(store: Any) -> None:
    """recorded_at is 2026-11-02T12:00Z in these records; more than five minutes after it is skewed."""
    recorded = datetime(2026, 11, 2, 12, tzinfo=UTC)
    events = [
        image("own", run_id="mine", event_time="2031-01-01T00:00:00Z"),
        image("late", run_id=None, event_time="2024-02-29T23:59:59.999999-01:00"),
        image("skewed", run_id=None, event_time="2026-12-01T00:00:00Z"),
        image("nearly", run_id=None, event_time="2026-11-02T12:05:00.003Z"),
        image("old", run_id=None, event_time="1955-05-05T00:00:00.0005Z"),
    ]
    stored(store.client, "results", events)
    rows = {row["event_id"]: row for row in store.history.rows("SELECT *, effective_at FROM results")}
    assert {name: row["run_id"] for name, row in rows.items()} == {
        "own": "mine",
        "late": "default-2024-03",
        "skewed": "default-2026-11",
        "nearly": "default-2026-11",
        "old": "default-1955-05",
    }
    assert rows["skewed"]["event_time"] == datetime(2026, 12, 1, tzinfo=UTC)
    assert rows["skewed"]["effective_at"] == rows["skewed"]["recorded_at"] == recorded.replace(microsecond=2000)
    assert rows["old"]["event_time"] == datetime(1955, 5, 5, microsecond=500, tzinfo=UTC)


def test_output_is_cut_at_64_kib_and_says_so(store: Any) -> None:
    whole, long = {"a": [1.50, "é"]}, "é" * 40_000
    spelled = msgspec.json.encode(image("verbatim"))[:-1] + b',"output": {"a": [1.50] }}'
    stored(store.client, "results", [image("whole", output=whole), image("long", output=long), image("none"), spelled])
    rows = {row["event_id"]: row for row in store.history.rows("SELECT *, output_cut FROM results")}
    assert json.loads(rows["whole"]["output"]) == whole
    assert rows["verbatim"]["output"] == '{"a": [1.50] }'
    assert (rows["long"]["output_cut"], rows["long"]["output_bytes"]) == (True, 80_002)
    assert rows["long"]["output"] == '"' + "é" * 32_767
    assert [rows[name]["output_cut"] for name in ("whole", "none", "verbatim")] == [False] * 3


def test_of_repeats_the_lowest_offset_is_kept(store: Any) -> None:
    stored(store.client, "results", [image("e", model="second")], first_offset=50)
    stored(
        store.client, "results", [image("e", model="first", cost_usd=0.5), image("e", model="third")], first_offset=10
    )
    stored(store.client, "results", [image("e", model="other partition")], first_offset=0, partition=1)
    stored(store.client, "results", [image("e", model="other run", run_id="s")], first_offset=1)
    before = store.history.rows("SELECT model, source_offset FROM results FINAL ORDER BY model")
    assert [row["model"] for row in before] == ["first", "other partition", "other run"]
    store.client.command("OPTIMIZE TABLE results FINAL")
    assert store.history.rows("SELECT model, source_offset FROM results ORDER BY model") == before


def test_a_deleted_profile_is_gone_and_may_come_back(store: Any) -> None:
    def profile(receipts: int) -> bytes:
        return msgspec.json.encode(minimal(VehicleProfiled) | {"vehicle_id": "v", "receipt_count": receipts})

    def read() -> list[int]:
        return [row["receipt_count"] for row in store.history.rows("SELECT * FROM profiles FINAL")]

    def put(offset: int, value: bytes | None, key: bytes | None = b"v") -> int:
        batches, refused = BY_TOPIC["profiles"].read("t.profiles", 0, [FakeRecord(offset, 1, value, key)])
        for batch in batches:
            insert(store.client, "profiles", [batch])
        return len(refused)

    put(0, profile(1)), put(2, profile(3)), put(1, profile(2))
    assert read() == [3]
    put(3, None)
    assert read() == []
    put(4, profile(5)), put(3, None)
    assert read() == [5]
    assert [put(5, None, key) for key in (None, b"", b"\xff")] == [1, 1, 1]


def test_the_last_snapshot_of_a_minute_stays(store: Any) -> None:
    first = [
        snapshot("r", "2026-11-02T10:00:01Z", totals={"results": 1}),
        snapshot("r", "2026-11-02T10:00:59.9Z", totals={"results": 2}),
        snapshot("s", "2026-11-02T10:00:30Z"),
        snapshot("r", "2026-11-02T10:01:00Z", totals={"results": 3}),
    ]
    batches = batches_of("metrics", first)
    assert sum(batch.num_rows for batch in batches) == 3
    # The same moment again (a scripted log), then an earlier one (a run no longer live): the newest record holds.
    stored(store.client, "metrics", first)
    stored(store.client, "metrics", [snapshot("r", "2026-11-02T10:01:00Z", totals={"results": 4})], first_offset=9)
    stored(store.client, "metrics", [snapshot("r", "2026-11-02T10:00:10Z", totals={"results": 5})], first_offset=10)
    stored(store.client, "metrics", first)  # and a replay of what came before changes nothing
    newest = RUN_METRICS.decode(store.history.newest_snapshot_json("r"))
    assert newest.totals == {"results": 5}
    assert newest.source_offsets == {"results": {"0": 7, "3": 9}}
    kept = store.history.rows("SELECT metrics FROM snapshots FINAL WHERE run_id = 'r' ORDER BY minute")
    assert [RUN_METRICS.decode(row["metrics"]).totals for row in kept] == [{"results": 5}, {"results": 4}]
    assert store.history.newest_snapshot_json("nobody") is None


def test_snapshots_that_wait_are_squeezed() -> None:
    documents_ = [snapshot("r", f"2026-11-02T10:00:{second:02}Z", totals={"n": second}) for second in range(60)]
    waiting = [batch for i, one in enumerate(documents_) for batch in batches_of("metrics", [one], first_offset=i)]
    [kept] = BY_TOPIC["metrics"].squeeze(waiting)
    assert kept["source_offset"].to_pylist() == [59]
