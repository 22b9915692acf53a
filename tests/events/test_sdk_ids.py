"""Ids that sort by time, and partitions that every client agrees on."""

import threading
import uuid

import aiokafka.partitioner
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from events.sdk.ids import Uuid7, uuid7
from events.sdk.partitioning import murmur2, partition_of


def test_an_id_is_a_uuid_of_version_7_that_says_its_time() -> None:
    made = uuid.UUID(Uuid7(lambda: 0x0123456789AB, lambda bits: (1 << bits) - 1)())
    assert (made.version, made.variant) == (7, uuid.RFC_4122)
    assert made.int >> 80 == 0x0123456789AB


def test_the_example_of_rfc_9562_has_our_layout() -> None:
    # RFC 9562, A.6: unix_ts_ms 0x017F22E279B0, rand_a 0xCC3, rand_b 0x18C4DC0C0C07398F.
    sample = uuid.UUID("017F22E2-79B0-7CC3-98C4-DC0C0C07398F")
    noise = 0x4C3 << 62 | 0x18C4DC0C0C07398F  # our counter starts with its highest bit clear
    ours = uuid.UUID(Uuid7(lambda: 0x017F22E279B0, lambda _: noise)())
    assert ours.int ^ sample.int == 0x800 << 64


@settings(deadline=None)
@given(st.lists(st.integers(0, 5), min_size=1, max_size=50))
def test_ids_only_grow_even_where_the_clock_steps_back(clock: list[int]) -> None:
    ticks = iter(clock)
    make = Uuid7(lambda: next(ticks))
    made = [make() for _ in clock]
    assert made == sorted(set(made))


def test_a_millisecond_may_hold_more_ids_than_its_counter() -> None:
    make = Uuid7(lambda: 1_000)
    made = [make() for _ in range(10_000)]
    assert made == sorted(set(made))
    assert uuid.UUID(made[-1]).int >> 80 > 1_000


def test_threads_never_share_an_id() -> None:
    made: list[list[str]] = [[] for _ in range(8)]
    threads = [threading.Thread(target=lambda mine=mine: mine.extend(uuid7() for _ in range(2_000))) for mine in made]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(mine == sorted(mine) for mine in made)
    assert len({one for mine in made for one in mine}) == 16_000


@settings(deadline=None)
@given(st.binary(max_size=60))
def test_murmur2_is_kafkas(key: bytes) -> None:
    assert murmur2(key) == aiokafka.partitioner.murmur2(key)
    everyone = aiokafka.partitioner.DefaultPartitioner()
    assert partition_of(key, [0, 1, 2, 3, 4]) == everyone(key, [0, 1, 2, 3, 4], [])


@pytest.mark.parametrize(("key", "expected"), [(b"21", -973932308), (b"foobar", -790332482), (b"abc", 479470107)])
def test_murmur2_gives_what_kafkas_own_test_expects(key: bytes, expected: int) -> None:
    # org.apache.kafka.common.utils.UtilsTest.testMurmur2
    assert murmur2(key) == expected & 0xFFFFFFFF


def test_without_a_key_any_partition_will_do() -> None:
    assert {partition_of(None, [0, 1, 2]) for _ in range(200)} == {0, 1, 2}
