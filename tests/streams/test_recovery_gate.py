"""While any partition of a worker still reads its ledger, none of its partitions folds."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any, NamedTuple, NoReturn

import pytest
from faust.types import TP
from worker_process import until

from streams.cluster import Cluster
from streams.combine import COMBINE
from streams.partition import Partition, Reopen
from streams.positions import Positions
from streams.recovery import Recoveries, started
from streams.setup import Surroundings
from streams.topics import require_topics


class Gate(NamedTuple):
    """A partition, whom it waits for, and from where it wants to be read."""

    partition: Partition[Any]
    recoveries: Recoveries
    sought: list[dict[TP, int]]


@pytest.fixture
async def gate(kafka: str, topics: str) -> AsyncIterator[Gate]:
    """Beside it another partition is being recovered."""
    cluster = Cluster(kafka, topics)
    known = await require_topics(cluster)
    sought: list[dict[TP, int]] = []
    recoveries = Recoveries()
    recoveries.begin("another")

    async def seek(to: dict[TP, int]) -> None:
        sought.append(to)

    async def log_start(_tp: TP) -> int:
        return 0

    def failed(error: BaseException) -> NoReturn:
        raise error

    positions = Positions(seek)
    positions.close(TP(cluster.topic(name), 0) for name in COMBINE.sources)
    async with started(said := cluster.producer()):
        shared = Surroundings(
            cluster=cluster,
            application="gate",
            positions=positions,
            said=said,
            topic_ids={name: topic.id for name, topic in known.items()},
            partitions=known["partials"].partitions,
            log_start=log_start,
            recoveries=recoveries,
            failed=failed,
        )
        partition: Partition[Any] = Partition(COMBINE, shared, 0)
        yield Gate(partition, recoveries, sought)
        partition.revoke()
        recoveries.end("another")
        await partition.ended()


async def test_a_recovered_partition_reads_on_only_when_all_are_recovered(gate: Gate) -> None:
    await until(lambda: gate.partition.ready)
    await its_turns()
    assert gate.sought == []
    gate.recoveries.end("another")
    await until(lambda: len(gate.sought) == len(COMBINE.sources))


async def test_a_partition_that_reads_pauses_for_one_that_comes_to_be_recovered(gate: Gate) -> None:
    gate.recoveries.end("another")
    await until(lambda: len(gate.sought) == len(COMBINE.sources))
    gate.recoveries.begin("another")
    gate.partition.put(Reopen())
    await its_turns()
    assert len(gate.sought) == len(COMBINE.sources)
    gate.recoveries.end("another")
    await until(lambda: len(gate.sought) == 2 * len(COMBINE.sources))


async def its_turns() -> None:
    """Whatever does not wait for anybody else is done after so many rounds of the loop."""
    for _ in range(100):
        await asyncio.sleep(0)
