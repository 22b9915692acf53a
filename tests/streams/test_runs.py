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

from events.partials import TOTAL, PartialRow, Partials
from events.snapshots import RunMetrics
from streams.ledger import Ledger
from streams.runs import RUNS, SNAPSHOTS_PER_SECOND, PassedOn, Runs, home_of
from streams.setup import Outgoing

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


def shown(outgoing: Sequence[Outgoing]) -> dict[str, RunMetrics]:
    assert {said.topic for said in outgoing} <= {"metrics"}
    return {said.key.decode(): msgspec.json.decode(said.value, type=RunMetrics) for said in outgoing}


def tick(runs: Runs, now_ms: int) -> dict[str, RunMetrics]:
    step = runs.tick(now_ms)
    return {} if step is None else shown(step.outgoing(1))


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
    names = [f"run-{number}" for number in range(SNAPSHOTS_PER_SECOND + 50)]
    runs.take("partials", [partials(name, 1) for name in names])
    first = tick(runs, NOON)
    second = tick(runs, NOON + SECOND)
    assert len(first) == len(second) == SNAPSHOTS_PER_SECOND
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
    for entry in log:
        if (final := read.read(entry.key, entry.value, entry.headers)) is not None:
            again.restore(*final)
    for run_id, segment, _ in read.read_to_end():
        again.restore(run_id, segment)
    at = NOON + 20 * SECOND
    assert tick(again, at) == tick(runs, at)


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
