"""`verify` on what a real worker wrote to a real Kafka, and on what somebody altered by hand."""

import asyncio
import json
import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
from aiokafka import AIOKafkaProducer, ConsumerRecord
from aiokafka.structs import RecordMetadata
from judge import read
from stream_naive import results
from worker_process import WorkerProcess, until, until_async

from events.partials import TOTAL, Partials
from events.sdk.ids import uuid7
from imageledger.proof.verify import Progress, Verdict, Verification
from metrics.fold.segment import Segment
from metrics.registers import RunSegment
from streams.cluster import Cluster
from streams.entries import HEAD_KEY, Head
from streams.offline import prefixes, witnesses

RUNS: list[str | None] = ["spring", "autumn ö", None]
COUNT = 1_200


async def verdict(bootstrap: str, prefix: str, run_id: str | None = None) -> Verdict:
    return await Verification(Cluster(bootstrap, prefix), None, run_id, 2, Progress()).run()


async def publish_everything(bootstrap: str, prefix: str, seed: int) -> None:
    """Results and feedback, and runs' events and heartbeats on any partition."""
    now = datetime.now(UTC)
    async with AIOKafkaProducer(bootstrap_servers=bootstrap) as producer:
        for one in results(random.Random(seed), COUNT, RUNS, now):
            await producer.send(prefix + one.topic, one.value, one.key)
        for number in range(12):
            envelope = {"event_id": uuid7(), "event_time": now.isoformat(), "run_id": "spring"}
            kind = ["run.declared", "run.paused", "run.resumed"][number % 3]
            event = {**envelope, "event_type": kind} | ({"total_images": 900 + number} if number % 3 == 0 else {})
            await producer.send(prefix + "runs", json.dumps(event).encode(), partition=number % 4)
            beat = {**envelope, "event_type": "processor.heartbeat", "processor_id": f"p{number % 5}"}
            beat |= {"event_id": uuid7(), "queue_depth": number}
            await producer.send(prefix + "heartbeats", json.dumps(beat).encode(), partition=number % 4)


async def folded(bootstrap: str, prefix: str) -> None:
    """Wait until the newest snapshots hold everything that was published."""

    async def done() -> bool:
        records = [record for topic in ("results", "feedback") for record in await read(bootstrap, prefix + topic)]
        ends: dict[tuple[str, int], int] = {}
        for record in records:
            ends[record.topic.removeprefix(prefix), record.partition] = record.offset
        heads = {}
        for record in await read(bootstrap, prefix + "ledger.combine"):
            if record.key == HEAD_KEY:
                heads[record.partition] = msgspec.json.decode(record.value or b"", type=Head)
        if any(heads.get(number, Head()).applied.get(topic) != end for (topic, number), end in ends.items()):
            return False
        said, _ = await witnesses.read_partials(Cluster(bootstrap, prefix), 4)
        shown = await witnesses.read_snapshots(Cluster(bootstrap, prefix), 4)
        return all(
            run_id in shown
            and shown[run_id].metrics.source_offsets.get(topic, {}).get(str(number)) == offset
            and (run_id != "spring" or shown[run_id].metrics.operations.processors == 5)
            for (run_id, number), one in said.items()
            for topic, offset in one.newest.source_offsets.items()
        )

    await until_async(done, "everything is in the snapshots")


async def publish_and_fold(bootstrap: str, prefix: str, data: Path, seed: int) -> None:
    """A worker folds the log, and goes."""
    worker = WorkerProcess(bootstrap, data, prefix, stages="real")
    worker.start()
    try:
        await publish_everything(bootstrap, prefix, seed)
        await until(worker.ready)
        await folded(bootstrap, prefix)
    finally:
        worker.kill()


@pytest.fixture(scope="module")
def log(kafka: str, module_topics: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A prefix whose log a worker has folded. Every test leaves it equal."""
    asyncio.run(publish_and_fold(kafka, module_topics, tmp_path_factory.mktemp("worker"), 3))
    return module_topics


@asynccontextmanager
async def altered(
    bootstrap: str, topic: str, chosen: Callable[[ConsumerRecord[Any, Any]], bool], change: Callable[[bytes], bytes]
) -> AsyncIterator[tuple[int, int]]:
    """The newest record of those `chosen` written again, changed, and at the end as it was.

    Gives the partition and offset of the changed one.
    """
    record = [record for record in await read(bootstrap, topic) if chosen(record)][-1]
    async with AIOKafkaProducer(bootstrap_servers=bootstrap) as producer:

        async def write(value: bytes) -> RecordMetadata:
            headers = list(record.headers)
            return await producer.send_and_wait(topic, value, record.key, partition=record.partition, headers=headers)

        sent = await write(change(record.value))
        try:
            yield sent.partition, sent.offset
        finally:
            await write(record.value)


async def test_what_a_worker_wrote_is_the_fold_of_the_log(
    kafka: str, log: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = await verdict(kafka, log)
    assert found.differences == []
    assert found.equal
    assert {run.run_id for run in found.runs} >= {"spring", "autumn ö"}
    assert sum(run.figures for run in found.runs) > 300
    alone = await verdict(kafka, log, "spring")
    assert [run.run_id for run in alone.runs] == ["spring"]
    assert alone.equal
    monkeypatch.setattr(prefixes, "WORTH_A_PROCESS", 0)
    side_by_side = await verdict(kafka, log)
    assert side_by_side.equal
    assert (side_by_side.records, side_by_side.runs) == (found.records, found.runs)


async def test_an_altered_partial_is_named(kafka: str, log: str) -> None:
    def change(value: bytes) -> bytes:
        partials = msgspec.json.decode(value, type=Partials)
        next(row for row in partials.rows if row.group == "model").counters["results"] += 1
        return msgspec.json.encode(partials)

    async with altered(kafka, log + "partials", lambda r: r.key == b"spring" and b'"model"' in r.value, change) as at:
        found = await verdict(kafka, log)
    [difference] = found.differences
    assert difference.run_id == "spring"
    assert difference.figure.endswith("results")
    assert difference.values["partials"] == difference.values["refold"] + 1
    assert difference.offsets == [("partials", *at)]


def holds_results_of_spring(record: ConsumerRecord[Any, Any]) -> bool:
    if not (record.key or b"").startswith(b'["spring"'):
        return False
    segment = Segment.decode(record.value)
    return bool(segment.ids) and any(row.group == "provider" and row.width_ms == TOTAL for row in segment.rows)


async def test_an_altered_row_of_the_combine_ledger_is_named(kafka: str, log: str) -> None:
    def change(value: bytes) -> bytes:
        segment = Segment.decode(value)
        next(row for row in segment.rows if row.group == "provider" and row.width_ms == TOTAL).counters[
            "input_tokens"
        ] -= 5
        return segment.encode()

    async with altered(kafka, log + "ledger.combine", holds_results_of_spring, change) as at:
        found = await verdict(kafka, log)
    [difference] = found.differences
    assert (difference.run_id, difference.figure.rpartition(".")[2]) == ("spring", "input_tokens")
    assert difference.values["ledger.combine"] == difference.values["refold"] - 5
    assert difference.offsets == [("ledger.combine", *at)]


async def test_an_identity_that_the_combine_ledger_lost_is_named(kafka: str, log: str) -> None:
    def change(value: bytes) -> bytes:
        segment = Segment.decode(value)
        segment.ids = segment.ids[16:]
        return segment.encode()

    async with altered(kafka, log + "ledger.combine", holds_results_of_spring, change):
        found = (await verdict(kafka, log)).differences
    [values] = [difference.values for difference in found if difference.figure.endswith("ids.count")]
    assert values["ledger.combine"] == values["refold"] - 1


async def test_an_altered_register_of_the_run_ledger_is_named(kafka: str, log: str) -> None:
    def totals(value: bytes) -> tuple[RunSegment, list[dict[str, int]]]:
        segment = RunSegment.decode(value)
        rows = [stored.row for stored in segment.rows]
        return segment, [row.counters for row in rows if (row.width_ms, row.group) == (TOTAL, "totals")]

    def change(value: bytes) -> bytes:
        segment, counters = totals(value)
        counters[0]["results"] += 7
        return segment.encode()

    def holds_totals(record: ConsumerRecord[Any, Any]) -> bool:
        return (record.key or b"").startswith(b'["spring"') and bool(totals(record.value)[1])

    async with altered(kafka, log + "ledger.run", holds_totals, change) as at:
        found = await verdict(kafka, log)
    [difference] = found.differences
    assert (difference.run_id, difference.figure.rpartition(".")[2]) == ("spring", "results")
    assert difference.values["ledger.run"] == difference.values["refold"] + 7
    assert difference.offsets == [("ledger.run", *at)]


async def test_a_snapshot_that_is_not_the_fold_of_its_prefix_is_named(kafka: str, log: str) -> None:
    def change(value: bytes) -> bytes:
        document = json.loads(value)
        document["latency"]["totals"]["p95"] *= 2
        document["operations"]["queue_depth"] = 4_000
        return json.dumps(document).encode()

    async with altered(kafka, log + "metrics", lambda r: r.key == b"spring", change) as at:
        found = (await verdict(kafka, log)).differences
    assert {difference.figure for difference in found} == {"latency.totals.p95", "operations.queue_depth"}
    assert [difference.offsets for difference in found] == [[("metrics", *at)]] * 2


async def test_a_dead_letter_too_many_is_named(kafka: str, log: str) -> None:
    """The last one with the shared log: a letter stays."""
    record = (await read(kafka, log + "dlq"))[0]
    async with AIOKafkaProducer(bootstrap_servers=kafka) as producer:
        await producer.send_and_wait(log + "dlq", record.value, record.key, headers=list(record.headers))
    [difference] = (await verdict(kafka, log)).differences
    assert (difference.figure, difference.values) == ("dead letters", {"dlq": 2, "refold": 1})


@pytest.mark.faults
async def test_a_ledger_of_the_format_before_is_recovered_and_equal(kafka: str, topics: str, tmp_path: Path) -> None:
    """Format 1 kept no positions of run events and heartbeats: these topics are read anew."""

    def as_format_1(key: bytes, value: bytes) -> bytes:
        document = json.loads(value)
        if key == HEAD_KEY:
            return json.dumps({**document, "format": 1}).encode()
        return json.dumps({name: said for name, said in document.items() if name in ("sources", "rows")}).encode()

    await publish_and_fold(kafka, topics, tmp_path, 3)
    async with AIOKafkaProducer(bootstrap_servers=kafka) as producer:
        for topic in ("ledger.combine", "ledger.run"):
            newest = {
                (one.partition, one.key): one for one in await read(kafka, topics + topic) if one.value is not None
            }
            for (number, key), one in newest.items():
                if key == HEAD_KEY or topic == "ledger.run":
                    value = as_format_1(key, one.value)
                    await producer.send(topics + topic, value, key, number, headers=list(one.headers))
    (tmp_path / "next").mkdir()
    await publish_and_fold(kafka, topics, tmp_path / "next", 4)
    found = await verdict(kafka, topics)
    assert found.differences == []
