"""Dead letters into a transaction, by batches: one by one they cost a refused record more than its decode."""

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.partitioner import murmur2

from events.refusals import DeadLetter

Sent = asyncio.Future[Any]


async def post(fence: AIOKafkaProducer, topic: str, letters: Sequence[DeadLetter]) -> list[Sent]:
    """Give the letters to a producer that is in a transaction: in their order, each where its key belongs."""
    if not letters:
        return []
    count = len(await fence.partitions_for(topic))
    by_partition: defaultdict[int, list[DeadLetter]] = defaultdict(list)
    for letter in letters:
        by_partition[(murmur2(letter.key) & 0x7FFFFFFF) % count].append(letter)
    sent: list[Sent] = []
    for number, chosen in by_partition.items():
        sent += await _post_to(fence, topic, number, chosen)
    return sent


async def _post_to(fence: AIOKafkaProducer, topic: str, number: int, letters: Sequence[DeadLetter]) -> list[Sent]:
    sent: list[Sent] = []
    batch = fence.create_batch()
    for letter in letters:
        content = {"timestamp": None, "key": letter.key, "value": letter.value, "headers": letter.headers}
        if batch.append(**content) is None:  # full: an empty one takes any letter
            sent.append(await fence.send_batch(batch, topic, partition=number))
            batch = fence.create_batch()
            batch.append(**content)
    return [*sent, await fence.send_batch(batch, topic, partition=number)]


async def all_of(sent: Sequence["asyncio.Future[object]"]) -> None:
    """Wait for every send; raises the first failure once all have ended."""
    for result in await asyncio.gather(*sent, return_exceptions=True):
        if isinstance(result, BaseException):
            raise result
