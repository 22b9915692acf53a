"""What the run stage decides of alerts, step by step, without a Kafka."""

import json
from typing import Any

import msgspec
from aiokafka import ConsumerRecord

from events import codec
from events.alerts import AlertFiring, AlertResolved, AnyAlert
from events.partials import TOTAL, PartialRow, Partials
from events.snapshots import RunMetrics
from streams.ledger import Ledger
from streams.runs import RUNS, Runs, home_of

PARTITIONS = 4
NOON = 1_795_000_000_000
SECOND = 1_000
HOME = home_of("a", PARTITIONS)


def record(value: bytes, topic: str = "partials", offset: int = 0) -> ConsumerRecord[Any, Any]:
    return ConsumerRecord(f"il.{topic}", 0, offset, NOON, 1, None, value, None, 0, len(value), ())


def failing(results: int = 50) -> ConsumerRecord[Any, Any]:
    counters = {"results": results, "failed": results}
    said = Partials(
        run_id="a",
        source_partition=2,
        sequence=1,
        source_offsets={"results": 10},
        watermark_ms=NOON,
        recorded_ms=NOON,
        first_event_ms=NOON,
        rows=[PartialRow(TOTAL, 0, "totals", "", counters), PartialRow(10_000, NOON, "totals", "", counters)],
    )
    return record(msgspec.json.encode(said))


def told(kind: str, offset: int, run: str | None = None, **fields: Any) -> ConsumerRecord[Any, Any]:
    event = {"event_id": f"e{offset}", "event_type": kind, "event_time": "2026-11-18T00:00:00Z"}
    return record(json.dumps(event | ({"run_id": run} if run else {}) | fields).encode(), "runs", offset)


class Stage:
    """The stage and its ledger: a crash loses the one and keeps the other."""

    def __init__(self) -> None:
        self.ledger = Ledger(RUNS.decode)
        self.log: list[Any] = []
        self.runs = Runs(HOME, PARTITIONS)

    def take(self, topic: Any, *records: ConsumerRecord[Any, Any]) -> None:
        self.write(self.runs.take(topic, records))

    def write(self, step: Any) -> None:
        write = self.ledger.write(step.changed, {}, {}, 0)
        self.ledger.adopt(write)
        self.log += write.entries

    def tick(self, second: int, *, dies: bool = False) -> tuple[list[AnyAlert], dict[str, RunMetrics]]:
        """What is decided and shown; `dies`: before any of it is written."""
        step = self.runs.tick(NOON + second * SECOND)
        if step is None or dies:
            return [], {}
        self.write(step)
        assert {said.topic for said in step.decided} <= {"alerts", "metrics"}
        shown = [msgspec.json.decode(said.value, type=RunMetrics) for said in step.decided if said.topic == "metrics"]
        decided = [codec.decode("alerts", said.value) for said in step.decided if said.topic == "alerts"]
        return decided, {one.run_id or "": one for one in shown}

    def crash(self) -> None:
        self.runs, read = Runs(HOME, PARTITIONS), Ledger(RUNS.decode)
        finals = (read.read(entry.key, entry.value, entry.headers) for entry in self.log)
        for run_id, segments in read.decoded(filter(None, finals)):
            self.runs.restore(run_id, *segments)
        for run_id, segment, _ in read.read_to_end():
            self.runs.restore(run_id, segment)


def test_decided_once_through_crashes_at_every_second() -> None:
    stage = Stage()
    stage.take("partials", failing())
    events: list[AnyAlert] = []
    for second in range(1, 70):
        if second % 3 == 0:
            stage.tick(second, dies=True)
        if second % 2:
            stage.crash()
        said, shown = stage.tick(second)
        events += said
        if shown:
            assert [alert.type for alert in shown["a"].alerts] == ["error_rate"]
    assert [(type(event), event.type) for event in events] == [(AlertFiring, "error_rate")]
    assert events[0].value == 1.0
    stage.take("runs", told("run.finished", 1, "a"))
    stage.crash()
    assert [type(event) for event in stage.tick(71)[0]] == [AlertResolved]
    stage.crash()
    said, shown = stage.tick(72)
    assert (said, shown["a"].alerts) == ([], [])


def test_rules_of_all_runs_are_passed_on_to_every_partition_and_obeyed() -> None:
    stage = Stage()
    change = told("rules.changed", 1, rules={"error_rate": {"for_s": 1}, "nonsense": {"for_s": 1}})
    step = stage.runs.take("runs", [change])
    assert sorted(said.partition for said in step.passed_on if said.partition is not None) == [
        number for number in range(PARTITIONS) if number != HOME
    ]
    stage.write(step)
    other = Runs((HOME + 1) % PARTITIONS, PARTITIONS)
    taken = other.take("partials", [record(step.passed_on[0].value)])
    assert list(taken.changed) == [""]
    assert other.tick(NOON) is None  # they are no run's
    stage.crash()
    stage.take("partials", failing())
    assert stage.tick(1)[0] == []
    assert [event.type for event in stage.tick(2)[0]] == ["error_rate"]


def test_a_silence_of_one_run() -> None:
    stage = Stage()
    stage.take("partials", failing())
    until = "2026-11-18T11:08:00Z"  # NOON is 11:06:40
    stage.take("runs", told("alert.silenced", 1, "a", silence_id="s", until=until, rule="error_rate"))
    for second in range(1, 80):
        said, shown = stage.tick(second)
        assert said == []
        assert shown["a"].alerts[0].silenced_by == "s"
    stage.crash()
    assert [event.type for event in stage.tick(81)[0]] == ["error_rate"]


def test_an_empty_ledger_takes_over_what_fires() -> None:
    stage = Stage()
    stage.take("partials", failing())
    fired = [event for second in range(1, 65) for event in stage.tick(second)[0]]
    anew = Stage()
    anew.runs.recall([record(codec.encode(fired[0]), "alerts")])
    anew.take("partials", failing())
    events = [event for second in range(65, 200) for event in anew.tick(second)[0]]
    assert events == []
    anew.take("runs", told("run.finished", 1, "a"))
    [over] = anew.tick(201)[0]
    assert (over.episode_id, type(over)) == (fired[0].episode_id, AlertResolved)
    ended = Stage()
    ended.runs.recall([record(codec.encode(event), "alerts") for event in (fired[0], over)])
    assert ended.tick(65)[1]["a"].alerts == []
