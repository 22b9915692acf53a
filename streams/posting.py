"""Dead letters into a transaction, by batches: one by one they cost a refused record more than its decode."""

import asyncio
from collections.abc import Sequence
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.producer.message_accumulator import BatchBuilder
from aiokafka.record.default_records import DefaultRecordBatch

from events.refusals import DeadLetter

from .cluster import BATCH_BYTES

Sent = asyncio.Future[Any]


async def post(fence: AIOKafkaProducer, topic: str, letters: Sequence[DeadLetter], number: int) -> list[Sent]:
    """Give the letters of source partition `number` to a producer that is in a transaction, in their order.

    To that partition of the topic, as far as it has as many: to hash their keys would cost as much as a good record's
    decode, and nobody relies on where a letter stands.
    """
    if not letters:
        return []
    partition = number % len(await fence.partitions_for(topic))
    sent: list[Sent] = []
    batch = _empty()
    for letter in letters:
        content = {"timestamp": None, "key": letter.key, "value": letter.value, "headers": letter.headers}
        if batch.append(**content) is None:  # full: an empty one takes any letter
            sent.append(await fence.send_batch(batch, topic, partition=partition))
            batch = _empty()
            batch.append(**content)
    return [*sent, await fence.send_batch(batch, topic, partition=partition)]


def _empty() -> BatchBuilder:
    """As the producer's own, but compressed: to hand a large letter on as it is costs more (docs/decisions/0047)."""
    return BatchBuilder(BATCH_BYTES, DefaultRecordBatch.CODEC_ZSTD, is_transactional=True)


async def all_of(sent: Sequence["asyncio.Future[object]"]) -> None:
    """Wait for every send; raises the first failure once all have ended."""
    for result in await asyncio.gather(*sent, return_exceptions=True):
        if isinstance(result, BaseException):
            raise result
