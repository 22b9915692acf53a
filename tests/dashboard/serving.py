"""A dashboard that really serves, on a free port of loopback, and a producer beside it."""

import asyncio
import itertools
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import httpx
import uvicorn
from confluent_kafka import Producer

from dashboard.app import create_app, listen
from dashboard.config import DashboardConfig
from dashboard.parts import Parts
from events import codec
from events.envelope import Event
from events.topics import BY_NAME, Name
from servers.topics import migrate

TOPICS: tuple[Name, ...] = (
    *("results", "runs", "heartbeats", "feedback", "profiles"),
    *("metrics", "alerts", "commands", "dlq"),
)
DEADLINE_S = 60.0
T = TypeVar("T")
_NUMBERS = itertools.count(1)


def wait_for(ask: Callable[[], T | None], deadline_s: float = DEADLINE_S) -> T:
    """Ask until the answer is true, and return it."""
    end = time.monotonic() + deadline_s
    while not (answer := ask()):
        assert time.monotonic() < end, f"not so within {deadline_s} s"
        time.sleep(0.05)
    return answer


def new_prefix(bootstrap: str) -> str:
    """A prefix of its own with the topics that the dashboard reads and writes, two partitions each."""
    prefix = f"dashboard{next(_NUMBERS)}-{time.time_ns()}."
    # In a thread of its own, because Playwright's loop is always running in the browser tests'.
    with ThreadPoolExecutor(1) as thread:
        made = migrate(bootstrap, [BY_NAME[name] for name in TOPICS], 2, prefix)
        thread.submit(asyncio.run, made).result()
    return prefix


@dataclass
class Served:
    """A dashboard that answers at `url`."""

    url: str
    bootstrap: str
    prefix: str
    parts: Parts
    client: httpx.Client
    producer: Producer

    def publish(self, topic: Name, key: str, *events: Event) -> None:
        """Publish and wait until Kafka has them."""
        for event in events:
            self.produce(topic, key, codec.encode(event))
        self.flush()

    def produce(self, topic: Name, key: str, value: bytes | None) -> None:
        """One raw record, not waited for."""
        self.producer.produce(self.prefix + topic, value, key.encode())

    def flush(self) -> None:
        """Wait until Kafka has everything."""
        assert self.producer.flush(DEADLINE_S) == 0

    def get(self, path: str, **params: Any) -> httpx.Response:
        """GET."""
        return self.client.get(path, params=params or None)


@contextmanager
def served(bootstrap: str, prefix: str, port: int = 0, **config: Any) -> Iterator[Served]:
    """Serve in a thread; the caller waits for readiness if it wants it."""
    app = create_app(DashboardConfig(bootstrap=bootstrap, prefix=prefix, **config))
    listener = listen("127.0.0.1", port)
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, timeout_graceful_shutdown=1))
    loops: list[asyncio.AbstractEventLoop] = []

    async def run() -> None:
        loops.append(asyncio.get_running_loop())
        await server.serve([listener])

    thread = threading.Thread(target=lambda: asyncio.run(run()))
    thread.start()
    producer = Producer({"bootstrap.servers": bootstrap, "linger.ms": 0, "partitioner": "murmur2_random"})
    parts: Parts = app.state.parts
    try:
        with httpx.Client(base_url=url, timeout=DEADLINE_S) as client:
            wait_for(lambda: server.started)
            yield Served(url, bootstrap, prefix, parts, client, producer)
    finally:
        loops[0].call_soon_threadsafe(parts.broadcast.close)
        server.should_exit = True
        thread.join(DEADLINE_S)
        listener.close()
        assert not thread.is_alive()
