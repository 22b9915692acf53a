"""A worker that gets nowhere says why and ends; started again once the cause is gone, it is exact."""

import random
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import psutil
import pytest
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from faust.types import TP
from judge import require_exact
from publishing import publish, until_done
from worker_process import WorkerProcess, until

from servers.kafka import server as kafka_server
from servers.topics import migrate
from streams.app import FAILED
from streams.errors import Stalled
from streams.skew import ClockCheck
from streams.watchdog import Watchdog, Watched

PATIENCE_MS = 3_000


def test_work_without_progress_ends_the_worker_after_its_patience() -> None:
    watched = [Watched("combine partition 1", 5, "results has records that are not applied")]
    dog = Watchdog(lambda: watched, patience_ms=30_000)
    dog.look(0)
    dog.look(30_000)
    with pytest.raises(Stalled, match="combine partition 1: results has records that are not applied"):
        dog.look(30_001)


def test_progress_or_having_nothing_to_do_starts_the_patience_anew() -> None:
    watched = [Watched("a", 5, "work")]
    dog = Watchdog(lambda: watched, patience_ms=30_000)
    dog.look(0)
    watched[0] = Watched("a", 6, "work")
    dog.look(29_000)
    dog.look(58_000)
    watched[0] = Watched("a", 6, None)
    dog.look(59_000)
    watched[0] = Watched("a", 6, "work")
    dog.look(60_000)
    dog.look(90_000)
    with pytest.raises(Stalled):
        dog.look(90_001)


@pytest.fixture
def worker(kafka: str, topics: str, tmp_path: Path) -> Iterator[WorkerProcess]:
    worker = WorkerProcess(kafka, tmp_path, topics)
    yield worker
    worker.kill()


def kept_running(worker: WorkerProcess) -> WorkerProcess:
    """As a supervisor would: with little patience it may end itself while it starts, on a busy machine."""
    worker.keep_running()
    return worker


def ended(worker: WorkerProcess) -> str:
    """Why the worker has ended itself."""
    assert worker.wait() == FAILED
    status = worker.status()
    assert status is not None
    assert status.state == "failed"
    return status.reason or ""


@asynccontextmanager
async def largest_message(bootstrap: str, topic: str, size: int) -> AsyncIterator[None]:
    """For the length of a block the topic takes no batch over `size` bytes."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        (before,) = await admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, topic)])
        configs = {entry[0]: entry[1] for entry in before.resources[0][4] if entry[3] == 1}
        small = configs | {"max.message.bytes": str(size)}
        await admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, topic, small)])
        yield
        await admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, topic, configs)])
    finally:
        await admin.close()


@pytest.mark.parametrize("topic", ["ledger.combine", pytest.param("partials", marks=pytest.mark.faults)])
async def test_a_refused_write_ends_the_worker_with_the_reason(
    kafka: str, topics: str, worker: WorkerProcess, topic: str
) -> None:
    async with largest_message(kafka, topics + topic, 100):
        await publish(kafka, topics, random.Random(20), 2000)
        worker.start()
        reason = ended(worker)
        assert "Kafka did not take what combine partition" in reason
        assert "MessageSizeTooLargeError" in reason
    worker.start()
    await until_done(kafka, topics)
    await until(worker.ready)
    await require_exact(kafka, topics)


async def test_a_broker_that_stopped_answering_ends_the_worker(tmp_path: Path) -> None:
    with kafka_server.start(tmp_path / "kafka") as broker:
        process = psutil.Process(broker.pid)
        worker = WorkerProcess(broker.bootstrap, tmp_path, "k.", patience_ms=PATIENCE_MS)
        try:
            await migrate(broker.bootstrap, prefix="k.")
            await until(lambda: kept_running(worker).ready())
            process.send_signal(signal.SIGSTOP)
            assert "nothing moved for 3 s; starting anew" in ended(worker)
            process.send_signal(signal.SIGCONT)
            worker = WorkerProcess(broker.bootstrap, tmp_path, "k.")
            worker.start()
            await publish(broker.bootstrap, "k.", random.Random(21), 2000)
            await until_done(broker.bootstrap, "k.")
            await require_exact(broker.bootstrap, "k.")
        finally:
            process.send_signal(signal.SIGCONT)
            worker.kill()


async def test_commits_that_do_not_move_end_the_worker(kafka: str, topics: str, tmp_path: Path) -> None:
    worker = WorkerProcess(kafka, tmp_path, topics, stages="uncommitted", patience_ms=PATIENCE_MS)
    try:
        worker.start()
        await publish(kafka, topics, random.Random(22), 2000)
        while "is folded" not in (reason := ended(worker)):  # a busy machine may need longer than 3 s for less
            worker.start()
        assert "is folded, but its commit does not reach the group, and nothing moved for 3 s" in reason
    finally:
        worker.kill()
    await require_exact(kafka, topics)


async def test_a_process_that_stands_still_is_ended_by_its_own_alarm(kafka: str, topics: str, tmp_path: Path) -> None:
    stuck = WorkerProcess(kafka, tmp_path, topics, stages="stuck", patience_ms=PATIENCE_MS)
    try:
        await publish(kafka, topics, random.Random(23), 500)
        stuck.start()
        while (code := stuck.wait()) == FAILED:  # a busy machine may need longer than 3 s before the first fold
            stuck.start()
        assert code == 1
    finally:
        stuck.kill()
    assert "in stop" in stuck.log.read_text()  # the stack of where it stood
    worker = WorkerProcess(kafka, tmp_path, topics)
    worker.start()
    try:
        await until_done(kafka, topics)
        await until(worker.ready)
        await require_exact(kafka, topics)
    finally:
        worker.kill()


def test_clocks_that_differ_are_told_by_records_that_were_waited_for() -> None:
    here = TP("results", 0)
    for stamped_ms, ahead_ms in ((10_050, 0), (10_200, -100), (9_000, 1_000)):
        clocks = ClockCheck()
        clocks.arrived(here, 5_000, 9_000)  # it may have lain there for long
        assert clocks.ahead_ms is None
        clocks.read_to_end(here, 10_000)
        clocks.arrived(here, stamped_ms, 10_100)
        assert clocks.ahead_ms == ahead_ms
    clocks.read_to_end(here, 10_000)
    clocks.arrived(here, 9_990, 10_100)
    assert clocks.ahead_ms == 10  # the last one was only noticed late


@pytest.mark.parametrize(
    "ahead_ms", [3_600_000, *(pytest.param(ms, marks=pytest.mark.faults) for ms in (-3_600_000, 0))]
)
async def test_a_worker_whose_clock_is_wrong_says_so(kafka: str, topics: str, tmp_path: Path, ahead_ms: int) -> None:
    worker = WorkerProcess(kafka, tmp_path, topics, stages="real", clock_ahead_ms=ahead_ms)
    worker.start()
    try:
        await until(worker.ready)

        def is_known() -> bool:
            status = worker.status()
            return status is not None and status.clock_ahead_ms is not None

        chance = random.Random(24)
        while not is_known():
            await publish(kafka, topics, chance, 10)
        status = worker.status()
        assert status is not None
        assert abs((status.clock_ahead_ms or 0) - ahead_ms) < 10_000  # as long as a busy machine waits for a record
    finally:
        worker.kill()
