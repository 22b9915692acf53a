"""How fast a worker folds results on a real Kafka, against the limit: bare aiokafka `getmany` and a typed decode.

    python -m benchmarks.combine [--events N]

Prints one JSON document. Everything in one run on one machine: the same log, read by the limit, by a worker with the
combine stage alone and by a worker with both stages. A rate is events per processor second of that process (`user` +
`system`, all its threads), so it is what one core does however busy the machine is; wall time is said beside it.
"""

import argparse
import asyncio
import json
import logging
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

import msgspec
import psutil
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from benchmarks.sink_events import events
from events.results import AnyResult
from events.topics import DEFAULT_PARTITIONS
from servers.kafka import server as kafka
from servers.topics import migrate
from streams import status
from streams.app import WorkerSettings, run_worker
from streams.combine import COMBINE
from streams.runs import RUNS

PREFIX = "bench."
TARGET = 0.5
"""Of the limit, when tuned (DESIGN.md 7); 0.3 at first. Both stages: 0.8 of the combine stage alone."""
_STAGES = {"combine": (COMBINE,), "worker": (COMBINE, RUNS)}


class Sample(NamedTuple):
    """So many events after so many processor and wall seconds."""

    events: int
    cpu_s: float
    wall_s: float


def main() -> None:
    """Run all three and print what they did."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--events", type=int, default=300_000)
    parser.add_argument("--child", nargs=3, metavar=("WHAT", "BOOTSTRAP", "DATA"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        what, bootstrap, data = arguments.child
        child(what, bootstrap, data, arguments.events)
    with tempfile.TemporaryDirectory(prefix="imageledger-bench-") as folder:
        print(json.dumps(measure(Path(folder), arguments.events), indent=2))


def measure(folder: Path, count: int) -> dict[str, Any]:
    """Rates in events per second and core."""
    with kafka.start(folder / "kafka") as broker:
        asyncio.run(migrate(broker.bootstrap, prefix=PREFIX))
        asyncio.run(_publish(broker.bootstrap, count))
        found = {"limit": _run("limit", broker.bootstrap, folder, count)}
        for name in _STAGES:
            found[name] = _run(name, broker.bootstrap, folder / name, count)
            asyncio.run(_delete_derived(broker.bootstrap))
    limit, combine = found["limit"]["events_per_core_s"], found["combine"]["events_per_core_s"]
    return {
        "events": count,
        **found,
        "combine_of_limit": round(combine / limit, 3),
        "worker_of_combine": round(found["worker"]["events_per_core_s"] / combine, 3),
        "target_of_limit": TARGET,
    }


async def _publish(bootstrap: str, count: int) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, linger_ms=20, max_batch_size=1 << 20)
    await producer.start()
    for number, value in enumerate(events(count)):
        await producer.send(PREFIX + "results", value, b"image-%d" % (number // 3), number % DEFAULT_PARTITIONS)
    await producer.stop()


async def _delete_derived(bootstrap: str) -> None:
    """Delete what a worker wrote, so that the next one starts at the beginning."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    await admin.delete_topics([PREFIX + name for name in ("ledger.combine", "ledger.run", "partials", "metrics")])
    await admin.close()
    await migrate(bootstrap, prefix=PREFIX)


def _run(what: str, bootstrap: str, data: Path, count: int) -> dict[str, float]:
    command = [
        sys.executable,
        "-m",
        "benchmarks.combine",
        "--events",
        str(count),
        "--child",
        what,
        bootstrap,
        str(data),
    ]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        if what == "limit":
            first, last = (Sample(*sample) for sample in json.loads(process.communicate()[0]))
        else:
            first, last = _watch(psutil.Process(process.pid), status.path_of(data, "bench"), count)
    finally:
        process.kill()
        process.wait()
    done = last.events - first.events
    return {
        "events_per_core_s": round(done / (last.cpu_s - first.cpu_s)),
        "events_per_s": round(done / (last.wall_s - first.wall_s)),
        "cpu_us_per_event": round((last.cpu_s - first.cpu_s) / done * 1e6, 2),
    }


def _watch(process: psutil.Process, path: Path, count: int) -> tuple[Sample, Sample]:
    """The first sample of a worker that has begun, and the one with which it is done."""
    first: Sample | None = None
    written = 0
    while process.is_running():
        time.sleep(0.005)
        said = status.read(path)
        if said is None or said.updated_ms == written:
            continue
        written = said.updated_ms
        applied = sum(found.applied.get("results", -1) + 1 for found in said.stages.get("combine", {}).values())
        sample = _sample(applied, process.cpu_times)
        if applied and first is None:
            first = sample
        if applied == count and first is not None:
            return first, sample
    raise SystemExit("the worker ended before it was done")


def _sample(count: int, cpu_times: Callable[[], Any]) -> Sample:
    spent = cpu_times()
    return Sample(count, spent.user + spent.system, time.perf_counter())


def child(what: str, bootstrap: str, data: str, count: int) -> NoReturn:
    """The measured process."""
    logging.basicConfig(level=logging.WARNING)
    if what == "limit":
        print(json.dumps(asyncio.run(_limit(bootstrap, count))))
        sys.exit()
    settings = WorkerSettings(bootstrap=bootstrap, data_dir=Path(data), prefix=PREFIX, slot="bench")
    run_worker(settings, _STAGES[what])


async def _limit(bootstrap: str, count: int) -> tuple[Sample, Sample]:
    decode = msgspec.json.Decoder(AnyResult).decode
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, max_partition_fetch_bytes=4 << 20)
    await consumer.start()
    partitions = [TopicPartition(PREFIX + "results", number) for number in range(DEFAULT_PARTITIONS)]
    consumer.assign(partitions)
    await consumer.seek_to_beginning(*partitions)
    done = 0
    times = psutil.Process().cpu_times
    first = _sample(0, times)
    while done < count:
        for records in (await consumer.getmany(timeout_ms=1000, max_records=4000)).values():
            for record in records:
                decode(record.value)
            done += len(records)
    last = _sample(done, times)
    await consumer.stop()
    return first, last


if __name__ == "__main__":
    main()
