"""The run stage's seconds and partitions, without a Kafka."""

import json
from collections.abc import Sequence
from typing import Any

import msgspec
import pytest
from aiokafka import ConsumerRecord
from aiokafka.partitioner import DefaultPartitioner
from hypothesis import given
from hypothesis import strategies as st
from reachable import objects_of

from events.partials import TOTAL, PartialRow, Partials
from events.snapshots import RunMetrics
from metrics.fold.buckets import MINUTE_MS
from metrics.registers import RunRegisters, RunSegment
from metrics.snapshot import snapshot
from streams.entries import HEAD_KEY, Entry
from streams.ledger import Ledger
from streams.offline import comparison
from streams.offline.logs import At
from streams.runs import FINISHED_EVERY_MS, REST_MS, RUNS, SNAPSHOTS_A_LOOK, PassedOn, Runs, home_of
from streams.setup import Outgoing, Step

PARTITIONS = 4
NOON = 1_795_000_000_000
SECOND = 1_000
HOUR = 3_600 * SECOND


def record(value: bytes, topic: str = "partials", offset: int = 0) -> ConsumerRecord[Any, Any]:
    return ConsumerRecord(f"il.{topic}", 0, offset, NOON, 1, None, value, None, 0, len(value), ())


def partials(run_id: str, results: int, sequence: int = 1) -> ConsumerRecord[Any, Any]:
    said = Partials(
        run_id=run_id,
        source_partition=2,
        sequence=sequence,
        source_offsets={"results": 10 * sequence},
        watermark_ms=NOON,
        recorded_ms=NOON,
        first_event_ms=NOON,
        rows=[PartialRow(TOTAL, 0, "totals", "", {"results": results})],
    )
    return record(msgspec.json.encode(said))


def declared(run_id: str, name: str) -> bytes:
    event = {"event_id": name, "event_type": "run.declared", "event_time": "2026-11-18T00:00:00Z", "run_id": run_id}
    return json.dumps({**event, "name": name}).encode()


def finished(run_id: str) -> bytes:
    event = {"event_id": "end", "event_type": "run.finished", "event_time": "2026-11-18T01:00:00Z", "run_id": run_id}
    return json.dumps(event).encode()


def shown(outgoing: Sequence[Outgoing]) -> dict[str, RunMetrics]:
    assert {said.topic for said in outgoing} <= {"metrics"}
    return {said.key.decode(): msgspec.json.decode(said.value, type=RunMetrics) for said in outgoing}


def tick(runs: Runs, now_ms: int) -> dict[str, RunMetrics]:
    step = runs.tick(now_ms)
    return {} if step is None else shown(step.decided)


def test_a_snapshot_a_second_until_nothing_moves_any_more() -> None:
    runs = Runs(home_of("a", PARTITIONS), PARTITIONS)
    assert runs.tick(NOON) is None
    runs.take("partials", [partials("a", 5)])
    first = tick(runs, NOON + SECOND)["a"]
    assert first.totals["results"] == 5
    assert tick(runs, NOON + 2 * SECOND)["a"].as_of > first.as_of  # the clock moves while the run is live
    quiet = tick(runs, NOON + HOUR + SECOND)["a"]  # then it goes by its last event
    assert quiet.as_of.timestamp() * 1000 == NOON
    assert runs.tick(NOON + HOUR + 2 * SECOND) is None
    assert runs.tick(NOON + HOUR + 3 * SECOND) is None
    runs.take("partials", [partials("a", 6, sequence=2)])
    assert tick(runs, NOON + HOUR + 4 * SECOND)["a"].totals["results"] == 6


def test_a_finished_run_is_looked_at_less_often_but_at_once_when_something_comes() -> None:
    runs = Runs(home_of("a", PARTITIONS), PARTITIONS)
    runs.take("partials", [partials("a", 5)])
    runs.take("runs", [record(finished("a"), "runs", 0)])
    seconds = range(1, 3 * FINISHED_EVERY_MS // SECOND)
    at = [second for second in seconds if tick(runs, NOON + second * SECOND)]
    assert at == [1, 1 + FINISHED_EVERY_MS // SECOND, 1 + 2 * FINISHED_EVERY_MS // SECOND]
    runs.take("partials", [partials("a", 6, sequence=2)])
    late = tick(runs, NOON + 3 * FINISHED_EVERY_MS)["a"]
    assert late.totals["results"] == 6
    assert tick(runs, NOON + 3 * FINISHED_EVERY_MS + SECOND) == {}
    quiet = tick(runs, NOON + HOUR + SECOND)["a"]
    assert quiet.as_of.timestamp() * 1000 == NOON
    assert tick(runs, NOON + HOUR + 2 * SECOND) == {}


def test_the_last_second_of_a_finished_runs_hour_is_followed_by_its_last_event() -> None:
    runs = Runs(home_of("a", PARTITIONS), PARTITIONS)
    runs.take("partials", [partials("a", 5)])
    runs.take("runs", [record(finished("a"), "runs", 0)])
    assert tick(runs, NOON + HOUR)["a"].as_of.timestamp() * 1000 == NOON + HOUR
    assert tick(runs, NOON + HOUR + SECOND)["a"].as_of.timestamp() * 1000 == NOON


def test_no_snapshot_is_taken_between_the_records_of_one_chunk() -> None:
    runs = Runs(0, PARTITIONS)
    whole = msgspec.json.decode(partials("a", 5).value, type=Partials)
    runs.take("partials", [record(msgspec.json.encode(msgspec.structs.replace(whole, more=True)))])
    assert tick(runs, NOON + SECOND) == {}
    runs.take("partials", [record(msgspec.json.encode(whole))])
    assert tick(runs, NOON + 2 * SECOND)["a"].totals["results"] == 5


def test_the_moment_of_a_snapshot_is_in_the_ledger() -> None:
    runs = Runs(0, PARTITIONS)
    runs.take("partials", [partials("a", 5)])
    step = runs.tick(NOON + SECOND)
    assert step is not None
    assert step.changed["a"].as_of_ms == NOON + SECOND


def test_the_oldest_snapshots_come_first_and_no_more_than_the_bound() -> None:
    runs = Runs(0, PARTITIONS)
    names = [f"run-{number}" for number in range(SNAPSHOTS_A_LOOK + 50)]
    runs.take("partials", [partials(name, 1) for name in names])
    first = tick(runs, NOON)
    second = tick(runs, NOON + SECOND)
    assert len(first) == len(second) == SNAPSHOTS_A_LOOK
    assert set(first) | set(second) == set(names)


def test_a_state_restored_from_the_ledger_shows_the_same() -> None:
    home = home_of("a", PARTITIONS)
    runs, ledger = Runs(home, PARTITIONS), Ledger(RUNS.decode, tail_bytes=200)
    log = []
    for sequence in range(1, 8):
        steps = [
            runs.take("partials", [partials("a", sequence, sequence)]),
            runs.take("runs", [record(declared("a", f"name {sequence}"), "runs", sequence)]),
            runs.tick(NOON + sequence * SECOND),
        ]
        for step in filter(None, steps):
            write = ledger.write(step.changed, {}, {})
            ledger.adopt(write)
            log += write.entries
    again, read = Runs(home, PARTITIONS), Ledger(RUNS.decode, tail_bytes=200)
    finals = (read.read(entry.key, entry.value, entry.headers) for entry in log)
    for run_id, segments in read.decoded(filter(None, finals)):
        again.restore(run_id, *segments)
    for run_id, segment, _ in read.read_to_end():
        again.restore(run_id, segment)
    at = NOON + 20 * SECOND
    assert tick(again, at) == tick(runs, at)


class Kept:
    """The stage with its ledger, as a partition keeps them: every step is written, and may be read again."""

    def __init__(self, log: Sequence[Entry] = ()) -> None:
        self.log = list(log)
        self.runs = Runs(home_of("a", PARTITIONS), PARTITIONS)
        self.ledger = Ledger(RUNS.decode, RUNS.is_sealed, self.runs.whole, tail_bytes=400)
        finals = (self.ledger.read(entry.key, entry.value, entry.headers) for entry in log)
        for run_id, segments in self.ledger.decoded(filter(None, finals)):
            self.runs.restore(run_id, *segments)
        for run_id, segment, _ in self.ledger.read_to_end():
            self.runs.restore(run_id, segment)

    def write(self, step: Step[RunSegment] | None) -> dict[str, RunMetrics]:
        if step is None:
            return {}
        write = self.ledger.write(step.changed, {}, {})
        self.ledger.adopt(write)
        self.log += write.entries
        return shown(step.decided)

    def compacted(self) -> list[Entry]:
        newest = {entry.key: number for number, entry in enumerate(self.log)}
        return [entry for number, entry in enumerate(self.log) if newest[entry.key] == number]


LATER = NOON + HOUR + SECOND
"""When the run goes by its last event."""


def test_a_live_run_does_not_rest_while_the_clock_is_behind_its_newest_record() -> None:
    runs = Runs(home_of("a", PARTITIONS), PARTITIONS)
    runs.take("partials", [partials("a", 5, sequence=1)])
    assert tick(runs, NOON - HOUR)["a"].as_of.timestamp() * 1000 == NOON
    assert tick(runs, NOON - HOUR + SECOND) == tick(runs, NOON - HOUR + 2 * REST_MS) == {}
    assert runs.awake == {"a"}
    assert tick(runs, NOON + SECOND)["a"].as_of.timestamp() * 1000 == NOON + SECOND


def test_a_declared_run_that_nobody_ends_is_put_to_rest() -> None:
    runs = Runs(home_of("a", PARTITIONS), PARTITIONS)
    runs.take("runs", [record(declared("a", "a"), "runs", 1)])
    week_later = NOON + 7 * 24 * HOUR + SECOND
    assert tick(runs, week_later).keys() == {"a"}
    assert tick(runs, week_later + SECOND) == tick(runs, week_later + SECOND + REST_MS) == {}
    assert runs.awake == set()


def at_rest() -> Kept:
    kept = Kept()
    for sequence in range(1, 6):
        kept.write(kept.runs.take("partials", [partials("a", sequence, sequence)]))
        kept.write(kept.runs.take("runs", [record(declared("a", f"name {sequence}"), "runs", sequence)]))
        kept.write(kept.runs.take("runs", [record(finished("a"), "runs", 9)]))
        kept.write(kept.runs.tick(NOON + sequence * SECOND))
    kept.write(kept.runs.tick(LATER))
    kept.write(kept.runs.tick(LATER + SECOND))
    assert kept.runs.awake == {"a"}
    assert kept.write(kept.runs.tick(LATER + SECOND + REST_MS)) == {}
    assert kept.runs.awake == set()
    return kept


def test_a_run_that_nothing_moves_leaves_memory_and_its_ledger_is_one_segment() -> None:
    kept = at_rest()
    (entry,) = [entry for entry in kept.compacted() if entry.value is not None and entry.key != HEAD_KEY]
    segment = RUNS.decode(entry.value or b"")
    assert segment.packed
    assert segment.opened().rows[0].row.counters == {"results": 5}
    assert kept.runs.tick(LATER + 2 * REST_MS) is None


def test_of_a_run_at_rest_its_packed_form_stays_and_nothing_else() -> None:
    runs, kept = Runs(0, 1), []
    for number in range(4):
        run_ids = [f"run {number} {n}" for n in range(20)]
        runs.take("partials", [partials(run_id, 5) for run_id in run_ids])
        for moment in (NOON, LATER, LATER + SECOND, LATER + SECOND + REST_MS):
            runs.tick(moment)
        assert runs.awake == set()
        kept.append(objects_of(runs))
    assert kept[-1] - kept[1] == 2 * 20


@pytest.mark.parametrize("read_again", ["not", "all of it", "compacted"])
def test_a_run_at_rest_wakes_up_as_it_was(read_again: str) -> None:
    """Whether the worker is the same, or another that reads the ledger with or without what the rest replaced."""
    kept = at_rest()
    if read_again != "not":
        kept = Kept(kept.log if read_again == "all of it" else kept.compacted())
        assert kept.runs.tick(LATER + 2 * REST_MS) is None  # its last snapshot was published before it came to rest
        assert kept.runs.awake == set()
    kept.write(kept.runs.take("partials", [partials("a", 4, sequence=4)]))  # an old one says nothing new
    kept.write(kept.runs.take("partials", [partials("a", 7, sequence=7)]))
    after = kept.write(kept.runs.tick(LATER + 2 * REST_MS))["a"]
    never_rested = Runs(home_of("a", PARTITIONS), PARTITIONS)
    never_rested.take("runs", [record(declared("a", "name 5"), "runs", 5), record(finished("a"), "runs", 9)])
    never_rested.take("partials", [partials("a", 7, sequence=7)])
    assert after == tick(never_rested, LATER + 2 * REST_MS)["a"]
    assert Kept(kept.compacted()).runs.tick(LATER + 2 * REST_MS) is not None  # awake: said once more


def test_a_run_comes_to_rest_again_and_again() -> None:
    kept = at_rest()
    for number in range(1, 4):
        at = LATER + 10 * number * HOUR
        kept.write(kept.runs.take("partials", [partials("a", 5 + number, sequence=5 + number)]))
        for moment in (at, at + SECOND, at + SECOND + REST_MS):
            kept.write(kept.runs.tick(moment))
        assert kept.runs.awake == set()
    assert len([entry for entry in kept.compacted() if entry.value is not None]) == 2  # the run, and the head


def test_a_figure_over_2_to_the_53_is_compared_as_it_is_read() -> None:
    """A day's cost is shown as a fraction: a reader of the snapshot has another number than the fold."""
    said = msgspec.json.decode(partials("a", 1).value, type=Partials)
    cost = {"results": 1, "cost_nano_usd": 2**60 + 1}
    said.rows.append(PartialRow(MINUTE_MS, NOON - NOON % MINUTE_MS, "totals", "", cost))
    runs, registers = Runs(home_of("a", PARTITIONS), PARTITIONS), RunRegisters("a")
    runs.take("partials", [record(msgspec.json.encode(said))])
    registers.take_partials(said)
    read = tick(runs, NOON)["a"]
    assert read.derived["day_cost_nano_usd"] != snapshot(registers, NOON).derived["day_cost_nano_usd"] == 2**60 + 1
    _, differences = comparison.of_snapshot(read, snapshot(registers, NOON), At("metrics", 0, 0))
    assert differences == []


def test_snapshots_are_in_the_transaction_that_records_them() -> None:
    """A paused worker that wakes up is refused as a whole; said beside it, its old snapshot could be the last word."""
    runs = Runs(0, PARTITIONS)
    runs.take("partials", [partials("a", 5)])
    step = runs.tick(NOON)
    assert step is not None
    assert list(shown(step.decided)) == ["a"]
    assert step.outgoing(1) == ()


@given(run_id=st.text(min_size=1, max_size=40))
def test_a_run_is_at_home_where_our_producers_send_its_partials(run_id: str) -> None:
    everywhere = list(range(PARTITIONS))
    assert home_of(run_id, PARTITIONS) == DefaultPartitioner()(run_id.encode(), everywhere, everywhere)


@pytest.mark.parametrize("topic", ["runs", "heartbeats"])
def test_an_event_on_another_partition_than_its_runs_is_passed_on(topic: Any) -> None:
    home = home_of("a", PARTITIONS)
    heartbeat = {"event_id": "1", "event_type": "processor.heartbeat", "processor_id": "p", "queue_depth": 3}
    beat = json.dumps({**heartbeat, "event_time": "2026-11-18T11:06:40Z", "run_id": "a"}).encode()
    value = declared("a", "spring") if topic == "runs" else beat
    step = Runs((home + 1) % PARTITIONS, PARTITIONS).take(topic, [record(value, topic, offset=7)])
    assert not step.changed
    (passed,) = step.passed_on
    assert (passed.topic, passed.key) == ("partials", b"a")
    assert msgspec.json.decode(passed.value, type=PassedOn).offset == 7
    runs = Runs(home, PARTITIONS)
    for _ in range(2):  # said at least once
        taken = runs.take("partials", [record(passed.value)])
        assert not taken.letters
    found = tick(runs, NOON)["a"]
    assert (found.name, found.operations.queue_depth) == (("spring", 0) if topic == "runs" else (None, 3))


def test_what_is_no_event_becomes_a_dead_letter() -> None:
    runs = Runs(0, PARTITIONS)
    for topic in ("partials", "runs", "heartbeats"):
        step = runs.take(topic, [record(b"{}", topic), record(b"", topic), record(b"\xff", topic)])
        assert [dict(letter.headers)["dlq.topic"] for letter in step.letters] == [f"il.{topic}".encode()] * 3
        assert not step.changed
