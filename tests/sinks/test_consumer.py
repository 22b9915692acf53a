"""The running sink on the real Kafka and the real engine: what is published is what is stored, whatever happens."""

import asyncio
import contextlib
from typing import Any

import msgspec
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from confluent_kafka import Producer
from sinking import image, sink, snapshot, until

from sinks.client import connect
from sinks.errors import AccessDenied, ClickHouseAway, KafkaUnreachable, SchemaMissing, TopicMissing
from sinks.loading import consumer
from sinks.loading.lane import Limits

PLAN = {
    "event_type": "run.declared",
    "event_id": "d",
    "event_time": "2026-11-02T09:00:00Z",
    "run_id": "r",
    "total_images": 3,
}
ACK = {
    "event_type": "command.acknowledged",
    "event_id": "k",
    "event_time": "2026-11-02T09:00:00Z",
    "run_id": "r",
    "command_id": "c",
}
THUMB = {
    "event_type": "feedback.recorded",
    "event_id": "f",
    "event_time": "2026-11-02T11:00:00Z",
    "image_id": "img-1",
    "rating": 1,
}
PROFILE = {"event_type": "vehicle.profiled", "event_id": "p", "event_time": "2026-11-02T08:00:00Z", "vehicle_id": "v"}
ALERT = {
    "event_type": "alert.firing", "event_id": "a", "event_time": "2026-11-02T11:00:00Z",
    "started_at": "2026-11-02T11:00:00Z", "fingerprint": "fp", "episode_id": "ep", "severity": "error",
    "type": "error_rate", "message": "m", "action": "x", "metric": "error_rate",
}  # fmt: skip


async def publish(bootstrap: str, topic: str, documents: list[Any], partition: int | None = None) -> None:
    async with AIOKafkaProducer(bootstrap_servers=bootstrap, linger_ms=5) as producer:
        for document in documents:
            value = document if document is None or isinstance(document, bytes) else msgspec.json.encode(document)
            key = document["image_id"].encode() if isinstance(document, dict) and "image_id" in document else b"k"
            await producer.send(topic, value, key=key, partition=partition)
        await producer.flush()


async def rows(store: Any, sql: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = await asyncio.to_thread(store.history.rows, sql)
    return found


async def count(store: Any, table: str) -> int:
    return int((await rows(store, f"SELECT count() AS n FROM {table} FINAL"))[0]["n"])


async def test_every_topic_goes_to_its_table(kafka: str, topics: str, store: Any) -> None:
    await publish(kafka, topics + "results", [image(str(n)) for n in range(50)])
    await publish(kafka, topics + "runs", [PLAN, ACK])
    await publish(kafka, topics + "feedback", [THUMB])
    await publish(kafka, topics + "profiles", [PROFILE])
    await publish(kafka, topics + "alerts", [ALERT, ALERT | {"event_type": "alert.resolved", "event_id": "b"}])
    await publish(kafka, topics + "metrics", [snapshot("r", f"2026-11-02T10:00:{n:02}Z") for n in range(60)])
    wanted = {"results": 50, "runs": 2, "feedback": 1, "profiles": 1, "alerts": 2}
    async with sink(kafka, topics, store.url, store.database) as statuses:

        async def stored() -> bool:
            return {table: await count(store, table) for table in wanted} == wanted

        await until(stored, "all rows")

        async def said() -> bool:
            return bool(statuses) and statuses[-1].rows["results"] == 50 and statuses[-1].lag[topics + "results"] == 0

        await until(said, "a status without lag")
    # Snapshots wait for more of their minute; a stop stores them.
    assert await rows(store, "SELECT toSecond(as_of) AS s FROM snapshots") == [{"s": 59}]


async def test_a_bare_record_of_another_client_is_stored_alike(kafka: str, topics: str, store: Any) -> None:
    document = image("bare", image_id="ключ 🚗", cost_usd=0.1, answers=[{"question": "q", "answer": True}])
    other = Producer({"bootstrap.servers": kafka})
    other.produce(topics + "results", msgspec.json.encode(document), partition=2)
    other.flush(60)
    ours = document | {"event_id": "ours"}
    async with AIOKafkaProducer(bootstrap_servers=kafka) as producer:
        headers = [("ce_id", b"ours"), ("content-type", b"application/json")]
        await producer.send_and_wait(
            topics + "results", msgspec.json.encode(ours), key=b"x", partition=2, headers=headers
        )
    async with sink(kafka, topics, store.url, store.database):
        await until(lambda: _has(store, "results", 2), "both rows")
    one, two = await rows(store, "SELECT * EXCEPT (event_id, source_offset, recorded_at) FROM results")
    assert one == two
    assert one["subject_id"] == "ключ 🚗"
    assert one["cost_nano_usd"] == 100_000_000


async def _has(store: Any, table: str, wanted: int) -> bool:
    return await count(store, table) >= wanted


async def test_a_refused_record_stops_nothing_and_only_profiles_go_to_the_dlq(
    kafka: str, topics: str, store: Any
) -> None:
    bad = [b"{", b"\xff", None, b'{"event_type":"image.result"}', b"[" * 100]
    await publish(kafka, topics + "results", [image("1"), *bad, image("2")])
    await publish(kafka, topics + "runs", [b"nope", PLAN])
    await publish(kafka, topics + "metrics", [b"nope", snapshot("r", "2026-11-02T10:00:00Z"), {"as_of": "x"}])
    await publish(kafka, topics + "profiles", [b"nope", PROFILE, PROFILE | {"receipt_count": -1}])
    async with sink(kafka, topics, store.url, store.database, group="one"):
        await until(lambda: _has(store, "results", 2), "results")
        await until(lambda: _has(store, "profiles", 1), "profiles")
        await until(lambda: _has(store, "runs", 1), "runs")
    assert await count(store, "snapshots") == 1
    async with AIOKafkaConsumer(topics + "dlq", bootstrap_servers=kafka, auto_offset_reset="earliest") as letters:
        found = [await asyncio.wait_for(letters.getone(), 60) for _ in range(2)]
        assert not await letters.getmany(timeout_ms=300)
    assert sorted(dict(letter.headers)["dlq.reason"] for letter in found) == [b"negative", b"not_json"]
    assert {letter.key.rpartition(b"-")[0].rpartition(b"-")[0] for letter in found} == {(topics + "profiles").encode()}


async def test_a_replay_from_the_start_changes_nothing(kafka: str, topics: str, store: Any) -> None:
    await publish(kafka, topics + "results", [image(str(n % 30), cost_usd=n / 1000) for n in range(100)])
    await publish(kafka, topics + "feedback", [THUMB, THUMB | {"rating": -1, "event_id": "g"}])
    await publish(kafka, topics + "alerts", [ALERT])
    everything = [
        "SELECT * FROM results FINAL ORDER BY event_id",
        "SELECT * FROM feedback FINAL ORDER BY source_offset",
        "SELECT * FROM alerts FINAL",
    ]
    seen = []
    for group in ("first", "second"):
        async with sink(kafka, topics, store.url, store.database, group=group, limits=Limits(records=7)) as statuses:

            async def read_all(statuses: Any = statuses) -> bool:
                return bool(statuses) and statuses[-1].rows["results"] == 100 and not any(statuses[-1].lag.values())

            await until(read_all, "everything read")
        seen.append([await rows(store, sql) for sql in everything])
    assert seen[0] == seen[1]
    assert len(seen[0][0]) == 30
    assert len(await rows(store, "SELECT 1 FROM results")) > 30  # what FINAL had to leave out


async def test_a_stop_stores_and_commits_what_was_read(kafka: str, topics: str, store: Any) -> None:
    await publish(kafka, topics + "metrics", [snapshot("r", "2026-11-02T10:00:00Z")], partition=1)
    async with sink(kafka, topics, store.url, store.database) as statuses:
        await until(lambda: _reports(statuses, topics + "metrics"), "the snapshot is read")
        assert await count(store, "snapshots") == 0
    assert await count(store, "snapshots") == 1
    assert await committed(kafka, topics, "metrics", 1) == 1


async def _reports(statuses: list[Any], topic: str) -> bool:
    return bool(statuses) and statuses[-1].lag[topic] == 1


async def committed(kafka: str, prefix: str, topic: str, partition: int, group: str = "sink") -> int | None:
    async with AIOKafkaConsumer(bootstrap_servers=kafka, group_id=prefix + group) as reader:
        offset: int | None = await reader.committed(TopicPartition(prefix + topic, partition))
        return offset


async def _is_committed(kafka: str, prefix: str, topic: str, partition: int, offset: int) -> bool:
    return await committed(kafka, prefix, topic, partition) == offset


async def test_two_sinks_share_the_partitions_and_take_over(kafka: str, topics: str, store: Any) -> None:
    """Rebalances while records flow: whoever reads, each event is there once and the last offset is committed."""
    produced = 0
    enough = asyncio.Event()

    async def produce() -> None:
        nonlocal produced
        while not enough.is_set():
            await publish(kafka, topics + "results", [image(str(n)) for n in range(produced, produced + 50)])
            produced += 50

    producing = asyncio.create_task(produce())
    small = Limits(records=50)
    async with sink(kafka, topics, store.url, store.database, limits=small):
        await until(lambda: _has(store, "results", 200), "the first sink alone")
        async with sink(kafka, topics, store.url, store.database, limits=small) as second:
            await until(lambda: _share(second), "the second one has a share")
        enough.set()
        await producing
        await until(lambda: _has(store, "results", produced), "the first one took over again")
    assert await count(store, "results") == produced
    found = await rows(store, "SELECT source_partition AS p, max(source_offset) + 1 AS n FROM results GROUP BY p")
    for row in found:
        assert await committed(kafka, topics, "results", row["p"]) == row["n"]


async def _share(statuses: list[Any]) -> bool:
    return bool(statuses) and statuses[-1].rows["results"] > 0


@pytest.mark.parametrize(
    ("change", "error", "says"),
    [
        ({"bootstrap": "127.0.0.1:1"}, KafkaUnreachable, "IMAGELEDGER_KAFKA"),
        ({"clickhouse_url": "http://writer:x@127.0.0.1:1"}, ClickHouseAway, "IMAGELEDGER_CLICKHOUSE"),
        ({"clickhouse_url": "wrong password"}, AccessDenied, "password"),
        ({"database": "empty"}, SchemaMissing, "imageledger migrate"),
        ({"prefix": "nobody."}, TopicMissing, "imageledger migrate"),
    ],
    ids=lambda value: value.__name__ if isinstance(value, type) else None,
)
async def test_a_start_that_cannot_work_says_why_in_one_line(
    kafka: str, topics: str, store: Any, change: dict[str, str], error: type[Exception], says: str
) -> None:
    if change.get("clickhouse_url") == "wrong password":
        change = {"clickhouse_url": store.url.replace("writer:", "writer:no")}
    arguments: dict[str, Any] = {
        "bootstrap": kafka,
        "prefix": topics,
        "clickhouse_url": store.url,
        "database": store.database,
    }
    with pytest.raises(error, match=says) as caught:
        await asyncio.wait_for(consumer.run(**arguments | change), 60)
    assert "\n" not in str(caught.value)
    assert store.url.split(":")[2].split("@")[0] not in str(caught.value)


async def test_a_table_that_disappears_ends_the_sink_and_commits_nothing(
    kafka: str, topics: str, own_store: Any, clickhouse: Any
) -> None:
    running = asyncio.create_task(
        consumer.run(kafka, topics, own_store.url, database=own_store.database, group=f"{topics}sink")
    )
    try:
        await publish(kafka, topics + "results", [image("1")], partition=0)
        await until(lambda: _is_committed(kafka, topics, "results", 0, 1), "the first row, and its offset")
        migrator = connect(clickhouse.migrator, database=own_store.database)
        await asyncio.to_thread(migrator.command, "DROP TABLE results")
        await publish(kafka, topics + "results", [image("2")], partition=0)
        with pytest.raises(SchemaMissing, match="imageledger migrate"):
            await asyncio.wait_for(running, 60)
    finally:
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError, SchemaMissing):
            await running
    assert await committed(kafka, topics, "results", 0) == 1
