"""The independent judge of the tally stage: a naive fold of the log from offset 0, against what the stage wrote."""

from collections import Counter
from typing import NamedTuple

import msgspec
from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from tally import Said, Sums, decode

from events.topics import DEFAULT_PARTITIONS
from streams.entries import HEAD_KEY, Head


async def read(bootstrap: str, topic: str, *, committed: bool = True) -> list[ConsumerRecord]:
    """Every record of a topic."""
    consumer = AIOKafkaConsumer(
        bootstrap_servers=bootstrap, isolation_level="read_committed" if committed else "read_uncommitted"
    )
    await consumer.start()
    try:
        partitions = [TopicPartition(topic, number) for number in range(DEFAULT_PARTITIONS)]
        consumer.assign(partitions)
        await consumer.seek_to_beginning(*partitions)
        ends = await consumer.end_offsets(partitions)
        records: list[ConsumerRecord] = []
        waiting = {partition for partition in partitions if ends[partition] > 0}
        while waiting:
            for batch in (await consumer.getmany(*waiting, timeout_ms=100)).values():
                records += batch
            waiting = {partition for partition in waiting if await consumer.position(partition) < ends[partition]}
        return records
    finally:
        await consumer.stop()


class Expected(NamedTuple):
    """`sums`: (partition, run) → sum; `refused`: DLQ keys; `lasts`: (topic, partition) → last offset with a record."""

    sums: dict[tuple[int, str], int]
    refused: list[bytes]
    lasts: dict[tuple[str, int], int]


async def expected(bootstrap: str, prefix: str) -> Expected:
    sums: Counter[tuple[int, str]] = Counter()
    refused: list[bytes] = []
    lasts: dict[tuple[str, int], int] = {}
    for topic in ("results", "feedback"):
        for record in await read(bootstrap, prefix + topic):
            lasts[topic, record.partition] = record.offset
            try:
                value = int(record.value or b"")
            except ValueError:
                refused.append(f"{record.topic}-{record.partition}-{record.offset}".encode())
            else:
                sums[record.partition, (record.key or b"none").decode()] += value
    return Expected(dict(sums), sorted(refused), lasts)


class Written(NamedTuple):
    """The same as the stage has it, `said` by the newest partials and `kept` in the ledger."""

    said: dict[tuple[int, str], int]
    kept: dict[tuple[int, str], int]
    refused: list[bytes]
    lasts: dict[tuple[str, int], int]
    counted: Counter[tuple[int, str, int]]


async def written(bootstrap: str, prefix: str) -> Written:
    newest: dict[tuple[int, str], Said] = {}
    for record in await read(bootstrap, prefix + "partials"):
        said = msgspec.json.decode(record.value or b"", type=Said)
        known = newest.get((said.partition, said.run_id))
        if known is None or said.sequence >= known.sequence:
            newest[said.partition, said.run_id] = said
    segments, heads = await _ledger(bootstrap, prefix)
    kept: dict[tuple[int, str], int] = {}
    counted: Counter[tuple[int, str, int]] = Counter()
    for (partition, run_id, _number), segment in sorted(segments.items()):
        kept[partition, run_id] = segment.total
        counted.update((partition, topic, offset) for topic, offset in segment.offsets)
    lasts = {(topic, partition): at for partition, head in heads.items() for topic, at in head.applied.items()}
    refused = sorted(record.key or b"" for record in await read(bootstrap, prefix + "dlq"))
    return Written({at: said.total for at, said in newest.items()}, kept, refused, lasts, counted)


async def _ledger(bootstrap: str, prefix: str) -> tuple[dict[tuple[int, str, int], Sums], dict[int, Head]]:
    """The newest value of every key, put together from its parts."""
    parts: dict[tuple[int, str, int], dict[int, bytes]] = {}
    heads: dict[int, Head] = {}
    for record in await read(bootstrap, prefix + "ledger.combine"):
        if record.key == HEAD_KEY:
            heads[record.partition] = msgspec.json.decode(record.value or b"", type=Head)
        else:
            run_id, number, part = msgspec.json.decode(record.key or b"")
            parts.setdefault((record.partition, run_id, number), {})[part] = record.value or b""
    joined = {at: b"".join(value for _, value in sorted(found.items())) for at, found in parts.items()}
    return {at: decode(value) for at, value in joined.items()}, heads


async def is_done(bootstrap: str, prefix: str) -> bool:
    """Whether the stage has come to the end of the log."""
    wanted = (await expected(bootstrap, prefix)).lasts
    _, heads = await _ledger(bootstrap, prefix)
    return all(heads.get(number, Head()).applied.get(topic) == last for (topic, number), last in wanted.items())


async def require_exact(bootstrap: str, prefix: str) -> Expected:
    """Fails unless everything that the stage wrote is the fold of the log: no more, no less, nothing twice."""
    wanted, found = await expected(bootstrap, prefix), await written(bootstrap, prefix)
    assert found.lasts == wanted.lasts
    assert found.kept == wanted.sums
    assert found.said == wanted.sums
    assert found.refused == wanted.refused
    assert max(found.counted.values(), default=1) == 1
    return wanted
