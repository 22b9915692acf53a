from random import Random

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from metrics.fold.identity import KeyTable, identity, keys


@given(st.lists(st.lists(st.integers(0, 60), max_size=40), max_size=12), st.booleans())
@settings(max_examples=100, deadline=None)
def test_a_table_numbers_keys_by_their_first_appearance(batches: list[list[int]], crowded: bool) -> None:
    table, numbers = KeyTable(), dict[bytes, int]()
    for batch in batches:
        # crowded: all keys begin their search at the same slot
        ids = [bytes(8) + n.to_bytes(8, "little") if crowded else identity(str(n)) for n in batch]
        before = set(numbers)
        wanted = [numbers.setdefault(id_, len(numbers)) for id_ in ids]
        positions, first = table.admit(keys(ids))
        assert positions.tolist() == wanted
        assert first.tolist() == [id_ not in before and ids.index(id_) == at for at, id_ in enumerate(ids)]
    assert len(table) == len(numbers)
    assert table.key_bytes(np.arange(len(numbers))) == b"".join(numbers)


def test_a_large_table_agrees_with_a_set_and_stays_small() -> None:
    draw, table, seen = Random(3), KeyTable(), set[bytes]()
    for _ in range(60):
        ids = [identity(str(draw.randrange(250_000))) for _ in range(5_000)]
        _, first = table.admit(keys(ids))
        fresh = set(ids) - seen
        assert {ids[at] for at in np.flatnonzero(first)} == fresh
        assert int(first.sum()) == len(fresh)
        seen |= fresh
    assert len(table) == len(seen)
    assert table.nbytes < 32 * len(seen)


def test_a_table_that_grew_knows_all_it_had() -> None:
    ids, table = keys(identity(str(n)) for n in range(1_000)), KeyTable()
    for begin in range(0, 1_000, 50):
        table.admit(ids[begin : begin + 50])
    positions, first = table.admit(ids)
    assert positions.tolist() == list(range(1_000))
    assert not first.any()
    assert table.everything() == ids.tobytes()


def test_keys_that_share_a_half_are_two() -> None:
    halves = [identity(str(n))[:8] for n in range(2)]
    positions, first = KeyTable().admit(keys([halves[0] + halves[0], halves[0] + halves[1], halves[1] + halves[1]]))
    assert positions.tolist() == [0, 1, 2]
    assert first.all()
    crowded, _ = KeyTable().admit(keys([bytes(8) + half for half in halves]))
    assert crowded.tolist() == [0, 1]


def test_seeds_keep_kinds_of_ids_apart() -> None:
    assert identity("1") != identity("1", 1)
    assert len(identity("é 🙂")) == 16
