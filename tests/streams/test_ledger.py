"""The ledger of a partition, without a Kafka: what is written is what is read, whatever compaction leaves of it."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from reachable import objects_of
from tally import Sums, decode

from metrics.registers import RunSegment
from streams.entries import HEAD_KEY, Entry, Head
from streams.errors import LedgerUnreadable
from streams.ledger import TOGETHER, Final, Ledger

TAIL = 300
IDS = {"results": "id-1"}


def new() -> Ledger[Sums]:
    return Ledger(decode, lambda segment: segment.padding == "sealed", tail_bytes=TAIL)


def read(entries: list[Entry], batch: int = 1) -> tuple[Ledger[Sums], list[tuple[str, Sums]], set[str]]:
    """A ledger that has read the records, so many at a time, all segments in the order given, and the runs of the last
    transaction.
    """
    ledger, segments, last = new(), [], set()
    for at in range(0, len(entries), batch):
        finals = (ledger.read(entry.key, entry.value, entry.headers) for entry in entries[at : at + batch])
        for run_id, found in ledger.decoded(filter(None, finals)):
            segments += [(run_id, segment) for segment in found]
    for run_id, segment, is_last in ledger.read_to_end():
        segments.append((run_id, segment))
        if is_last:
            last.add(run_id)
    return ledger, segments, last


def compacted(entries: list[Entry], keep_from: int) -> list[Entry]:
    """As the log cleaner may leave it: of each key the newest record, but all of the last `keep_from`."""
    newest = {entry.key: number for number, entry in enumerate(entries)}
    dirty = len(entries) - keep_from
    return [entry for number, entry in enumerate(entries) if number >= dirty or newest[entry.key] == number]


steps = st.lists(
    st.tuples(st.dictionaries(st.sampled_from(["a", "b", "ü/c"]), st.integers(1, 40), max_size=3), st.booleans()),
    max_size=30,
)


@given(steps=steps, keep_from=st.integers(0, 60), restart_after=st.integers(0, 30), batch=st.integers(1, 60))
def test_reading_gives_what_was_written(
    steps: list[tuple[dict[str, int], bool]], keep_from: int, restart_after: int, batch: int
) -> None:
    """Every offset once and in order, totals right; failed transactions leave nothing; a restart changes nothing."""
    log: list[Entry] = []
    ledger = new()
    offset = 0
    wanted: dict[str, list[tuple[str, int]]] = {}
    for number, (counts, fails) in enumerate(steps):
        if number == restart_after:
            ledger, _, _ = read(log)
        changed = {}
        first = offset
        for run_id, count in counts.items():
            total = len(wanted.get(run_id, [])) + count
            changed[run_id] = Sums(total, [("results", at) for at in range(offset, offset + count)])
            offset += count
        write = ledger.write(changed, {"results": offset - 1}, IDS)
        if fails:
            offset = first
            continue
        ledger.adopt(write)
        log += write.entries
        for run_id, segment in changed.items():
            wanted.setdefault(run_id, []).extend(segment.offsets)
    recovered, segments, _ = read(compacted(log, keep_from), batch)
    found: dict[str, list[tuple[str, int]]] = {}
    totals: dict[str, int] = {}
    for run_id, segment in segments:
        found.setdefault(run_id, []).extend(segment.offsets)
        totals[run_id] = segment.total
    assert found == wanted
    assert totals == {run_id: len(offsets) for run_id, offsets in wanted.items()}
    assert recovered.head == ledger.head


@given(steps=steps, keep_from=st.integers(0, 60), restart_after=st.integers(0, 30), batch=st.integers(1, 60))
def test_a_run_that_lasts_is_put_together_and_costs_what_it_is(
    steps: list[tuple[dict[str, int], bool]], keep_from: int, restart_after: int, batch: int
) -> None:
    """Whatever the cleaner has left, the state is read; and what is not deleted holds little more than the state."""
    wanted: dict[str, Sums] = {}

    def begin() -> Ledger[Sums]:
        return Ledger(decode, whole=wanted.__getitem__, tail_bytes=TAIL, closed_bytes=2 * TAIL)

    log: list[Entry] = []
    ledger = begin()
    for number, (counts, fails) in enumerate(steps * 4):
        if number == restart_after:
            ledger = begin()
            for entry in log:
                ledger.read(entry.key, entry.value, entry.headers)
            list(ledger.read_to_end())
        before = dict(wanted)
        changed = {run_id: Sums(0, [(f"{number}", at) for at in range(count)]) for run_id, count in counts.items()}
        for run_id, segment in changed.items():  # only the newest transactions of a run count, as rows do
            newest = [*wanted.get(run_id, Sums()).offsets, *segment.offsets][-20:]
            segment.total = wanted.get(run_id, Sums()).total + len(segment.offsets)
            wanted[run_id] = Sums(segment.total, newest)
        write = ledger.write(changed, {}, IDS, letters=1)
        if fails:
            wanted.clear()
            wanted.update(before)
            continue
        ledger.adopt(write)
        log += write.entries
    recovered, segments, _ = read(compacted(log, keep_from), batch)
    assert recovered.head == ledger.head
    assert recovered.head.letters == sum(not fails for _, fails in steps * 4)
    found: dict[str, Sums] = {}
    for run_id, segment in segments:
        before_it = found.get(run_id, Sums())
        found[run_id] = Sums(segment.total, [*before_it.offsets, *segment.offsets][-20:])
    assert found == wanted
    live = [entry for entry in compacted(log, 0) if entry.value is not None and entry.key != HEAD_KEY]
    assert sum(len(entry.value or b"") for entry in live) <= len(wanted) * 12 * TAIL


def test_segments_come_by_run_few_at_a_time_and_those_that_are_replaced_are_not_decoded() -> None:
    decoded: list[str] = []

    def note(value: bytes) -> Sums:
        decoded.append(value.decode())
        return Sums(int(value))

    replaced = [Final("a", b"1"), Final("b", b"2"), Final("a", None)]
    kept = [Final("ab"[number % 2], b"%d" % number) for number in range(3, 3 * TOGETHER)]
    given: dict[str, list[int]] = {}
    for run_id, segments in Ledger(note).decoded(iter(replaced + kept)):
        given.setdefault(run_id, []).extend(segment.total for segment in segments)
        assert len(decoded) - sum(map(len, given.values())) == 0
        assert len(segments) <= TOGETHER
    assert given == {run: [int(one.value or 0) for one in replaced[1:2] + kept if one.run_id == run] for run in "ab"}
    assert "1" not in decoded


def test_the_runs_of_the_last_transaction_are_told() -> None:
    ledger = new()
    log = []
    for changed in ({"a": Sums(1), "b": Sums(1)}, {"b": Sums(2), "c": Sums(1)}):
        write = ledger.write(changed, {}, IDS)
        ledger.adopt(write)
        log += write.entries
    _, _, last = read(log)
    assert last == {"b", "c"}


def test_what_the_cleaner_has_left_of_a_deleted_segment_is_not_taken_for_one() -> None:
    """It cleans up to where it has come: the tombstones of the first parts may be behind it, those of the last not."""
    writer = new()
    log: list[Entry] = []
    for run_id in ("a", "b"):
        write = writer.write({run_id: Sums(1, [], "x" * (9 << 20))}, {}, IDS)
        writer.adopt(write)
        log += write.entries
    log = [entry for entry in log if entry.key in (b'["a",0,2]', b'["b",0,1]', b'["b",0,2]')]
    write = writer.write({"c": Sums(3)}, {}, IDS)
    _, segments, _ = read([*log, *write.entries])
    assert segments == [("c", Sums(3))]


def test_a_small_tail_is_rewritten_and_a_large_one_closed() -> None:
    ledger = new()
    keys = []
    for size in (10, 10, TAIL, 10, 10):
        write = ledger.write({"a": Sums(1, [], "x" * size)}, {}, IDS)
        ledger.adopt(write)
        keys.append(write.entries[0].key)
    assert keys == [b'["a",0,0]', b'["a",0,0]', b'["a",0,0]', b'["a",1,0]', b'["a",1,0]']


def test_a_wide_segment_goes_in_parts_and_its_tombstones_too() -> None:
    ledger = new()
    wide = ledger.write({"a": Sums(1, [], "x" * (9 << 20))}, {}, IDS)
    ledger.adopt(wide)
    assert [entry.key for entry in wide.entries] == [b'["a",0,0]', b'["a",0,1]', b'["a",0,2]', HEAD_KEY]
    assert max(len(entry.value or b"") for entry in wide.entries) <= 4 << 20
    again, segments, _ = read(wide.entries)
    assert len(segments[0][1].padding) == 9 << 20
    for sealed in (ledger, again):
        write = sealed.write({"a": Sums(2, [], "sealed")}, {}, IDS)
        assert [entry.key for entry in write.entries if entry.value is None] == [
            b'["a",0,0]',
            b'["a",0,1]',
            b'["a",0,2]',
        ]
    _, after, _ = read(wide.entries + write.entries)
    assert after[-1] == ("a", Sums(2, [], "sealed"))


def test_the_widths_of_segments_that_are_gone_are_forgotten() -> None:
    ledger, log, kept = new(), [], []
    for _ in range(4):
        for payload in (Sums(1, [], "x" * (5 << 20)), Sums(1, [], "sealed")):
            write = ledger.write({"a": payload}, {}, IDS)
            ledger.adopt(write)
            log += write.entries
        kept.append((objects_of(ledger), objects_of(read(log)[0])))
    assert kept[-1] == kept[0]


@pytest.mark.parametrize(
    ("key", "value"), [(HEAD_KEY, b'{"format": 4}'), (HEAD_KEY, b"no json"), (b"somebody else's", b"{}")]
)
def test_another_format_is_refused_with_a_remedy(key: bytes, value: bytes) -> None:
    with pytest.raises(LedgerUnreadable, match="imageledger replay --into PREFIX"):
        new().read(key, value, [])


def test_an_older_format_is_read_on_and_what_it_lacks_is_folded_anew() -> None:
    applied = {"partials": 7, "runs": 3, "heartbeats": 4}
    ledger = Ledger(RunSegment.decode, reread=("runs", "heartbeats"))
    ledger.read(HEAD_KEY, msgspec.json.encode(Head(format=1, sequence=5, applied=applied)), [])
    assert ledger.head == Head(sequence=5, applied={"partials": 7})
    ledger.read(HEAD_KEY, msgspec.json.encode(Head(format=2, sequence=5, applied=applied)), [])
    assert ledger.head == Head(sequence=5, applied=applied)  # format 2 lacks nothing
    old = b'{"sources":{},"rows":[],"lifecycle":{"phase":"paused","next_offset":4},"heartbeats":[[{},1]],"as_of_ms":1}'
    assert RunSegment.decode(old) == RunSegment(as_of_ms=1)
