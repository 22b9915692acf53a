"""Both stages with the real folds: what a snapshot says is what a naive fold of the log says."""

import asyncio
import json
import random
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec
import pytest
import stream_naive
from aiokafka import AIOKafkaProducer
from judge import read
from publishing import producer
from worker_process import WorkerProcess, until, until_async

from events.envelope import epoch_ms
from events.sdk.ids import uuid7
from events.snapshots import RunMetrics

RUNS: list[str | None] = ["spring backfill", "zwei/ü", None]
COUNTERS = {
    *("results", "success", "partial", "failed", "retries", "duplicates", "input_tokens"),
    *("cost_nano_usd", "unpriced", "latency_ms_sum", "untimed"),
    *("subjects", "processed_subjects", "failed_subjects", "reprocessed_subjects", "thumbs_up", "thumbs_down"),
}


@pytest.fixture
def worker(kafka: str, topics: str, tmp_path: Path) -> Iterator[WorkerProcess]:
    worker = WorkerProcess(kafka, tmp_path, topics, stages="real")
    yield worker
    worker.kill()


async def publish(bootstrap: str, prefix: str, chance: random.Random, count: int, seconds: float) -> None:
    client = AIOKafkaProducer(bootstrap_servers=bootstrap, enable_idempotence=True, linger_ms=5)
    await client.start()
    try:
        for number, made in enumerate(stream_naive.results(chance, count, RUNS, datetime.now(UTC))):
            await client.send(prefix + made.topic, made.value, made.key)
            if number % 500 == 0:
                await asyncio.sleep(seconds / (count / 500))
    finally:
        await client.stop()


async def shown(bootstrap: str, prefix: str) -> dict[str, RunMetrics]:
    """The newest snapshot of each run."""
    records = await read(bootstrap, prefix + "metrics")
    return {record.key.decode(): msgspec.json.decode(record.value, type=RunMetrics) for record in records}


def compared(counters: dict[str, Any]) -> dict[str, int]:
    return {name: counters[name] for name in COUNTERS if counters.get(name)}


async def until_shown(bootstrap: str, prefix: str) -> stream_naive.Folded:
    """Wait until the snapshots show the naive fold; fail with the difference."""
    wanted = stream_naive.fold(await read(bootstrap, prefix + "results"), await read(bootstrap, prefix + "feedback"))
    expected = {run: compared(counters) for run, counters in wanted.totals.items()}
    found: dict[str, dict[str, int]] = {}
    letters: list[bytes] = []

    async def is_equal() -> bool:
        found.clear()
        found.update({run: compared(m.totals) for run, m in (await shown(bootstrap, prefix)).items()})
        letters[:] = sorted(record.key or b"" for record in await read(bootstrap, prefix + "dlq"))
        return found == expected and letters == wanted.refused

    try:
        await until_async(is_equal, "the snapshots and letters")
    except AssertionError:
        assert found == expected
        assert letters == wanted.refused
    return wanted


async def test_snapshots_are_the_naive_fold_of_the_log(kafka: str, topics: str, worker: WorkerProcess) -> None:
    worker.start()
    await publish(kafka, topics, random.Random(11), 10_000, seconds=2)
    wanted = await until_shown(kafka, topics)
    assert len(wanted.refused) > 50


async def test_a_plan_is_shown_wherever_its_producer_put_it(kafka: str, topics: str, worker: WorkerProcess) -> None:
    worker.start()
    await publish(kafka, topics, random.Random(13), 600, seconds=0)
    async with producer(kafka) as client:
        for partition in range(4):
            run_id = f"run {partition}"
            for event in (declared(run_id, total_images=100 + partition), heartbeat(run_id, queue_depth=partition)):
                topic = "runs" if "total_images" in event else "heartbeats"
                await client.send(topics + topic, json.dumps(event).encode(), None, partition)

    async def are_shown() -> bool:
        found = await shown(kafka, topics)
        runs = [found.get(f"run {number}") for number in range(4)]
        totals = [(run.progress.total, run.operations.queue_depth) if run else None for run in runs]
        return totals == [(100, 0), (101, 1), (102, 2), (103, 3)]

    await until_async(are_shown, "the plans and heartbeats of all four partitions")


def declared(run_id: str, total_images: int) -> dict[str, Any]:
    return {**_event("run.declared", run_id), "total_images": total_images}


def heartbeat(run_id: str, queue_depth: int) -> dict[str, Any]:
    return {**_event("processor.heartbeat", run_id), "processor_id": "p", "queue_depth": queue_depth}


def _event(event_type: str, run_id: str) -> dict[str, Any]:
    now = datetime.now(UTC).isoformat()
    return {"event_id": uuid7(), "event_type": event_type, "event_time": now, "run_id": run_id}


@pytest.mark.faults
async def test_snapshots_survive_kills(kafka: str, topics: str, worker: WorkerProcess) -> None:
    chance = random.Random(12)
    publishing = asyncio.create_task(publish(kafka, topics, chance, 20_000, seconds=10))
    for kill in range(6):
        worker.start()
        if kill % 2:
            await until(worker.ready)
        await asyncio.sleep(chance.uniform(0.2, 1.5))
        worker.kill()
    await publishing
    worker.start()
    await until_shown(kafka, topics)


async def test_runs_are_looked_at_as_seldom_as_is_set(kafka: str, topics: str, tmp_path: Path) -> None:
    worker = WorkerProcess(kafka, tmp_path, topics, stages="real", snapshot_every_s=3)
    worker.start()
    moments: list[int] = []

    async def are_there() -> bool:
        records = [record for record in await read(kafka, topics + "metrics") if record.key == b"spring backfill"]
        moments[:] = [epoch_ms(msgspec.json.decode(record.value, type=RunMetrics).as_of) for record in records]
        return len(moments) >= 4

    try:
        await publish(kafka, topics, random.Random(8), 50, 0)
        await until_async(are_there, "four snapshots")
    finally:
        worker.kill()
    # A look that comes late in its second may be so much nearer to the next one.
    assert [later - earlier for earlier, later in pairwise(moments[1:]) if later - earlier < 2_000] == []
