"""What else may happen to a log and a broker: holes, huge records, retention, a topic made again, a dead Kafka."""

import asyncio
import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.records_to_delete import RecordsToDelete
from judge import read, require_exact, written
from publishing import producer, publish, publish_slowly, records, until_done
from worker_process import WorkerProcess, until, until_async

from events.topics import BY_NAME
from servers import endpoints
from servers.kafka import server as kafka_server
from servers.topics import migrate
from streams.app import FAILED
from streams.cluster import Cluster
from streams.topics import describe

LOCAL = {"max_request_size": 64 << 20, "max_batch_size": 32 << 20}


@pytest.fixture
def worker(kafka: str, topics: str, tmp_path: Path) -> Iterator[WorkerProcess]:
    worker = WorkerProcess(kafka, tmp_path, topics)
    yield worker
    worker.kill()


async def test_a_transactional_producer_leaves_holes(kafka: str, topics: str, worker: WorkerProcess) -> None:
    chance = random.Random(4)
    worker.start()
    async with producer(kafka, transactional_id=f"{topics}user") as client:
        for number in range(150):
            await client.begin_transaction()
            for record in records(chance, chance.randrange(1, 40), topics):
                await client.send(*record)
            if number % 5:
                await client.commit_transaction()
            else:
                await client.abort_transaction()
            if number == 75:
                worker.kill()
                worker.start()
    await until_done(kafka, topics)
    await require_exact(kafka, topics)
    aborted = len(await read(kafka, topics + "results", committed=False)) - len(await read(kafka, topics + "results"))
    assert aborted > 100


async def test_a_segment_larger_than_any_message(kafka: str, topics: str, worker: WorkerProcess) -> None:
    worker.start()
    async with producer(kafka) as client:
        for number in range(40):
            padding = 20 << 20 if number == 10 else 30_000
            await client.send(topics + "results", b"1", b"wide", 0, headers=[("padding", b"%d" % padding)])
            await client.flush()
    await until_done(kafka, topics)
    worker.kill()
    worker.start()
    await publish(kafka, topics, random.Random(5), 1000)
    await until_done(kafka, topics)
    await require_exact(kafka, topics)


async def test_records_far_over_every_limit(kafka: str, topics: str, worker: WorkerProcess) -> None:
    client = AIOKafkaProducer(bootstrap_servers=kafka, compression_type="gzip", **LOCAL)
    await client.start()
    for _ in range(2):
        await client.send(topics + "results", b"9" * (30 << 20), b"huge", 1)  # 30 MiB, a few kB in the log
    await client.stop()
    worker.start()
    await publish(kafka, topics, random.Random(6), 500)
    await until_done(kafka, topics)
    letters = await read(kafka, topics + "dlq")
    huge = [letter for letter in letters if dict(letter.headers).get("dlq.size")]
    assert [dict(letter.headers)["dlq.size"] for letter in huge] == [b"%d" % (30 << 20)] * 2
    await require_exact(kafka, topics)


async def test_retention_that_ate_the_log_ends_the_worker(kafka: str, topics: str, worker: WorkerProcess) -> None:
    await publish(kafka, topics, random.Random(7), 2000)
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka)
    await admin.start()
    await admin.delete_records({TopicPartition(topics + "results", 2): RecordsToDelete(before_offset=100)})
    await admin.close()
    worker.start()
    assert worker.wait() == FAILED
    status = worker.status()
    assert status is not None
    assert status.state == "failed"
    assert "retention ate the log at" in (status.reason or "")
    assert "offset 0 is to be folded next, the log begins at 100" in (status.reason or "")


def reason(worker: WorkerProcess) -> str:
    status = worker.status()
    return (status.reason if status else None) or ""


@pytest.mark.parametrize("running", [pytest.param(False, marks=pytest.mark.faults), True])
async def test_a_topic_made_again_is_refused(kafka: str, topics: str, worker: WorkerProcess, running: bool) -> None:
    worker.start()
    await publish(kafka, topics, random.Random(8), 500)
    await until_done(kafka, topics)
    if not running:
        worker.kill()
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka)
    await admin.start()
    await admin.delete_topics([topics + "results"])
    await admin.close()

    async def is_gone() -> bool:  # the broker may show it for a moment more, and then it would not be made again
        return not await describe(Cluster(kafka), [topics + "results"])

    await until_async(is_gone, "the end of the topic")
    before = await written(kafka, topics)
    await migrate(kafka, [BY_NAME["results"]], prefix=topics)
    await publish(kafka, topics, random.Random(9), 500)
    worker.keep_running()
    while worker.wait() == FAILED and "has no" in reason(worker):  # it looked while there was none
        worker.start()
    assert "was deleted and made again" in reason(worker)
    assert worker.wait() == FAILED
    assert (await written(kafka, topics)).kept.keys() == before.kept.keys()


@pytest.mark.faults
async def test_kafka_killed_and_started_again(tmp_path: Path) -> None:
    chance = random.Random(10)
    data = tmp_path / "kafka"
    port = endpoints.free_port(0)
    broker = kafka_server.start(data, port=port)
    worker = WorkerProcess(broker.bootstrap, tmp_path, "k.")
    try:
        await migrate(broker.bootstrap, prefix="k.")
        worker.start()
        publishing = asyncio.create_task(publish_slowly(broker.bootstrap, "k.", chance, seconds=8, rate=2000))
        await until(worker.ready)
        for _ in range(2):
            await asyncio.sleep(chance.uniform(0.5, 2))
            broker.kill()
            broker = await asyncio.to_thread(kafka_server.start, data, port=port)
            worker.keep_running()
        await publishing
        worker.keep_running()
        await until_done(broker.bootstrap, "k.")
        await require_exact(broker.bootstrap, "k.")
    finally:
        worker.kill()
        broker.stop()


async def test_no_kafka_is_one_line_with_a_remedy(tmp_path: Path) -> None:
    worker = WorkerProcess("127.0.0.1:1", tmp_path, "none.")
    worker.start()
    assert worker.wait() == 1
    said = worker.log.read_text().strip().splitlines()
    assert "does not answer" in said[-1]
    assert "imageledger up" in said[-1]
    assert "Traceback" not in worker.log.read_text()


async def test_missing_topics_are_named(kafka: str, prefix: str, tmp_path: Path) -> None:
    worker = WorkerProcess(kafka, tmp_path, prefix)
    worker.start()
    assert worker.wait() == 1
    assert f"{prefix}results" in worker.log.read_text()
    assert "imageledger migrate" in worker.log.read_text()


async def test_a_ledger_of_another_version_is_refused_and_left_alone(
    kafka: str, topics: str, worker: WorkerProcess
) -> None:
    async with producer(kafka) as client:
        await client.send_and_wait(topics + "ledger.combine", b'{"format": 0}', b"head", 2)
    await publish(kafka, topics, random.Random(12), 200)
    worker.start()
    assert worker.wait() == FAILED
    status = worker.status()
    assert status is not None
    assert "the ledger has format 0, this version reads" in (status.reason or "")
    assert "imageledger replay --into PREFIX" in (status.reason or "")
    assert [record.value for record in await read(kafka, topics + "ledger.combine") if record.partition == 2] == [
        b'{"format": 0}'
    ]
