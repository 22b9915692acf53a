"""Prefixes of the log read again: what the pure folds make of them, in parallel over partitions.

Streamed: a process holds the state of one partition and a few thousand records. It is the same code that folds live.
"""

import asyncio
import multiprocessing
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, wait
from functools import partial
from typing import Any, NamedTuple

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition

from events.heartbeats import ProcessorHeartbeat
from events.topics import Name
from metrics.fold import buckets
from metrics.fold.lifecycle import Stamp
from metrics.fold.partition import Record, Topic
from metrics.fold.refold import PrefixFold
from metrics.fold.segment import Segment
from metrics.registers import RunRegisters, Told
from streams.cluster import Cluster
from streams.errors import LogTruncated, Stalled
from streams.intake import decode_all
from streams.recovery import EXPIRING, started
from streams.runs import run_of

_RECORDS = 5_000
_READ_TIMEOUT_MS = 50  # as in `logs`
_PATIENCE_S = 60.0
_LOOK_S = 0.1
WORTH_A_PROCESS = 50_000
"""Records: about what one folds in the second that another takes to start."""


class Task(NamedTuple):
    """One topic of one source partition, to be folded up to `end`; `cuts`: run → the offsets it is asked for."""

    cluster: Cluster
    topic: Topic
    partition: int
    end: int
    cuts: Mapping[str, Sequence[int]]
    seal_after_ms: int = buckets.SEAL_AFTER_MS


class Refolded(NamedTuple):
    """What came of a task: (run, cut) → digest, and the offsets of the records that were refused."""

    topic: Topic
    partition: int
    digests: dict[tuple[str, int], Segment]
    refused: list[int]


def refold(tasks: Sequence[Task], processes: int, moved: Callable[[int], None]) -> list[Refolded]:
    """Fold the tasks, largest first. `moved` is told how many offsets are behind, several times a second.

    Raises:
        LogTruncated: a log does not begin at offset 0.
        Stalled: records that should be there cannot be read.
    """
    if processes == 1 or sum(task.end for task in tasks) < WORTH_A_PROCESS:
        return asyncio.run(_one_by_one(tasks, moved))
    context = multiprocessing.get_context("spawn")
    places: Any = context.Array("Q", len(tasks))
    order = sorted(range(len(tasks)), key=lambda number: -tasks[number].end)
    with ProcessPoolExecutor(
        min(processes, len(tasks)), mp_context=context, initializer=_share, initargs=(places,)
    ) as pool:
        futures = [pool.submit(_work, number, tasks[number]) for number in order]
        waiting = set(futures)
        while waiting:
            _, waiting = wait(waiting, _LOOK_S)
            moved(sum(places))
        return [future.result() for future in futures]


async def _one_by_one(tasks: Sequence[Task], moved: Callable[[int], None]) -> list[Refolded]:
    found = []
    behind = 0
    for task in tasks:
        found.append(await _refold(task, partial(_add, moved, behind)))
        behind += task.end
    return found


def _add(moved: Callable[[int], None], behind: int, offset: int) -> None:
    moved(behind + offset)


_places: Any = None


def _share(places: Any) -> None:
    """In a child: where it says how far it is."""
    global _places
    _places = places


def _work(number: int, task: Task) -> Refolded:
    def moved(offset: int) -> None:
        _places[number] = offset

    return asyncio.run(_refold(task, moved))


async def _refold(task: Task, moved: Callable[[int], None]) -> Refolded:
    fold = PrefixFold(task.partition, task.cuts, seal_after_ms=task.seal_after_ms)
    refused: list[int] = []
    async for records in prefix(task.cluster, task.topic, task.partition, task.end):
        accepted, letters = decode_all(task.topic, records)
        if letters:
            offsets = {record.offset for record, _ in accepted}
            refused += [record.offset for record in records if record.offset not in offsets]
        fold.take([Record(task.topic, record.offset, record.timestamp, event) for record, event in accepted])
        moved(records[-1].offset + 1)
    return Refolded(task.topic, task.partition, fold.finish(), refused)


Wanted = Mapping[str, Mapping[str, Mapping[str, int]]]
"""Run → topic → partition → next offset: `source_offsets` of runs."""


async def retell(cluster: Cluster, wanted: Sequence[Wanted]) -> list[dict[str, RunRegisters]]:
    """For each of `wanted`: registers that hold the runs' events and heartbeats up to these offsets.

    Raises LogTruncated (retention of heartbeats is no loss), Stalled.
    """
    found = [{run_id: RunRegisters(run_id) for run_id in cuts} for cuts in wanted]
    for topic in ("runs", "heartbeats"):
        told: Told = "runs" if topic == "runs" else "heartbeats"
        for partition, end in _ends(told, wanted).items():
            async for records in prefix(cluster, told, partition, end):
                accepted, _ = decode_all(told, records)
                for record, event in accepted:
                    run_id = run_of(event, record.timestamp)
                    at = Stamp(record.timestamp, partition, record.offset)
                    for cuts, registers in zip(wanted, found, strict=True):
                        if record.offset < cuts.get(run_id, {}).get(told, {}).get(str(partition), 0):
                            _take(registers[run_id], event, at)
    return found


def _ends(topic: str, wanted: Iterable[Wanted]) -> dict[int, int]:
    ends: dict[int, int] = {}
    for cuts in wanted:
        for by_topic in cuts.values():
            for partition, offset in by_topic.get(topic, {}).items():
                ends[int(partition)] = max(offset, ends.get(int(partition), 0))
    return ends


def _take(registers: RunRegisters, event: Any, at: Stamp) -> None:
    if isinstance(event, ProcessorHeartbeat):
        registers.take_heartbeat(event, at)
    else:
        registers.take_run_event(event, at)


async def prefix(
    cluster: Cluster, topic: Name, number: int, end: int, *, whole: bool = True
) -> AsyncIterator[list[ConsumerRecord]]:
    """The committed records of a partition with offsets below `end`; from offset 0, or if not `whole` what is left.

    Raises:
        LogTruncated: the log begins later (heartbeats may, and what need not be whole), or ends before `end`.
        Stalled: nothing came for a minute.
    """
    partition = TopicPartition(cluster.topic(topic), number)
    async with started(reader := cluster.reader()):
        reader.assign([partition])
        await _require_whole(reader, partition, end, may_begin_later=not whole or topic in EXPIRING)
        await reader.seek_to_beginning(partition)
        while await reader.position(partition) < end:
            records = await _more(reader, partition)
            below = [record for record in records if record.offset < end]
            if below:
                yield below


async def _require_whole(
    reader: AIOKafkaConsumer, partition: TopicPartition, end: int, *, may_begin_later: bool
) -> None:
    start = (await reader.beginning_offsets([partition]))[partition]
    if start > 0 and not may_begin_later:
        raise LogTruncated(
            f"{partition.topic} partition {partition.partition} begins at offset {start}: retention took what was "
            "before, so the figures cannot be folded anew from offset 0. Set the topic's retention.ms to -1, and fold "
            "what is left into another prefix with `imageledger replay --into PREFIX`"
        )
    last = (await reader.end_offsets([partition]))[partition]
    if last < end:
        raise LogTruncated(
            f"{partition.topic} partition {partition.partition} ends at offset {last}, but figures claim to be the "
            f"fold of all up to {end - 1}: the cluster has lost records, or something wrote offsets that are not true"
        )


async def _more(reader: AIOKafkaConsumer, partition: TopicPartition) -> list[ConsumerRecord]:
    """The next records; none where only transaction markers came."""
    before = await reader.position(partition)
    try:
        async with asyncio.timeout(_PATIENCE_S):
            while True:
                found = await reader.getmany(partition, timeout_ms=_READ_TIMEOUT_MS, max_records=_RECORDS)
                records: list[ConsumerRecord] = found.get(partition, [])
                if records or await reader.position(partition) > before:
                    return records
    except TimeoutError as error:
        raise Stalled(
            f"{partition.topic} partition {partition.partition}: nothing could be read from offset {before} on for "
            f"{_PATIENCE_S:.0f} s; an open transaction of a producer may hide it"
        ) from error
