"""One chunk of a partition on its way, and none lost."""

import asyncio
from typing import Any

import pytest
from aiokafka import ConsumerRecord
from aiokafka.errors import IllegalStateError
from faust.types import TP

from streams.positions import Positions
from streams.transport import CHUNK_BYTES, CHUNK_RECORDS, fitting

AT = TP("results", 0)
OTHER = TP("results", 1)


def record(offset: int, size: int = 1) -> ConsumerRecord[Any, Any]:
    return ConsumerRecord("results", 0, offset, 0, 1, None, b"x" * size, None, 0, size, ())


class Consumer:
    """Only its seeks."""

    def __init__(self) -> None:
        self.seeks: list[tuple[TP, int]] = []
        self.revoked = False

    async def seek_wait(self, partitions: dict[TP, int]) -> None:
        await asyncio.sleep(0)
        if self.revoked:
            raise IllegalStateError("not assigned")
        self.seeks += partitions.items()


@pytest.fixture
def consumer() -> Consumer:
    return Consumer()


@pytest.fixture
async def positions(consumer: Consumer) -> Positions:
    positions = Positions(consumer.seek_wait)
    positions.close([AT])
    await positions.seek(AT, 7)
    return positions


async def test_one_chunk_at_a_time(positions: Positions) -> None:
    assert positions.free([AT, OTHER]) == {AT}
    chunk = positions.hand_out(AT, [record(7), record(8)])
    assert (chunk.first, chunk.last, chunk.asked) == (7, 8, 7)
    assert positions.free([AT]) == set()
    positions.done(chunk)
    assert positions.free([AT]) == {AT}
    following = positions.hand_out(AT, [record(9)])
    assert following.asked is None


async def test_a_chunk_that_nobody_holds_is_read_again(positions: Positions, consumer: Consumer) -> None:
    positions.done(positions.hand_out(AT, [record(7)]))
    chunk = positions.hand_out(AT, [record(12)])  # behind a hole, which is read again too
    await positions.refetch_lost()
    assert consumer.seeks == [(AT, 7)]
    del chunk
    await positions.refetch_lost()
    assert consumer.seeks == [(AT, 7), (AT, 8)]
    assert positions.free([AT]) == {AT}


async def test_a_chunk_read_before_a_seek_is_of_no_use(positions: Positions) -> None:
    old = positions.hand_out(AT, [record(7)])
    await positions.seek(AT, 3)
    assert not positions.is_current(old)
    new = positions.hand_out(AT, [record(3)])
    positions.done(old)  # too late: the one on its way is another
    assert positions.free([AT]) == set()
    assert positions.is_current(new)


async def test_what_was_handed_out_is_known_until_a_seek_goes_back(positions: Positions) -> None:
    positions.done(positions.hand_out(AT, [record(7), record(9)]))
    assert [positions.has_handed_out(AT, offset) for offset in (7, 9, 10)] == [True, True, False]
    await positions.seek(AT, 8)
    assert [positions.has_handed_out(AT, offset) for offset in (7, 8)] == [True, False]


async def test_nothing_is_fetched_after_a_rebalance_until_a_stage_seeks(positions: Positions) -> None:
    old = positions.hand_out(AT, [record(7)])
    positions.close([AT, OTHER])
    assert positions.free([AT, OTHER]) == set()
    assert not positions.is_current(old)
    await positions.seek(OTHER, 0)
    assert positions.free([AT, OTHER]) == {OTHER}


async def test_epochs_are_not_used_again_after_a_partition_was_away(positions: Positions) -> None:
    before = positions.epoch(AT)
    positions.close([])
    assert positions.epoch(AT) is None
    positions.close([AT])
    assert positions.epoch(AT) != before


async def test_a_seek_in_a_partition_that_is_taken_away(positions: Positions, consumer: Consumer) -> None:
    consumer.revoked = True
    await positions.seek(AT, 9)
    assert positions.free([AT]) == set()


async def test_a_seek_that_another_overtakes_opens_nothing(positions: Positions) -> None:
    slow = asyncio.create_task(positions.seek(AT, 1))
    await asyncio.sleep(0)
    positions.close([AT])
    await slow
    assert positions.free([AT]) == set()


def test_a_chunk_is_bounded_by_records_and_by_bytes() -> None:
    assert fitting([record(n) for n in range(3)]) == 3
    assert fitting([record(n) for n in range(CHUNK_RECORDS + 5)]) == CHUNK_RECORDS
    assert fitting([record(n, CHUNK_BYTES // 2) for n in range(5)]) == 2
    assert fitting([record(0, CHUNK_BYTES * 3), record(1)]) == 1
