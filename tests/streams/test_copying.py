"""A copy of the log under another prefix: the same records at their own times, folded anew to the same figures."""

import asyncio
import random
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer, ConsumerRecord, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete
from judge import read
from stream_naive import fold, results
from worker_process import WorkerProcess, until_async

from events.topics import MAX_REQUEST_BYTES
from imageledger.errors import SettingsError
from imageledger.proof.replay import Replay, replay
from imageledger.proof.verify import Progress, Verification
from servers.topics import migrate
from streams.cluster import Cluster
from streams.errors import LogTruncated, NotCopied
from streams.offline import witnesses
from streams.offline.copying import SOURCE

COUNT = 1_500


@pytest.fixture
def copied_to(topics: str) -> str:
    """Another prefix; the test deletes what begins with its own, so this one too."""
    return f"{topics}copy."


async def publish(bootstrap: str, prefix: str, seed: int) -> None:
    async with AIOKafkaProducer(bootstrap_servers=bootstrap, max_request_size=MAX_REQUEST_BYTES) as producer:
        for one in results(random.Random(seed), COUNT, ["spring", None], datetime.now(UTC)):
            await producer.send(prefix + one.topic, one.value, one.key)
        await producer.send(prefix + "results", b"", None, partition=1)
        await producer.send(prefix + "runs", b"{}", None, partition=0, headers=[("a", b"1")])


async def copy(bootstrap: str, prefix: str, into: str) -> Replay:
    return await replay(Cluster(bootstrap, prefix), into, lambda _total: None, lambda _done: None)


def told(record: ConsumerRecord[Any, Any]) -> tuple[Any, ...]:
    headers = [header for header in record.headers if header[0] != SOURCE]
    return record.partition, record.key, record.value, record.timestamp, headers


async def test_a_copy_has_every_record_at_its_own_time_and_goes_on_where_it_ended(
    kafka: str, topics: str, copied_to: str
) -> None:
    await publish(kafka, topics, 1)
    first = await copy(kafka, topics, copied_to)
    assert (first.copied["results"] > COUNT // 2, first.waiting, first.missing) == (True, 0, {})
    again = await copy(kafka, topics, copied_to)
    assert set(again.copied.values()) == {0}
    await publish(kafka, topics, 2)
    rest = await copy(kafka, topics, copied_to)
    for name in ("results", "feedback", "runs"):
        wanted, found = await read(kafka, topics + name), await read(kafka, copied_to + name)
        assert len(found) == first.copied[name] + rest.copied[name]
        for number in range(4):
            mine = [told(record) for record in wanted if record.partition == number]
            assert [told(record) for record in found if record.partition == number] == mine
        places = {dict(record.headers)[SOURCE].decode() for record in found}
        assert places == {f"{record.topic}-{record.partition}-{record.offset}" for record in wanted}
    async with AIOKafkaProducer(bootstrap_servers=kafka) as producer:
        sent = await producer.send_and_wait(copied_to + "results", b"{}", b"k", timestamp_ms=1)
    assert sent.timestamp > 1, "the topic's own time counts again"
    await publish(kafka, topics, 3)
    late = await copy(kafka, topics, copied_to)
    assert sum(late.copied.values()) > COUNT, "what producers send to the copy is no end of it"
    found = await read(kafka, copied_to + "results")
    copies = [dict(record.headers)[SOURCE].decode() for record in found if dict(record.headers).get(SOURCE)]
    wanted = await read(kafka, topics + "results")
    assert sorted(copies) == sorted(f"{record.topic}-{record.partition}-{record.offset}" for record in wanted)
    assert len(found) == len(copies) + 1


async def test_a_prefix_that_others_use_is_left_alone(kafka: str, topics: str, copied_to: str) -> None:
    await migrate(kafka, prefix=copied_to)
    async with AIOKafkaProducer(bootstrap_servers=kafka) as producer:
        await producer.send_and_wait(topics + "results", b"{}", b"k", partition=1)
        await producer.send_and_wait(copied_to + "results", b"{}", b"k", partition=1)
        with pytest.raises(NotCopied, match="holds records that are no copies"):
            await copy(kafka, topics, copied_to)
        sent = await producer.send_and_wait(copied_to + "results", b"{}", b"k", timestamp_ms=1)
    assert sent.timestamp > 1, "its topics keep their own time"


async def test_a_prefix_cannot_be_copied_into_itself(kafka: str, topics: str) -> None:
    with pytest.raises(SettingsError, match="give another one"):
        await copy(kafka, topics, topics)


async def test_decisions_of_the_copy_s_own_worker_are_left_alone(kafka: str, topics: str, copied_to: str) -> None:
    await copy(kafka, topics, copied_to)
    async with AIOKafkaProducer(bootstrap_servers=kafka) as producer:
        await producer.send_and_wait(copied_to + "alerts", b"decided here", b"one", partition=0)
        await producer.send_and_wait(topics + "alerts", b"decided there", b"one", partition=0)
    await copy(kafka, topics, copied_to)
    assert [record.value for record in await read(kafka, copied_to + "alerts")] == [b"decided here"]


async def test_once_a_worker_folds_the_copy_only_that_one_decides(kafka: str, topics: str, copied_to: str) -> None:
    async with AIOKafkaProducer(bootstrap_servers=kafka) as producer:
        await producer.send_and_wait(topics + "alerts", b"before", b"one", partition=0)
        await copy(kafka, topics, copied_to)
        await producer.send_and_wait(copied_to + "ledger.run", b"its head", b"head", partition=3)
        await producer.send_and_wait(topics + "alerts", b"decided by both", b"one", partition=0)
        await producer.send_and_wait(topics + "results", b"{}", b"k", partition=0)
    again = await copy(kafka, topics, copied_to)
    assert (again.copied["results"], again.waiting) == (1, 0)
    assert [record.value for record in await read(kafka, copied_to + "alerts")] == [b"before"]


async def test_retention_that_ate_the_log_is_said_and_a_replay_mends_it(
    kafka: str, topics: str, copied_to: str, tmp_path: Path
) -> None:
    await publish(kafka, topics, 3)
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka)
    await admin.start()
    await admin.delete_records({TopicPartition(topics + "results", 2): RecordsToDelete(before_offset=50)})
    await admin.close()
    worker = WorkerProcess(kafka, tmp_path / "old", topics, stages="real")
    (tmp_path / "old").mkdir()
    (tmp_path / "new").mkdir()
    worker.start()
    try:
        assert await asyncio.to_thread(worker.wait) != 0
    finally:
        worker.kill()
    assert "retention ate the log" in worker.log.read_text()
    done = await copy(kafka, topics, copied_to)
    assert done.missing == {"results": 50}
    mended = WorkerProcess(kafka, tmp_path / "new", copied_to, stages="real")
    mended.start()
    try:
        wanted = fold(await read(kafka, copied_to + "results"), await read(kafka, copied_to + "feedback")).totals
        cluster = Cluster(kafka, copied_to)

        async def is_folded() -> bool:
            shown = await witnesses.read_snapshots(cluster, 4)
            return {run: one.metrics.totals.get("results") for run, one in shown.items()} == {
                run: counters.get("results") for run, counters in wanted.items()
            }

        await until_async(is_folded, "the copy's snapshots")
        verdict = await Verification(cluster, None, None, 2, Progress()).run()
        assert verdict.differences == []
    finally:
        mended.kill()


async def test_verify_says_that_retention_ate_the_log(kafka: str, topics: str, tmp_path: Path) -> None:
    await publish(kafka, topics, 4)
    worker = WorkerProcess(kafka, tmp_path, topics, stages="real")
    worker.start()
    try:
        cluster = Cluster(kafka, topics)

        async def is_shown() -> bool:
            return "spring" in await witnesses.read_snapshots(cluster, 4)

        await until_async(is_shown, "a snapshot")
    finally:
        worker.kill()
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka)
    await admin.start()
    await admin.delete_records({TopicPartition(topics + "results", 2): RecordsToDelete(before_offset=50)})
    await admin.close()
    with pytest.raises(LogTruncated, match="begins at offset 50: retention"):
        await Verification(cluster, None, None, 2, Progress()).run()
