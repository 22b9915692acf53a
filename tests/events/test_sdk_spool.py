"""The queue on disk, and the lane that stands before it."""

import asyncio
import logging
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from events.sdk.complaints import Complaints
from events.sdk.lane import Lane
from events.sdk.record import Record
from events.sdk.spool import Spool


def records(count: int, start: int = 0, size: int = 20) -> list[Record]:
    return [
        Record(b"k%d" % n if n % 3 else None, b'{"n":%d}' % n + b"\x00\xff" * size, [("h", b"%d" % n)])
        for n in range(start, start + count)
    ]


def drained(spool: Spool, step: int = 7) -> list[Record]:
    found: list[Record] = []
    while some := spool.peek(step, 1 << 20):
        found += some
        spool.drop(len(some))
    return found


def test_what_is_spooled_comes_back_byte_for_byte_in_order(tmp_path: Path) -> None:
    spool = Spool(tmp_path, segment_bytes=500)
    written = records(100)
    for at in range(0, 100, 9):
        assert spool.append(written[at : at + 9]) == len(written[at : at + 9])
    assert len(spool) == 100
    assert drained(spool) == written
    assert len(spool) == 0
    assert not list(tmp_path.iterdir())


def test_the_next_process_finds_what_was_not_delivered(tmp_path: Path) -> None:
    first = Spool(tmp_path, segment_bytes=300)
    written = records(30)
    for one in written:
        first.append([one])
    first.drop(12)
    first.close()
    second = Spool(tmp_path)
    second.append(records(3, start=30))
    found = drained(second)
    # A segment is delivered again from its beginning: some of the 12 may come twice, none of the others is missing.
    assert found == records(33)[33 - len(found) :]
    assert 21 <= len(found) < 33


def test_a_file_belongs_to_one_process_at_a_time(tmp_path: Path) -> None:
    first, second = Spool(tmp_path), Spool(tmp_path)
    first.append(records(2))
    second.append(records(2, start=2))
    assert len(Spool(tmp_path)) == 0
    second.close()
    third = Spool(tmp_path)
    assert drained(third) == records(2, start=2)
    assert drained(first) == records(2)


@pytest.mark.parametrize("damage", [b"\x00", b"\x00\x00\x00\x09\x01\x02\x03\x04abc", b"\xff" * 8, b"\x00" * 64])
def test_a_torn_end_is_cut(tmp_path: Path, damage: bytes) -> None:
    spool = Spool(tmp_path)
    spool.append(records(5))
    spool.close()
    (file,) = tmp_path.iterdir()
    whole = file.stat().st_size
    file.write_bytes(file.read_bytes() + damage)
    again = Spool(tmp_path)
    assert len(again) == 5
    assert file.stat().st_size == whole
    assert drained(again) == records(5)


@settings(max_examples=30, deadline=None)
@given(cut=st.integers(0, 400))
def test_a_file_cut_anywhere_keeps_its_whole_records(tmp_path_factory: pytest.TempPathFactory, cut: int) -> None:
    folder = tmp_path_factory.mktemp("spool")
    spool = Spool(folder)
    spool.append(records(6))
    spool.close()
    (file,) = folder.iterdir()
    file.write_bytes(file.read_bytes()[:cut])
    found = drained(Spool(folder))
    assert found == records(len(found))


def test_it_takes_what_there_is_room_for(tmp_path: Path) -> None:
    spool = Spool(tmp_path, capacity_bytes=10_000)
    taken = spool.append(records(100, size=200))
    assert 10 < taken < 30
    assert spool.append(records(1, size=200)) == 0
    assert drained(spool) == records(taken, size=200)
    assert spool.append(records(3)) == 3


def test_a_write_that_fails_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spool = Spool(tmp_path)
    spool.append(records(3))

    def disk_full(fd: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("os.fsync", disk_full)
        with pytest.raises(OSError, match="No space"):
            spool.append(records(3, start=3))
    spool.append(records(3, start=6))
    assert drained(spool) == records(3) + records(3, start=6)


def test_the_lane_keeps_the_order_over_memory_and_disk(tmp_path: Path) -> None:
    async def scenario() -> list[Record]:
        lane = Lane("results", 100, Spool(tmp_path, segment_bytes=400), Complaints(logging.getLogger(), time.monotonic))
        delivered: list[Record] = []
        written = records(150)
        for at, record in enumerate(written):
            assert lane.put(record)
            if at % 40 == 10:
                lane.next_round()
            if at % 40 == 20:
                lane.save()
            if at % 40 == 30:
                delivered += lane.next_round()
                lane.settle()
        while some := lane.next_round():
            delivered += some
            lane.settle()
        assert lane.waiting == 0
        return delivered

    assert asyncio.run(scenario()) == records(150)


def test_a_full_lane_says_so_and_a_full_disk_keeps_records_in_memory(tmp_path: Path) -> None:
    complain = Complaints(logging.getLogger(), time.monotonic)
    lane = Lane("results", 10, Spool(tmp_path, capacity_bytes=0), complain)
    assert [lane.put(record) for record in records(11)] == [True] * 10 + [False]
    lane.save()
    assert lane.next_round() == records(10)
