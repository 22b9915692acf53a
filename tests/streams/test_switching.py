"""The stack of a data folder goes over to a copied log, when its figures are the same there; and back."""

import asyncio
import json
import os
import random
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer
from judge import read
from stream_naive import results
from worker_process import WorkerProcess, until_async

from imageledger import workers
from imageledger.errors import SettingsError
from imageledger.proof.switching import back, compare, switch
from imageledger.settings import PREFIX_FILE, load
from servers import endpoints
from streams import status
from streams.cluster import Cluster
from streams.offline import ledgers, witnesses

COUNT = 800


@pytest.fixture
def log(kafka: str, topics: str, tmp_path: Path) -> str:
    """A prefix whose log a worker has folded, and gone."""
    worker = WorkerProcess(kafka, tmp_path / "old", topics, stages="real")
    (tmp_path / "old").mkdir()
    worker.start()
    try:
        asyncio.run(publish(kafka, topics))
        asyncio.run(until_async(lambda: is_shown(kafka, topics), "every result in a snapshot"))
    finally:
        worker.kill()
    return topics


async def publish(bootstrap: str, prefix: str) -> None:
    async with AIOKafkaProducer(bootstrap_servers=bootstrap) as producer:
        for one in results(random.Random(5), COUNT, ["spring", None], datetime.now(UTC)):
            await producer.send(prefix + one.topic, one.value, one.key)


async def is_shown(bootstrap: str, prefix: str) -> bool:
    shown = await witnesses.read_snapshots(Cluster(bootstrap, prefix), 4)
    combined = await ledgers.read_combine_ledger(Cluster(bootstrap, prefix), 4)
    applied = {(topic, n): at for n, head in combined.heads.items() for topic, at in head.applied.items()}
    ends = {
        (topic, record.partition): record.offset
        for topic in ("results", "feedback")
        for record in await read(bootstrap, prefix + topic)
    }
    return applied == ends and all(
        run in shown and shown[run].metrics.source_offsets.get(topic, {}).get(str(number)) == offset
        for (run, number), segment in combined.runs.items()
        for topic, offset in segment.source_offsets.items()
    )


@pytest.fixture
def api(tmp_path: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """Stands for what runs on the folder."""
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], env={})
    with endpoints.changing(tmp_path) as known:
        known.pids = {"api": process.pid, "kafka": 1}
    yield process
    process.kill()
    process.wait()


async def kill_the_first_worker(folder: Path) -> None:
    """As soon as it says anything of itself."""

    async def says() -> bool:
        return status.read(status.path_of(folder, workers.slot_name(0))) is not None

    await until_async(says, "a worker beside")
    found = status.read(status.path_of(folder, workers.slot_name(0)))
    assert found is not None
    os.kill(found.pid, signal.SIGKILL)


async def test_a_folder_goes_over_to_a_copy_that_is_equal_and_back(
    kafka: str, log: str, tmp_path: Path, api: "subprocess.Popen[bytes]"
) -> None:
    other = f"{log}copy."
    dying = asyncio.create_task(kill_the_first_worker(tmp_path / "beside"))
    done = await switch(tmp_path, Cluster(kafka, log), other, lambda _text: None, anyway=False)
    await dying
    assert (done.differences, done.switched, done.before) == ([], True, log)
    assert done.runs >= 2
    assert (done.restarted, api.wait(60)) == ([api.pid], -15)
    assert (load({}, data=tmp_path).prefix, load({}, data=tmp_path).sink_group()) == (other, f"{other}sink-1")
    assert load({"IMAGELEDGER_PREFIX": "said."}, data=tmp_path).prefix == "said."
    assert await is_shown(kafka, other)

    undone = back(tmp_path, other)
    assert (undone.prefix, undone.restarted) == (log, [])
    assert (load({}, data=tmp_path).prefix, load({}, data=tmp_path).sink_group()) == (log, f"{log}sink-2")

    newest = (await witnesses.read_snapshots(Cluster(kafka, log), 4))["spring"].metrics
    document = json.loads(next(r.value for r in await read(kafka, log + "metrics") if r.key == b"spring"))
    document |= {"as_of": newest.as_of.isoformat(), "source_offsets": newest.source_offsets}
    document["by_model"] = {"gpt-9": {"results": 1}}
    async with AIOKafkaProducer(bootstrap_servers=kafka) as producer:
        await producer.send_and_wait(log + "metrics", json.dumps(document).encode(), b"spring")

    async def nothing_to_copy() -> None:
        pass

    _, differences = await compare(Cluster(kafka, log), Cluster(kafka, other), nothing_to_copy)
    assert {found.run_id for found in differences} == {"spring"}
    assert "by_model.gpt-9.results" in {found.figure for found in differences}


def test_a_prefix_that_is_set_elsewhere_cannot_be_switched(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="nothing was switched"):
        back(tmp_path, "imageledger.")
    process = subprocess.Popen(
        [sys.executable, "-c", "import time; time.sleep(600)"], env={"IMAGELEDGER_PREFIX": "theirs."}
    )
    try:
        with endpoints.changing(tmp_path) as known:
            known.pids = {"worker": [process.pid]}
        with pytest.raises(SettingsError, match="IMAGELEDGER_PREFIX is set"):
            asyncio.run(switch(tmp_path, Cluster("127.0.0.1:1"), "other.", lambda _text: None, anyway=True))
    finally:
        process.kill()
        process.wait()
    assert not (tmp_path / PREFIX_FILE).exists()
