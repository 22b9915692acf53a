"""The whole product as its user starts it: `imageledger up` in an empty folder, real servers, its own processes."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import clickhouse_connect
import forked
import httpx
import psutil
from clickhouse_connect.driver.client import Client

from imageledger.cli.main import main
from servers import endpoints

DEADLINE_S = 120.0
BACKFILL = "documented"
"""The run id of the backfill that the journeys share."""


def eventually(holds: Callable[[], Any], what: str, deadline_s: float = DEADLINE_S) -> Any:
    """Ask until the answer is truthy, and return it; fail with `what` after the deadline."""
    end = time.monotonic() + deadline_s
    while True:
        answer = holds()
        if answer:
            return answer
        assert time.monotonic() < end, f"not within {deadline_s:.0f} s: {what}"
        time.sleep(0.2)


def environment() -> dict[str, str]:
    """Ours without the settings of whoever runs the tests."""
    return {name: value for name, value in os.environ.items() if not name.startswith("IMAGELEDGER_")}


def imageledger(*words: str, **more: str) -> subprocess.CompletedProcess[str]:
    """Run one command of the product to its end."""
    return forked.run(main, words, environment() | more)


class Followed(NamedTuple):
    """The documented backfill, run once to its end, and `watch` beside it: in a terminal and in a pipe.

    `summary` is the processor's own; `screen` what stands in the terminal at the end; `piped` what the pipe took.
    """

    summary: dict[str, Any]
    screen: list[str]
    piped: subprocess.CompletedProcess[bytes]


class Stack:
    """`imageledger up` on one data folder, started and stopped as often as a test wants."""

    def __init__(self, data: Path) -> None:
        self.data = data
        self.port = endpoints.keep_port(data / "api")  # none that the kernel gives to clients
        self.url = f"http://127.0.0.1:{self.port}"
        # One for all that is asked: making a client takes 45 ms of processor time, asking 1 ms.
        self.client = httpx.Client(base_url=self.url, timeout=60)
        self._process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "imageledger", "up", "--data", str(self.data), "--port", str(self.port)],
            env=environment(),
            text=True,
        )
        eventually(self._is_up, "/readyz answers 200, and the store's views are made")

    def stop(self) -> int:
        assert self._process is not None
        self._process.send_signal(signal.SIGINT)
        return self._process.wait(60)

    def endpoints(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.data / "endpoints.json").read_text())
        return found

    def run(self, *words: str, **more: str) -> subprocess.CompletedProcess[str]:
        return imageledger("--data", str(self.data), *words, **more)

    def command(self, *words: str) -> list[str]:
        return [sys.executable, "-m", "imageledger", "--data", str(self.data), *words]

    def begin(self, *words: str) -> subprocess.Popen[bytes]:
        """A command beside the test, its output in pipes."""
        return subprocess.Popen(self.command(*words), env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def get(self, path: str) -> Any:
        """The JSON that it answers; None where it does not, or says that something is wrong."""
        try:
            answer = self.client.get(path)
        except httpx.TransportError:  # it is being started again
            return None
        return answer.json() if answer.is_success else None

    def metrics(self, run: str) -> dict[str, Any]:
        return self.get(f"/api/runs/{run}/metrics") or {"totals": {}}

    @contextmanager
    def clickhouse(self) -> Iterator[Client]:
        """A ClickHouse client over HTTP, as anybody's."""
        url = urlsplit(self.endpoints()["clickhouse"])
        with clickhouse_connect.get_client(
            host=url.hostname, port=url.port, username=url.username, password=url.password, database="imageledger"
        ) as client:
            yield client

    def processes(self) -> list[psutil.Process]:
        assert self._process is not None
        return psutil.Process(self._process.pid).children(recursive=True)

    def _is_up(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, "`imageledger up` ended by itself"
        try:
            ready = self.client.get("/readyz").is_success
        except httpx.HTTPError:
            return False
        return ready and "sink" in self.endpoints()["pids"]  # it alone waits for the tables
