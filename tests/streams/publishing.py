"""Records for the tally stage: integers and things that are none, on `results` and `feedback`."""

import asyncio
import random
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

from aiokafka import AIOKafkaProducer
from judge import is_done
from worker_process import until_async

RUNS = [b"alpha", b"beta", b"gamma/\xc3\xbc"]


@asynccontextmanager
async def producer(bootstrap: str, transactional_id: str | None = None) -> AsyncIterator[AIOKafkaProducer]:
    client = AIOKafkaProducer(
        bootstrap_servers=bootstrap, enable_idempotence=True, transactional_id=transactional_id, linger_ms=2
    )
    await client.start()
    try:
        yield client
    finally:
        await client.stop()


def records(chance: random.Random, count: int, prefix: str) -> Iterator[tuple[str, bytes | None, bytes | None, int]]:
    """(topic, value, key, partition): integers, one in 50 of them refused."""
    for _ in range(count):
        topic = prefix + chance.choice(["results", "results", "results", "feedback"])
        bad = chance.random() < 0.02
        value = chance.choice([b"", None, b"1.5", b"\xff"]) if bad else b"%d" % chance.randrange(1000)
        key = chance.choice(RUNS if value is None else [*RUNS, None])  # aiokafka sends no record that is null twice
        yield topic, value, key, chance.randrange(4)


async def publish_slowly(bootstrap: str, prefix: str, chance: random.Random, seconds: float, rate: int) -> None:
    async with producer(bootstrap) as client:
        for _ in range(int(seconds * 20)):
            for record in records(chance, rate // 20, prefix):
                await client.send(*record)
            await asyncio.sleep(0.05)


async def publish(bootstrap: str, prefix: str, chance: random.Random, count: int) -> None:
    async with producer(bootstrap) as client:
        await asyncio.gather(*[await client.send(*record) for record in records(chance, count, prefix)])


async def until_done(bootstrap: str, prefix: str) -> None:
    await until_async(lambda: is_done(bootstrap, prefix), "the end of the log")
