"""The law of DESIGN.md 5 on a real Kafka, with a fold so small that only the law is tested."""

import asyncio
import random
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from judge import require_exact
from publishing import publish, publish_slowly, until_done
from worker_process import SESSION_S, WorkerProcess, until


@pytest.fixture
def worker(kafka: str, topics: str, tmp_path: Path) -> Iterator[WorkerProcess]:
    worker = WorkerProcess(kafka, tmp_path, topics)
    yield worker
    worker.kill()


@pytest.fixture
def sibling(kafka: str, topics: str, tmp_path: Path) -> Iterator[WorkerProcess]:
    worker = WorkerProcess(kafka, tmp_path, topics, slot="two")
    yield worker
    worker.kill()


@pytest.mark.faults
async def test_killed_at_any_moment(kafka: str, topics: str, worker: WorkerProcess) -> None:
    chance = random.Random(1)
    publishing = asyncio.create_task(publish_slowly(kafka, topics, chance, seconds=8, rate=3000))
    kills = 0
    while kills < 8:
        worker.start()
        if kills % 2:
            await until(worker.ready)
        await asyncio.sleep(chance.uniform(0.2, 1.5))
        worker.kill()
        kills += 1
    await publishing
    worker.start()
    await until_done(kafka, topics)
    exact = await require_exact(kafka, topics)
    assert len(exact.refused) > 100


async def test_an_exact_stage_that_nothing_disturbs(kafka: str, topics: str, worker: WorkerProcess) -> None:
    worker.start()
    await publish(kafka, topics, random.Random(0), count=10_000)
    await until_done(kafka, topics)
    await require_exact(kafka, topics)
    worker.send(signal.SIGTERM)
    assert worker.wait() == 0
    status = worker.status()
    assert status is not None
    assert status.state == "stopping"


async def test_chunks_that_get_lost_are_read_again(kafka: str, topics: str, tmp_path: Path) -> None:
    worker = WorkerProcess(kafka, tmp_path, topics, stages="lossy")
    worker.start()
    try:
        await until(worker.ready)
        await publish_slowly(kafka, topics, random.Random(4), seconds=5, rate=2000)
        await until_done(kafka, topics)
        await require_exact(kafka, topics)
    finally:
        worker.kill()
    log = worker.log.read_text()
    assert "was dropped on its way; reading it again" in log
    assert ", reading again" in log


async def test_what_was_written_but_not_said_is_said_again(kafka: str, topics: str, tmp_path: Path) -> None:
    mute = WorkerProcess(kafka, tmp_path, topics, stages="mute")
    await publish(kafka, topics, random.Random(5), count=100)
    mute.start()
    assert mute.wait() == -signal.SIGKILL
    worker = WorkerProcess(kafka, tmp_path, topics)
    worker.start()
    try:
        await until_done(kafka, topics)
        await until(worker.ready)
        await require_exact(kafka, topics)
    finally:
        worker.kill()


async def test_two_workers_share_and_hand_over(
    kafka: str, topics: str, worker: WorkerProcess, sibling: WorkerProcess
) -> None:
    chance = random.Random(2)
    publishing = asyncio.create_task(publish_slowly(kafka, topics, chance, seconds=8, rate=1000))
    worker.start()
    await until(worker.ready)
    sibling.start()
    await until(
        lambda: len(owned(kept_running(sibling))) == len(owned(kept_running(worker))) == 2, "two partitions each"
    )
    assert owned(sibling).isdisjoint(owned(worker))
    sibling.kill()  # its slot stays empty, so its partitions wait for its session to end
    await until(lambda: len(owned(kept_running(worker))) == 4, "all four partitions")
    sibling.start()
    await until(lambda: len(owned(kept_running(sibling))) == 2, "two partitions again")
    await publishing
    kept_running(worker)
    await until_done(kafka, topics)
    await require_exact(kafka, topics)


@pytest.mark.faults
async def test_a_sleeper_that_wakes_up_writes_nothing_more(
    kafka: str, topics: str, worker: WorkerProcess, sibling: WorkerProcess
) -> None:
    chance = random.Random(3)
    publishing = asyncio.create_task(publish_slowly(kafka, topics, chance, seconds=15, rate=2000))
    worker.start()
    await until(worker.ready)
    sibling.start()
    await until(lambda: len(owned(sibling)) == len(owned(worker)) == 2, "two partitions each")
    for sleeper, other in ((worker, sibling), (sibling, worker)):
        await sleep_and_wake(sleeper, other, chance.uniform(0, SESSION_S / 3))
    await publishing
    worker.keep_running()
    sibling.keep_running()
    await until_done(kafka, topics)
    await require_exact(kafka, topics)


async def sleep_and_wake(sleeper: WorkerProcess, other: WorkerProcess, longer_s: float) -> None:
    """Stop a worker past its session, wake it once the other has taken over, and let it come back."""
    sleeper.send(signal.SIGSTOP)
    await until(lambda: len(owned(kept_running(other))) == 4, "the takeover")
    await asyncio.sleep(longer_s)
    sleeper.send(signal.SIGCONT)
    await until(lambda: len(owned(kept_running(sleeper))) == len(owned(other)) == 2, "its return")


def kept_running(worker: WorkerProcess) -> WorkerProcess:
    """As a supervisor would: on a starved machine a sibling may take over, and it ends itself."""
    worker.keep_running()
    return worker


def owned(worker: WorkerProcess) -> set[int]:
    """The partitions that the worker says it has recovered."""
    status = worker.status()
    stages = status.stages if status else {}
    return {number for number, partition in stages.get("combine", {}).items() if partition.ready}
