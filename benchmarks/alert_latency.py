"""How long from a condition that is true to its alert on the topic, on a real Kafka; and what looking at rules costs.

    python -m benchmarks.alert_latency [--runs N]

Prints one JSON document. Latency: a run's twentieth failed result is confirmed by Kafka, `for` passes, the alert is
read by a subscriber (read_committed); what is over `for` is counted, for N runs at moments of their own. Cost:
processor time of a snapshot and of the decision on it, of a busy run (20 min, 5 models, 3 tiers) and of an idle one.
"""

import argparse
import asyncio
import json
import logging
import random
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NoReturn

import msgspec
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from events.alerts import AlertFiring
from events.results import ImageResult
from events.runs import RunDeclared
from events.sdk.ids import uuid7
from metrics.alerts.look import Look
from metrics.alerts.rules import BUILT_IN_ARMED
from metrics.alerts.states import decide
from metrics.fold.buckets import moment
from metrics.fold.lifecycle import Stamp
from metrics.fold.partition import Fold, Record
from metrics.registers import RunRegisters
from metrics.snapshot import snapshot
from servers.kafka import server as kafka
from servers.topics import migrate
from streams import status
from streams.app import WorkerSettings, run_worker

PREFIX = "bench."
TARGET_P99_MS = 2_000
FOR_S = 3
_SPREAD_S = 30.0
_LOOKS = 200
_NOON = 1_795_000_000_000


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--child", nargs=2, metavar=("BOOTSTRAP", "DATA"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        child(*arguments.child)
    with tempfile.TemporaryDirectory(prefix="imageledger-bench-") as folder:
        waited = measure(Path(folder), arguments.runs)
    ordered = sorted(waited)
    found = {
        "runs": arguments.runs,
        "over_for_p50_ms": round(statistics.median(ordered)),
        "over_for_p99_ms": round(ordered[int(len(ordered) * 0.99)]),
        "target_p99_ms": TARGET_P99_MS,
        "busy_run": cost(busy=True),
        "idle_run": cost(busy=False),
    }
    print(json.dumps(found, indent=2))


def measure(folder: Path, runs: int) -> list[float]:
    """Milliseconds over `for`, of each run."""
    with kafka.start(folder / "kafka") as broker:
        asyncio.run(migrate(broker.bootstrap, prefix=PREFIX))
        command = [sys.executable, "-m", "benchmarks.alert_latency", "--child", broker.bootstrap, str(folder)]
        worker = subprocess.Popen(command)
        try:
            while (said := status.read(status.path_of(folder, "bench"))) is None or said.state != "ready":
                time.sleep(0.05)
            return asyncio.run(_alerts(broker.bootstrap, runs))
        finally:
            worker.kill()
            worker.wait()


def child(bootstrap: str, data: str) -> NoReturn:
    """The worker."""
    logging.basicConfig(level=logging.WARNING)
    run_worker(WorkerSettings(bootstrap=bootstrap, data_dir=Path(data), prefix=PREFIX, slot="bench"))


async def _alerts(bootstrap: str, runs: int) -> list[float]:
    chance = random.Random(1)  # noqa: S311 - the same moments every time
    names = [f"run-{number}" for number in range(runs)]
    true_at: dict[str, float] = {}
    said_at: dict[str, float] = {}
    consumer = AIOKafkaConsumer(
        PREFIX + "alerts", bootstrap_servers=bootstrap, isolation_level="read_committed", fetch_max_wait_ms=20
    )
    await consumer.start()
    async with AIOKafkaProducer(bootstrap_servers=bootstrap) as producer:
        rules = {"error_rate": {"for_s": FOR_S}, "provider_errors": {"enabled": False}}
        await producer.send_and_wait(PREFIX + "runs", _event("rules.changed", rules=rules))
        for name in names:
            await producer.send(PREFIX + "runs", _event("run.declared", run_id=name, total_images=10**6))

        async def fail(name: str) -> None:
            await asyncio.sleep(chance.uniform(1.0, _SPREAD_S))
            sent = [
                await producer.send(
                    PREFIX + "results",
                    _event("image.result", run_id=name, image_id=f"{name}-{n}", status="failed"),
                    b"%d" % n,
                )
                for n in range(20)
            ]
            await asyncio.gather(*sent)
            true_at[name] = time.time()

        async def hear() -> None:
            while len(said_at) < runs:
                for records in (await consumer.getmany(timeout_ms=100)).values():
                    for record in records:
                        event = msgspec.json.decode(record.value, type=AlertFiring)
                        if event.type == "error_rate":
                            said_at[event.run_id or ""] = time.time()

        async with asyncio.timeout(_SPREAD_S + 60):
            await asyncio.gather(hear(), *map(fail, names))
    await consumer.stop()
    return [(said_at[name] - true_at[name] - FOR_S) * 1000 for name in names]


def _event(kind: str, **fields: Any) -> bytes:
    head = {"event_id": uuid7(), "event_type": kind, "event_time": datetime.now(UTC).isoformat()}
    return json.dumps(head | fields).encode()


def cost(*, busy: bool) -> dict[str, float]:
    """Milliseconds of processor time."""
    registers = RunRegisters("r")
    declared = RunDeclared(event_id="d", event_time=moment(_NOON), run_id="r", total_images=10**6)
    registers.take_run_event(declared, Stamp(_NOON, 0, 0))
    if busy:
        records = [
            Record("results", number, _NOON + number * 1000, _result(number, _NOON + number * 1000))
            for number in range(1_200)
        ]
        registers.take_partials(Fold().apply(records)["r"].partials("r", 0, 1))
    as_of_ms = _NOON + 1_200_000
    began = time.process_time()
    for _ in range(_LOOKS):
        metrics = snapshot(registers, as_of_ms)
    shown = time.process_time()
    for _ in range(_LOOKS):
        decide(Look(registers, metrics, as_of_ms, quiet=True), {}, BUILT_IN_ARMED, {}, live=True)
    ended = time.process_time()
    return {
        "snapshot_ms": round((shown - began) / _LOOKS * 1000, 3),
        "decide_ms": round((ended - shown) / _LOOKS * 1000, 3),
    }


def _result(number: int, at_ms: int) -> ImageResult:
    return ImageResult(
        event_id=str(number),
        event_time=moment(at_ms),
        run_id="r",
        image_id=str(number),
        status="success",
        model=f"m{number % 5}",
        provider=f"p{number % 2}",
        tier=1 + number % 3,
        latency_ms=500,
        cost_usd=0.001,
        confidence=0.9,
    )


if __name__ == "__main__":
    main()
