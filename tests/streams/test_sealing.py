"""A run that the log has left behind is sealed, by real stages on a real Kafka: its time is told, not waited for."""

import asyncio
import json
from pathlib import Path
from typing import Any

import msgspec
from aiokafka import AIOKafkaProducer
from judge import read
from worker_process import WorkerProcess, until_async

from events.snapshots import RunMetrics
from events.topics import TOPICS
from imageledger.proof.verify import Progress, Verification
from metrics.fold.buckets import DAY_MS, SEAL_AFTER_MS, moment
from metrics.fold.segment import Segment
from servers.topics import migrate
from streams.cluster import Cluster
from streams.entries import HEAD_KEY

BEGAN_MS = 1_780_000_000_000
LATER_MS = BEGAN_MS + SEAL_AFTER_MS + DAY_MS
WIDE = 2_000


def result(number: int, run_id: str, at_ms: int) -> bytes:
    event = {"event_id": f"{run_id} {number}", "event_type": "image.result", "event_time": moment(at_ms).isoformat()}
    return json.dumps(event | {"image_id": f"i{number}", "status": "success", "run_id": run_id}).encode()


async def test_a_sealed_run_keeps_its_figures_and_leaves_only_its_last_segment(
    kafka: str, prefix: str, tmp_path: Path
) -> None:
    await migrate(kafka, [msgspec.structs.replace(topic, arrival=False) for topic in TOPICS], 4, prefix)
    worker = WorkerProcess(kafka, tmp_path, prefix, stages="real")
    worker.start()
    async with AIOKafkaProducer(bootstrap_servers=kafka, max_batch_size=1 << 20) as producer:

        async def publish(values: list[bytes], at_ms: int) -> None:
            topic = prefix + "results"
            sent = [await producer.send(topic, value, b"k", 0, timestamp_ms=at_ms) for value in values]
            await asyncio.gather(*sent)

        await publish([result(number, "old", BEGAN_MS) for number in range(WIDE)], BEGAN_MS)
        await until_async(lambda: shows(kafka, prefix, "old", results=WIDE), "the run as it was")
        await publish([result(number, "old", BEGAN_MS) for number in range(WIDE, 2 * WIDE)], BEGAN_MS)
        await until_async(lambda: shows(kafka, prefix, "old", results=2 * WIDE), "all of the run")
        worker.kill()
        worker.start()
        await publish([result(0, "new", LATER_MS)], LATER_MS)
        await until_async(lambda: shows(kafka, prefix, "new", results=1), "the run that left it behind")
        await publish([result(0, "old", BEGAN_MS), result(-1, "old", LATER_MS)], LATER_MS)
        await until_async(
            lambda: shows(kafka, prefix, "old", results=2 * WIDE, after_seal=2, duplicates=0), "two that came too late"
        )
    worker.kill()
    left = await segments(kafka, prefix)
    assert [(run_id, segment.sealed, len(segment.ids)) for run_id, segment in sorted(left)] == [
        ("new", False, 16),
        ("old", True, 0),
    ]
    verdict = await Verification(Cluster(kafka, prefix), None, None, 2, Progress()).run()
    assert verdict.differences == []
    assert any("2 records came after it was sealed" in note for note in verdict.notes)


async def shows(bootstrap: str, prefix: str, run_id: str, **totals: int) -> bool:
    """Whether the run's newest snapshot has these totals."""
    newest = {record.key: record.value for record in await read(bootstrap, prefix + "metrics")}
    if run_id.encode() not in newest:
        return False
    found = msgspec.json.decode(newest[run_id.encode()], type=RunMetrics).totals
    return all(found.get(name, 0) == value for name, value in totals.items())


async def segments(bootstrap: str, prefix: str) -> list[tuple[str, Segment]]:
    """(run, segment) of what the cleaner will leave of the combine stage's ledger."""
    newest: dict[bytes, Any] = {}
    for record in await read(bootstrap, prefix + "ledger.combine"):
        newest[record.key or b""] = record.value
    return [
        (json.loads(key)[0], Segment.decode(value))
        for key, value in newest.items()
        if key != HEAD_KEY and value is not None
    ]
