"""A real broker's life: formatted once, restarted on the same data, killed, refused a second time."""

import asyncio
import http.server
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

import psutil
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from servers import endpoints
from servers.errors import DataFolderError, PortError, StartError
from servers.kafka import server as kafka
from servers.kafka.warmup import set_up_kafka
from servers.processes import FolderLock, wait_until
from servers.topics import migrate

TOPIC = "imageledger.results"


@pytest.fixture(scope="module", autouse=True)
def jars() -> None:
    set_up_kafka()


async def write(bootstrap: str, values: list[bytes]) -> None:
    """In one transaction, which needs the coordinator and its log in order."""
    await migrate(bootstrap)
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, transactional_id="test")
    await producer.start()
    try:
        async with producer.transaction():
            for value in values:
                await producer.send_and_wait(TOPIC, value, partition=0)
    finally:
        await producer.stop()


async def read(bootstrap: str, count: int) -> list[bytes]:
    consumer = AIOKafkaConsumer(
        bootstrap_servers=bootstrap, isolation_level="read_committed", auto_offset_reset="earliest"
    )
    await consumer.start()
    try:
        consumer.assign([TopicPartition(TOPIC, 0)])
        async with asyncio.timeout(90):
            return [(await consumer.getone()).value for _ in range(count)]
    finally:
        await consumer.stop()


def cluster_id(data: Path) -> str:
    lines = (data / "kafka" / "log" / "meta.properties").read_text().splitlines()
    return next(line for line in lines if line.startswith("cluster.id="))


async def test_sessions_of_three_seconds_are_allowed(kafka: str, topics: str) -> None:
    async with asyncio.timeout(90):
        consumer = AIOKafkaConsumer(
            topics + "runs",
            bootstrap_servers=kafka,
            group_id="test",
            session_timeout_ms=3000,
            heartbeat_interval_ms=500,
        )
        await consumer.start()
        try:
            assert len(consumer.assignment()) == 4
        finally:
            await consumer.stop()


def test_a_port_that_was_taken_meanwhile_is_refused_with_a_remedy(tmp_path: Path) -> None:
    port = endpoints.keep_port(tmp_path / "kafka")
    with socket.create_server(("127.0.0.1", port)):
        with pytest.raises(PortError, match=rf"port {port} .* by process {os.getpid()} .*delete .*kafka/port"):
            kafka.prepare(tmp_path)
        with pytest.raises(PortError, match="choose another one"):
            kafka.prepare(tmp_path, port=port)
    FolderLock(tmp_path / "kafka").release()  # a failed start holds nothing


BECOME = "import sys; from pathlib import Path; from servers.kafka.server import run; run(Path(sys.argv[1]))"


@pytest.fixture(scope="module")
def stopped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data folder of a broker that took two records and was stopped.

    Its command had become the broker itself: so SIGKILL on the pid in endpoints.json takes Kafka, and SIGTERM is its
    clean end.
    """
    data = tmp_path_factory.mktemp("stopped") / "a folder, with é"
    process = subprocess.Popen([sys.executable, "-c", BECOME, str(data)], stderr=subprocess.PIPE)
    try:
        assert wait_until(lambda: bool(endpoints.read(data).kafka), 60)
        found = endpoints.read(data)
        assert found.kafka is not None
        assert found.pids == {"kafka": process.pid}
        bootstrap = found.kafka
        assert wait_until(lambda: kafka.answers(bootstrap), 60)
        asyncio.run(write(bootstrap, [b"1", b"2"]))
        with pytest.raises(DataFolderError, match=f"is in use by process {process.pid}: stop that process"):
            kafka.start(data)
        assert kafka.answers(bootstrap)
        process.terminate()
        assert process.wait(60) == 128 + signal.SIGTERM
    finally:
        process.kill()
        process.communicate()
    FolderLock(data / "kafka").release()
    assert (data / "kafka" / "log" / ".kafka_cleanshutdown").exists()
    return data


def test_an_idle_data_folder_is_small(stopped: Path) -> None:
    used = sum(path.stat().st_blocks * 512 for path in stopped.rglob("*") if path.is_file())
    assert used < 2 << 20


def test_a_broker_that_cannot_start_says_its_last_words(stopped: Path, tmp_path: Path) -> None:
    shutil.copytree(stopped, tmp_path, dirs_exist_ok=True)
    properties = tmp_path / "kafka" / "log" / "meta.properties"
    properties.write_text(properties.read_text().replace("version=1", "version=7"))

    with pytest.raises(StartError, match=r"did not come up: .*(meta\.properties|version)"):
        kafka.start(tmp_path)
    FolderLock(tmp_path / "kafka").release()


def test_a_format_that_was_cut_short_is_done_again_and_a_log_is_never_formatted(tmp_path: Path) -> None:
    (tmp_path / "kafka" / "fresh" / "log").mkdir(parents=True)
    (tmp_path / "kafka" / "fresh" / "log" / "bootstrap.checkpoint").write_bytes(b"cut")
    kafka.prepare(tmp_path).lock.release()
    assert cluster_id(tmp_path)

    (tmp_path / "kafka" / "log" / "meta.properties").unlink()
    with pytest.raises(StartError, match="did not come up"):
        kafka.prepare(tmp_path)
    assert not (tmp_path / "kafka" / "log" / "meta.properties").exists()


SUPERVISED = """
import sys
from pathlib import Path
from servers import endpoints
from servers.kafka import server as kafka
from servers.supervisor import Child, Supervisor

data = Path(sys.argv[1])
bootstrap = f"127.0.0.1:{endpoints.keep_port(data / 'kafka')}"
broker = Child(
    name="kafka", argv=[sys.executable, "-c", sys.argv[2], sys.argv[1]], ready=lambda: kafka.answers(bootstrap)
)
say = lambda line: print(line, flush=True)
Supervisor([broker], data, {"kafka": bootstrap}, say).run()
"""


def test_a_restart_and_a_kill_keep_records_port_and_cluster_id(stopped: Path, tmp_path: Path) -> None:
    """Stopped by hand, started under the supervisor, killed, started again by it."""
    data = shutil.copytree(stopped, tmp_path / "moved, with é")
    identity, port = cluster_id(stopped), (stopped / "kafka" / "port").read_text().strip()
    bootstrap = f"{endpoints.HOST}:{port}"

    def ready(times: int) -> bool:
        return (tmp_path / "said").read_text().count("kafka is ready") == times

    def kafka_pid() -> int:
        found = endpoints.read(data).pids["kafka"]
        assert isinstance(found, int)
        return found

    with (tmp_path / "said").open("w") as said:
        supervisor = subprocess.Popen([sys.executable, "-c", SUPERVISED, str(data), BECOME], stdout=said)
    try:
        assert wait_until(lambda: ready(1), 60)
        assert endpoints.read(data).kafka == bootstrap
        assert asyncio.run(read(bootstrap, 2)) == [b"1", b"2"]
        asyncio.run(write(bootstrap, [b"3"]))

        os.kill(kafka_pid(), signal.SIGKILL)

        assert wait_until(lambda: ready(2), 60)
        assert endpoints.read(data).kafka == bootstrap
        assert asyncio.run(read(bootstrap, 3)) == [b"1", b"2", b"3"]
        assert cluster_id(data) == identity
        broker = psutil.Process(kafka_pid())
    finally:
        supervisor.kill()  # and not even so does the JVM stay behind
        supervisor.wait()
    if sys.platform == "linux":
        assert wait_until(lambda: not broker.is_running() or broker.status() == psutil.STATUS_ZOMBIE, 60)
    else:
        broker.kill()


def test_only_a_kafka_in_service_answers() -> None:
    assert not kafka.answers("127.0.0.1:1")
    with http.server.HTTPServer(("127.0.0.1", 0), http.server.BaseHTTPRequestHandler) as other:
        threading.Thread(target=other.serve_forever, daemon=True).start()
        assert not kafka.answers(f"127.0.0.1:{other.server_port}")
        other.shutdown()
