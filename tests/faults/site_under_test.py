"""The product as it runs, under its own supervisor, on a Kafka and a ClickHouse that the test may kill."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil

from events.topics import DEFAULT_PREFIX
from imageledger import health, workers
from servers import endpoints
from servers.clickhouse import server as clickhouse_server
from servers.clickhouse import users
from servers.kafka import server as kafka_server
from servers.kafka.warmup import set_up_kafka
from streams import status

DEADLINE_S = 240.0
PREFIX = DEFAULT_PREFIX
_BEGAN = time.monotonic()


def say(text: str) -> None:
    """What a long scenario is doing, for whoever waits for it (`pytest -s`)."""
    print(f"{time.monotonic() - _BEGAN:7.1f} s  {text}", flush=True)  # noqa: T201


def eventually(holds: Callable[[], Any], what: str, deadline_s: float = DEADLINE_S, pause_s: float = 0.05) -> Any:
    """Ask until the answer is truthy, and return it; fail with `what` after the deadline."""
    end = time.monotonic() + deadline_s
    while not (answer := holds()):
        assert time.monotonic() < end, f"not within {deadline_s:.0f} s: {what}"
        time.sleep(pause_s)
    return answer


class Site:
    """One machine. `up` starts the product under its own supervisor; `worker` a further worker beside it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.data = folder / "data"
        self._kafka: kafka_server.Kafka | None = None
        self._clickhouse: clickhouse_server.ClickHouse | None = None
        self._started: list[subprocess.Popen[bytes]] = []

    # The servers below.

    @property
    def bootstrap(self) -> str:
        assert self._kafka is not None
        return self._kafka.bootstrap

    @property
    def clickhouse(self) -> users.Addresses:
        assert self._clickhouse is not None
        return self._clickhouse.addresses

    @property
    def kafka_pid(self) -> int:
        assert self._kafka is not None
        return self._kafka.pid

    def start_kafka(self) -> None:
        set_up_kafka()
        self._kafka = kafka_server.start(self.folder)  # it keeps its port

    def kill_kafka(self) -> None:
        assert self._kafka is not None
        self._kafka.kill()
        say("Kafka is killed")

    def start_clickhouse(self) -> None:
        self._clickhouse = clickhouse_server.start(self.folder)

    def stop_clickhouse(self) -> None:
        assert self._clickhouse is not None
        self._clickhouse.stop()
        say("ClickHouse is stopped")

    def kill_clickhouse(self) -> None:
        assert self._clickhouse is not None
        self._clickhouse.kill()
        say("ClickHouse is killed")

    # The product.

    def up(self, **settings: str) -> None:
        """`imageledger up`, ready to fold and to store."""
        running = self.start("up", "--port", str(endpoints.keep_port(self.data / "api")), **settings)

        def serves() -> bool:
            assert running.poll() is None, f"`imageledger up` ended: see {self.folder}/up.log"
            return self.is_ready() and health.of_sink(self.data) is None

        eventually(serves, "the first worker folds and the sink follows")
        say("up")

    def migrate(self) -> None:
        assert self.start("migrate").wait(DEADLINE_S) == 0

    def start(self, *words: str, **settings: str) -> subprocess.Popen[bytes]:
        """A command of the product as a process, its output in `FOLDER/NAME.log`, a worker's in one by its slot."""
        ours = {name: value for name, value in os.environ.items() if not name.startswith("IMAGELEDGER_")}
        ours |= {"IMAGELEDGER_KAFKA": self.bootstrap, "IMAGELEDGER_CLICKHOUSE": self.clickhouse.migrator}
        ours |= {f"IMAGELEDGER_{name.upper()}": value for name, value in settings.items()}
        name = "-".join(word for word in words if not word.startswith("--") and words[0] in (word, "worker"))
        with (self.folder / f"{name}.log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "imageledger", "--data", str(self.data), *words],
                env=ours,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        self._started.append(process)
        return process

    def worker(self, slot: int) -> subprocess.Popen[bytes]:
        """A further worker, which nobody restarts."""
        return self.start("worker", "--slot", str(slot))

    def pids(self) -> dict[str, Any]:
        """What runs, as `endpoints.json` says."""
        try:
            found: dict[str, Any] = json.loads((self.data / "endpoints.json").read_text())["pids"]
        except (FileNotFoundError, KeyError):
            return {}
        return found

    def worker_pid(self) -> int:
        return int(self.pids()["worker"][0])

    def kill_worker(self) -> float:
        """SIGKILL of the supervised worker; returns after how many seconds its successor was ready."""
        return self._killed(self.worker_pid(), lambda pid: self.is_ready() and self.worker_pid() != pid)

    def kill_sink(self) -> float:
        """The same for the sink, which is ready when it follows Kafka."""
        return self._killed(
            int(self.pids()["sink"]), lambda pid: int(self.pids()["sink"]) != pid and health.sink_follows(self.data)
        )

    def _killed(self, pid: int, is_back: Callable[[int], bool]) -> float:
        begin = time.monotonic()
        os.kill(pid, signal.SIGKILL)
        eventually(lambda: is_back(pid), f"the successor of process {pid}")
        took_s = time.monotonic() - begin
        say(f"process {pid} is killed, its successor ready after {took_s:.1f} s")
        return took_s

    def is_ready(self, slot: int = 0) -> bool:
        """As `/readyz` asks it."""
        return workers.is_ready(self.data, slot)

    def owned(self, slot: int) -> set[int]:
        """The source partitions that a worker says it has recovered."""
        found = status.read(status.path_of(self.data, workers.slot_name(slot)))
        if found is None or not psutil.pid_exists(found.pid):
            return set()
        return {number for number, partition in found.stages.get("combine", {}).items() if partition.ready}

    def shared_by(self, *slots: int) -> bool:
        """Whether these workers are all members, and have all four partitions among them.

        One of three may have none: Faust's assignor moves nothing while nobody has more than his share, rounded up.
        """
        owned = set[int]().union(*map(self.owned, slots))
        return owned == set(range(4)) and all(self.is_ready(slot) for slot in slots)

    def end(self) -> None:
        """End everything that was started here, and wait for it."""
        for process in reversed(self._started):
            if process.poll() is None:
                process.send_signal(signal.SIGCONT)
                process.terminate()
        for process in self._started:
            try:
                process.wait(60)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        for server in (self._clickhouse, self._kafka):
            if server is not None:
                server.kill()


def sleep_and_wake(site: Site, chance: random.Random) -> None:
    """A second worker is stopped past its session, wakes up when the first has its partitions, and ends."""
    sleeper = site.worker(1)
    eventually(lambda: len(site.owned(0)) == len(site.owned(1)) == 2, "two partitions each")
    time.sleep(chance.uniform(0, 1))
    os.kill(sleeper.pid, signal.SIGSTOP)
    eventually(lambda: len(site.owned(0)) == 4, "the takeover")
    os.kill(sleeper.pid, signal.SIGCONT)
    time.sleep(chance.uniform(0, 3))
    sleeper.terminate()
    sleeper.wait(60)
