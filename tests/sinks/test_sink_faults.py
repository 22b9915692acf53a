"""The sink is killed, ClickHouse goes away: in the end the rows are exactly what the log says."""

import asyncio
import random
import signal
import subprocess
from pathlib import Path
from typing import Any

import msgspec
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from databases import ours
from sinking import BY_TOPIC, FakeRecord, image, process, sink, until
from stamina.instrumentation import RetryDetails, set_on_retry_hooks

from events import numbers
from servers import topics as kafka_topics
from servers.clickhouse import server as clickhouse_server
from sinks.client import connect
from sinks.loading.delivery import Delivery
from sinks.loading.lane import Limits, Load
from sinks.reading.history import History
from sinks.schema.migrations import migrate

SUMS = (
    "SELECT count() AS n, sum(cost_nano_usd) AS cost, sum(source_offset) AS offsets, "
    "countIf(status = 'failed') AS failed, uniqExact(subject_id) AS subjects FROM results FINAL"
)


class Log:
    """Publishes results, a tenth of them again, and knows what must be stored of them."""

    def __init__(self, topic: str, seed: int) -> None:
        self.topic = topic
        self.random = random.Random(seed)
        self.first: dict[tuple[int, str], tuple[int, dict[str, Any]]] = {}
        self.made = 0

    async def publish(self, producer: AIOKafkaProducer, records: int) -> None:
        sent = []
        for _ in range(records):
            number = self.random.randrange(self.made) if self.made and self.random.random() < 0.1 else self.made
            self.made += number == self.made
            document = image(
                f"e{number}",
                image_id=f"i{number // 3}",
                cost_usd=self.random.random() / 100,
                status=self.random.choice(["success", "partial", "failed"]),
            )
            key = document["image_id"].encode()
            sent.append((document, await producer.send(self.topic, msgspec.json.encode(document), key=key)))
        await producer.flush()
        for document, future in sent:
            place = await future
            self.first.setdefault((place.partition, document["event_id"]), (place.offset, document))

    def sums(self) -> dict[str, int]:
        documents = [document for _, document in self.first.values()]
        return {
            "n": len(documents),
            "cost": sum(numbers.nano_usd(document["cost_usd"]) for document in documents),
            "offsets": sum(offset for offset, _ in self.first.values()),
            "failed": sum(document["status"] == "failed" for document in documents),
            "subjects": len({document["image_id"] for document in documents}),
        }


async def sums(history: History) -> dict[str, int]:
    return (await asyncio.to_thread(history.rows, SUMS))[0]


@pytest.mark.parametrize("seed", [7])
async def test_kill_minus_9_at_any_moment_loses_and_doubles_nothing(
    kafka: str, topics: str, store: Any, seed: int
) -> None:
    log, chance = Log(topics + "results", seed), random.Random(seed)
    arguments = (kafka, topics, store.url, store.database)
    async with AIOKafkaProducer(bootstrap_servers=kafka, linger_ms=5) as producer:
        await log.publish(producer, 800)
        for _ in range(3):
            before = (await sums(store.history))["n"]
            await log.publish(producer, 200)  # so that there is something to read again
            with process(*arguments) as running:

                async def moved(before: int = before, running: subprocess.Popen[bytes] = running) -> bool:
                    assert running.poll() is None
                    return (await sums(store.history))["n"] > before

                await until(moved, "rows of the restarted sink")
                publishing = asyncio.create_task(log.publish(producer, 500))
                await asyncio.sleep(chance.random())  # the moment of the kill
            await publishing
        await log.publish(producer, 200)
        with process(*arguments) as last:

            async def complete() -> bool:
                return (await sums(store.history))["n"] == log.sums()["n"]

            await until(complete, "all rows")
            last.send_signal(signal.SIGTERM)
            assert await asyncio.to_thread(last.wait, 30) == 0
    assert await sums(store.history) == log.sums()


async def test_dead_letters_wait_for_their_topic_as_rows_wait_for_clickhouse(
    kafka: str, prefix: str, store: Any
) -> None:
    """The producer gives up after its timeout, which is 40 s of Kafka being away: the sink does not."""
    profiles = BY_TOPIC["profiles"]
    _, refused = profiles.read(f"{prefix}profiles", 0, [FakeRecord(0, 0, b"nope")])
    at = TopicPartition(f"{prefix}profiles", 0)
    load = Load([], [(at, one) for one in refused], {at: 1})
    failed: list[RetryDetails] = []

    def remember(details: RetryDetails) -> None:
        failed.append(details)

    async def has_failed() -> bool:
        return bool(failed)

    set_on_retry_hooks([remember])
    try:
        async with AIOKafkaProducer(bootstrap_servers=kafka, request_timeout_ms=500) as producer:
            delivering = asyncio.create_task(Delivery(store.client, producer, prefix).deliver(profiles, load))
            await until(has_failed, "an attempt that failed")
            await kafka_topics.migrate(kafka, prefix=prefix)
            await asyncio.wait_for(delivering, 120)
    finally:
        set_on_retry_hooks(None)
    async with AIOKafkaConsumer(f"{prefix}dlq", bootstrap_servers=kafka, auto_offset_reset="earliest") as letters:
        letter = await asyncio.wait_for(letters.getone(), 60)
    assert letter.value == b"nope"


async def test_clickhouse_away_for_a_while_is_waited_for(kafka: str, topics: str, tmp_path: Path) -> None:
    log = Log(topics + "results", 1)
    server = clickhouse_server.start(tmp_path / "data")
    port = int(server.addresses.writer.rpartition(":")[2])
    migrate(connect(server.addresses.migrator), schemas=ours(tmp_path / "schema", last="9999"))
    history = History(connect(server.addresses.reader))
    try:
        async with AIOKafkaProducer(bootstrap_servers=kafka, linger_ms=5) as producer:
            await log.publish(producer, 300)
            limits = Limits(records=100)
            async with sink(kafka, topics, server.addresses.writer, "imageledger", limits=limits) as statuses:

                async def complete() -> bool:
                    return (await sums(history))["n"] == log.sums()["n"]

                async def away() -> bool:
                    return bool(statuses) and statuses[-1].away is not None

                async def held_back() -> bool:
                    return sum(statuses[-1].lag.values()) >= 1_000

                await until(complete, "rows before the outage")
                delivery = Delivery(connect(server.addresses.writer), producer, topics)
                before = await delivery.identity(BY_TOPIC["results"])
                server.kill()
                asked = asyncio.create_task(delivery.identity(BY_TOPIC["results"]))  # between rows and their commit
                await log.publish(producer, 1_500)
                await until(away, "a status that says so")
                await until(held_back, "topics held back, the rest unread")
                server = clickhouse_server.start(tmp_path / "data", port)
                await until(complete, "rows after the outage")

                async def back() -> bool:
                    return statuses[-1].away is None and not any(statuses[-1].lag.values())

                await until(back, "a status without trouble")
                assert await asked == before
            assert await sums(history) == log.sums()
    finally:
        server.stop()
