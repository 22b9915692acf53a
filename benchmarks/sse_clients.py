"""The dashboard with many open pages: how long the API takes to answer beside them, and whether its memory grows.

`python -m benchmarks.sse_clients [--clients N] [--seconds S]` prints JSON. The dashboard runs in a process of its own
over a Kafka of its own; a run's snapshot and 20 results a second are published, each client reads the whole stream, and
one more asks the API, one request after the other. Memory is taken once every client is connected and at the end.
Target (issue 8): 100 clients, p99 under 100 ms, memory flat.
"""

import argparse
import asyncio
import json
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

import httpx
import psutil
from aiokafka import AIOKafkaProducer

from events import codec
from events.results import ImageResult
from events.sdk.ids import uuid7
from events.snapshots import RunMetrics
from events.topics import full_name
from servers.kafka import server as kafka
from servers.topics import migrate

TARGET_MS, FLAT_MIB = 100.0, 16.0
RUN = "benchmark"
ASKED = ("/api/metrics/dashboard", "/api/runs", "/api/metrics/realtime", "/")
PAUSE_S = 0.05
_SERVE = """
import sys
from dashboard.app import serve
from dashboard.config import DashboardConfig
serve(DashboardConfig(bootstrap=sys.argv[1]), "127.0.0.1", 0, lambda port: print(port, flush=True))
"""


def main() -> None:
    """Measure and print."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--clients", type=int, default=100)
    options.add_argument("--seconds", type=float, default=60.0)
    given = options.parse_args()
    with tempfile.TemporaryDirectory() as folder, kafka.start(Path(folder)) as broker:
        asyncio.run(migrate(broker.bootstrap))
        served = subprocess.Popen([sys.executable, "-c", _SERVE, broker.bootstrap], stdout=subprocess.PIPE, text=True)
        try:
            assert served.stdout is not None
            url = f"http://127.0.0.1:{int(served.stdout.readline())}"
            found = asyncio.run(_measure(url, served.pid, broker.bootstrap, given.clients, given.seconds))
        finally:
            served.terminate()
            served.wait()
    json.dump(found, sys.stdout, indent=2)
    print()


async def _measure(url: str, pid: int, bootstrap: str, clients: int, seconds: float) -> dict[str, object]:
    limits = httpx.Limits(max_connections=clients + 8)
    server = psutil.Process(pid)
    async with (
        httpx.AsyncClient(base_url=url, timeout=30, limits=limits) as client,
        AIOKafkaProducer(bootstrap_servers=bootstrap) as producer,
    ):
        feeding = asyncio.create_task(_feed(producer))
        while (await client.get("/api/metrics/dashboard", params={"run": RUN})).status_code != 200:
            await _still(feeding)
        received = [0] * clients
        streams = [asyncio.create_task(_listen(client, received, place)) for place in range(clients)]
        while not all(received):
            await _still(feeding, *streams)
        before = server.memory_info().rss
        times = await _ask(client, time.monotonic() + seconds)
        after = server.memory_info().rss
        for task in (*streams, feeding):
            task.cancel()
        await asyncio.gather(*streams, feeding, return_exceptions=True)
    p50, p99 = statistics.median(times), statistics.quantiles(times, n=100)[98]
    grown = (after - before) / (1 << 20)
    return {
        "clients": clients,
        "seconds": seconds,
        "requests": len(times),
        "p50_ms": round(p50, 2),
        "p99_ms": round(p99, 2),
        "max_ms": round(max(times), 2),
        "target_p99_ms": TARGET_MS,
        "memory_mib": round(after / (1 << 20), 1),
        "memory_grown_mib": round(grown, 1),
        "stream_kib_a_second_a_client": round(sum(received) / clients / 1024 / seconds, 1),
        "met": p99 < TARGET_MS and grown < FLAT_MIB,
    }


async def _still(*tasks: asyncio.Task[None]) -> None:
    """A moment, in which no task may have ended: it would be waited for in vain."""
    await asyncio.sleep(PAUSE_S)
    for task in tasks:
        if task.done():
            raise RuntimeError("the benchmark's own feed or client ended") from task.exception()


async def _feed(producer: AIOKafkaProducer) -> None:
    """A snapshot and 20 results a second."""
    count = 0
    while True:
        now = datetime.now(UTC)
        for _ in range(20):
            count += 1
            await producer.send(full_name("results"), codec.encode(_result(count, now)), key=b"image")
        await producer.send_and_wait(full_name("metrics"), codec.encode(_snapshot(count, now)), key=RUN.encode())
        await asyncio.sleep(1)


def _result(number: int, now: datetime) -> ImageResult:
    return ImageResult(
        event_id=uuid7(), event_time=now, run_id=RUN, image_id=f"image-{number}", status="success", tier=number % 3 + 1,
        model=f"model-{number % 5}", provider="provider", latency_ms=800, cost_usd=0.0005, confidence=0.9,
    )  # fmt: skip


def _snapshot(count: int, now: datetime) -> RunMetrics:
    models = {f"model-{n}": {"results": count // 5, "cost_nano_usd": count * 100_000} for n in range(20)}
    return RunMetrics(
        event_id=uuid7(), event_time=now, run_id=RUN, as_of=now, source_offsets={}, state="running", by_model=models,
        totals={"results": count, "subjects": count, "processed_subjects": count, "cost_nano_usd": count * 500_000},
    )  # fmt: skip


async def _listen(client: httpx.AsyncClient, received: list[int], place: int) -> None:
    async with client.stream("GET", "/api/stream", params={"run": RUN}) as answer:
        async for chunk in answer.aiter_bytes():
            received[place] += len(chunk)


async def _ask(client: httpx.AsyncClient, end: float) -> list[float]:
    times = []
    while time.monotonic() < end:
        for path in ASKED:
            began = time.perf_counter()
            answer = await client.get(path, params={"run": RUN})
            times.append((time.perf_counter() - began) * 1_000)
            answer.raise_for_status()
            await asyncio.sleep(PAUSE_S)
    return times


if __name__ == "__main__":
    main()
