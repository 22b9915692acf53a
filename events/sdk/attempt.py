"""One try to deliver some records: a batch for each partition, all at once."""

import asyncio
from typing import Any, NamedTuple

from aiokafka.errors import MessageSizeTooLargeError

from .connection import ATTEMPT_S
from .partitioning import partition_of
from .record import Record


class Outcome(NamedTuple):
    """`remaining`: the records to try again, in their order. `refused`: how many the broker will never take."""

    remaining: list[Record]
    refused: int = 0
    error: BaseException | None = None


async def attempt(producer: Any, topic: str, records: list[Record], *, singly: bool) -> Outcome:
    """Send `records`, each partition's in order, and wait for the broker's word on every batch.

    A partition has one batch in flight, so what is sent again never overtakes. `singly`: a batch holds one record.
    Raises what aiokafka raises where the topic's partitions are not known.
    """
    partitions = sorted(await producer.partitions_for(topic))
    batches: dict[int, Any] = {}
    members: dict[int, list[int]] = {}
    full: set[int] = set()
    for index, record in enumerate(records):
        partition = partition_of(record.key, partitions)
        if partition in full:
            continue
        if partition not in batches:
            batches[partition], members[partition] = producer.create_batch(), []
        elif singly:
            continue
        key, value, headers = record
        if batches[partition].append(timestamp=None, key=key, value=value, headers=headers) is None:
            full.add(partition)
        else:
            members[partition].append(index)
    sent = {
        partition: asyncio.create_task(_send(producer, batch, topic, partition)) for partition, batch in batches.items()
    }
    await asyncio.wait(sent.values(), timeout=ATTEMPT_S)
    return _judge(records, sent, members)


async def _send(producer: Any, batch: Any, topic: str, partition: int) -> None:
    await (await producer.send_batch(batch, topic, partition=partition))


def _judge(records: list[Record], sent: dict[int, asyncio.Task[None]], members: dict[int, list[int]]) -> Outcome:
    settled: set[int] = set()
    refused = 0
    problem: BaseException | None = None
    for partition, future in sent.items():
        if not future.done():
            future.cancel()
            error: BaseException | None = TimeoutError(f"no answer within {ATTEMPT_S:.0f} s")
        else:
            error = future.exception()
        if isinstance(error, MessageSizeTooLargeError) and len(members[partition]) == 1:
            refused += 1
        elif error is not None:
            problem = error
            continue
        settled.update(members[partition])
    return Outcome([record for index, record in enumerate(records) if index not in settled], refused, problem)
