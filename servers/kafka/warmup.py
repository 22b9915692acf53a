"""Set-up of the local Kafka: its jars, and a recorded start, with which the JVM comes up in 1.3 s instead of 3.2 s.

The trimmed JVM of the wheel comes without the class archive that a full JDK has, so every start would parse and link
some 8,000 classes again. Java 25 can record one start and map it from then on (JEP 483, JEP 514; 66 MB, made once a
machine in about 12 s). A record that does not fit (another JVM, another jar) is left aside by the JVM itself.
"""

import asyncio
import contextlib
import os
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

from events.topics import full_name
from servers import processes
from servers.errors import ServerError

from . import server as kafka
from .artifacts import DEFAULT_CACHE, kafka_jars, one_at_a_time

_TIMEOUT_S = 120.0


def set_up_kafka(cache: Path = DEFAULT_CACHE, say: Callable[[str], None] = lambda _: None) -> None:
    """Make `cache` complete: jars fetched and checked, a start recorded. Does nothing where it is; safe in parallel.

    Raises:
        ArtifactError: as `artifacts.kafka_jars`.
    """
    jars = kafka_jars(cache, say=say)
    if _is_fresh(cache, jars):
        return
    with one_at_a_time(cache.expanduser()):
        if not _is_fresh(cache, jars):
            say("recording a start of Kafka, so that later ones are quick")
            _record(cache)


def _is_fresh(cache: Path, jars: list[Path]) -> bool:
    record = kafka.aot_cache(cache)
    return record.exists() and record.stat().st_mtime >= max(jar.stat().st_mtime for jar in jars)


def _record(cache: Path) -> None:
    """Run a throw-away broker under recording; at its clean end the JVM writes the record."""
    # Kafka's clients import slowly and are needed only here: every start asks whether there is a record.
    from aiokafka.errors import KafkaError

    record = kafka.aot_cache(cache)
    record.unlink(missing_ok=True)
    with tempfile.TemporaryDirectory(prefix=".record-", dir=record.parent) as scratch:
        broker = kafka.prepare(Path(scratch), cache)
        broker.lock.release()
        fresh = Path(scratch) / "start.aot"
        process = subprocess.Popen(  # noqa: S603  (our own JVM, no shell)
            [broker.argv[0], f"-XX:AOTCacheOutput={fresh}", *broker.argv[1:]],
            cwd=broker.cwd,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            preexec_fn=processes.die_with_parent(os.getpid()),
        )
        try:
            processes.wait_until(lambda: process.poll() is not None or kafka.answers(broker.bootstrap), _TIMEOUT_S)
            # Without a record Kafka starts all the same, so a failure here is not the caller's.
            with contextlib.suppress(ServerError, KafkaError, TimeoutError):
                asyncio.run(_work(broker.bootstrap))
        finally:
            processes.stop(process, patience_s=_TIMEOUT_S)
        if fresh.exists():
            fresh.replace(record)


async def _work(bootstrap: str) -> None:
    """What a first minute brings (topics, transactions, a group that reads), so that the record has its classes too."""
    from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

    from servers.topics import migrate

    await migrate(bootstrap)
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, transactional_id="record")
    consumer = AIOKafkaConsumer(
        full_name("results"), bootstrap_servers=bootstrap, group_id="record", auto_offset_reset="earliest"
    )
    async with asyncio.timeout(_TIMEOUT_S), producer, consumer:
        for round_number in range(50):
            async with producer.transaction():
                for number in range(20):
                    await producer.send(full_name("results"), b"x" * 500, key=b"%d" % (number + round_number))
            await consumer.getmany(timeout_ms=5)
        await consumer.commit()
