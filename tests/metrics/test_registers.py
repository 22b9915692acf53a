"""Registers, what a snapshot makes of them, and the bounds of names."""

from events.heartbeats import ProcessorHeartbeat
from events.results import ImageResult
from events.runs import AnyRunEvent, RunDeclared, RunFinished, RunPaused, RunResumed, RunUpdated
from metrics.fold.buckets import DAY_MS, HOUR_MS, MINUTE_MS, moment
from metrics.fold.lifecycle import Stamp
from metrics.fold.partition import Fold, Record
from metrics.registers import RunRegisters, RunSegment
from metrics.snapshot import snapshot

NOW = 1_795_000_000_000


def result(n: int, at_ms: int, **fields: object) -> Record:
    event = ImageResult(
        event_id=f"e{n}",
        event_time=moment(at_ms),
        run_id="r",
        image_id=f"i{n}",
        status="success",
        **fields,  # type: ignore[arg-type]
    )
    return Record("results", n, at_ms, event)


def registers_of(records: list[Record]) -> RunRegisters:
    registers = RunRegisters("r")
    for run_id, segment in Fold().apply(records).items():
        registers.take_partials(segment.partials(run_id, 0, 1))
    return registers


def declared(**fields: object) -> RunDeclared:
    return RunDeclared(event_id="d", event_time=moment(NOW), run_id="r", **fields)  # type: ignore[arg-type]


def event_of(kind: type[RunPaused | RunResumed | RunFinished], id_: str) -> AnyRunEvent:
    return kind(event_id=id_, event_time=moment(NOW), run_id="r")


def test_a_run_goes_by_the_clock_while_it_is_live() -> None:
    registers = registers_of([result(1, NOW)])
    assert registers.as_of(NOW + HOUR_MS) == NOW + HOUR_MS
    assert registers.as_of(NOW + HOUR_MS + 1) == NOW
    registers.take_run_event(declared(total_images=5), Stamp(NOW, 0, 0))
    assert registers.as_of(NOW + DAY_MS) == NOW + DAY_MS
    registers.take_run_event(event_of(RunFinished, "f"), Stamp(NOW, 0, 1))
    assert registers.as_of(NOW + DAY_MS) == NOW


def test_a_clock_that_is_behind_looks_from_the_arrival_of_the_newest_record() -> None:
    registers = registers_of([result(1, NOW)])
    assert registers.as_of(NOW - HOUR_MS) == NOW
    registers.take_run_event(declared(total_images=5), Stamp(NOW + 1, 0, 0))
    assert registers.as_of(NOW - HOUR_MS) == NOW + 1


def test_a_run_that_nobody_ends_stands_still_a_week_after_its_last_record() -> None:
    registers = registers_of([result(1, NOW)])
    registers.take_run_event(declared(total_images=5), Stamp(NOW + 1, 0, 0))
    week_later = NOW + 1 + 7 * DAY_MS
    assert registers.as_of(week_later - 1) == week_later - 1
    assert registers.as_of(week_later + DAY_MS) == week_later
    assert snapshot(registers, week_later).state == "stalled"


def test_a_declared_total_that_is_reached_ends_the_run() -> None:
    registers = registers_of([result(1, NOW), result(2, NOW)])
    registers.take_run_event(declared(total_images=3), Stamp(NOW, 0, 0))
    assert not registers.finished
    update = RunUpdated(event_id="u", event_time=moment(NOW), run_id="r", total_images=2)
    registers.take_run_event(update, Stamp(NOW, 0, 1))
    assert registers.finished
    assert snapshot(registers, NOW).state == "finished"


def test_the_newest_plan_and_phase_hold_and_a_repeat_changes_nothing() -> None:
    registers = registers_of([result(n, NOW) for n in range(20)])
    registers.take_run_event(declared(total_images=100, name="a", budget_usd=3), Stamp(NOW, 0, 0))
    registers.take_run_event(RunUpdated(event_id="u", event_time=moment(NOW), run_id="r", name="b"), Stamp(NOW, 0, 1))
    registers.take_run_event(event_of(RunPaused, "p"), Stamp(NOW, 0, 2))
    assert snapshot(registers, NOW).state == "paused"
    registers.take_run_event(event_of(RunResumed, "s"), Stamp(NOW, 0, 3))
    registers.take_run_event(event_of(RunPaused, "p"), Stamp(NOW, 0, 4))
    registers.take_run_event(event_of(RunFinished, "f"), Stamp(NOW, 0, 2))
    shown = snapshot(registers, NOW)
    assert (shown.state, shown.name, shown.budget.allocated_nano_usd) == ("running", "b", 3 * 10**9)


def test_a_run_began_when_its_plan_says_else_with_its_first_result() -> None:
    registers = registers_of([result(1, NOW + 5), result(2, NOW + 3)])
    assert snapshot(registers, NOW + 9).started_at == moment(NOW + 3)
    registers.take_run_event(declared(name="a", strategy="context"), Stamp(NOW, 0, 0))
    assert snapshot(registers, NOW + 9).started_at == moment(NOW + 3)
    registers.take_run_event(
        RunUpdated(event_id="u", event_time=moment(NOW), run_id="r", started_at=moment(NOW)), Stamp(NOW, 0, 1)
    )
    shown = snapshot(registers, NOW + 9)
    assert (shown.started_at, shown.strategy) == (moment(NOW), "context")
    assert snapshot(RunRegisters("r"), NOW).started_at is None


def test_heartbeats_of_the_last_two_minutes_add_up() -> None:
    registers = registers_of([result(1, NOW)])

    def beat(processor: str, at_ms: int, queue: int, state: str = "running") -> None:
        event = ProcessorHeartbeat(
            event_id=f"{processor}{at_ms}", event_time=moment(at_ms), run_id="r", processor_id=processor,
            queue_depth=queue, active_requests=1, capacity=4, state=state,  # type: ignore[arg-type]
        )  # fmt: skip
        registers.take_heartbeat(event, Stamp(at_ms, 0, at_ms - NOW + 10 * MINUTE_MS))

    beat("a", NOW - 3 * MINUTE_MS, 100)
    beat("a", NOW - 2 * MINUTE_MS, 10)
    beat("b", NOW, 5)
    beat("c", NOW - 2 * MINUTE_MS - 1, 1_000)
    beat("d", NOW, 1_000, "stopped")
    shown = snapshot(registers, NOW).operations
    assert (shown.processors, shown.queue_depth, shown.active_requests, shown.capacity) == (2, 15, 2, 8)
    segment = registers.changed()
    assert segment is not None
    restored = RunRegisters("r")
    restored.restore(RunSegment.decode(segment.encode()))
    assert snapshot(restored, NOW) == snapshot(registers, NOW)


def test_nothing_changed_is_none() -> None:
    registers = registers_of([result(1, NOW)])
    registers.take_as_of(NOW)
    assert registers.changed() is not None
    assert registers.changed() is None
    registers.take_as_of(NOW)
    assert registers.changed() is None
    registers.take_as_of(NOW + 1)
    assert registers.changed() == RunSegment(as_of_ms=NOW + 1)


def test_two_thousand_names_a_partition_and_two_hundred_a_snapshot() -> None:
    records = [result(n, NOW, model=f"m{n // 2:04}", cost_usd=1, tables={f"t{n // 2:04}": 1}) for n in range(4_010)]
    whole, batched = registers_of(records), RunRegisters("r")
    fold = Fold()
    for at in range(0, len(records), 700):
        for run_id, segment in fold.apply(records[at : at + 700]).items():
            batched.take_partials(segment.partials(run_id, 0, 1 + at))
    shown = snapshot(whole, NOW)
    assert snapshot(batched, NOW) == shown
    assert shown.truncated == ["model", "records"]
    assert len(shown.by_model) == 201
    assert list(shown.by_model)[:200] == [f"m{n:04}" for n in range(200)]
    assert shown.by_model["__other__"]["results"] == 4_010 - 400
    assert sum(model["cost_nano_usd"] for model in shown.by_model.values()) == shown.totals["cost_nano_usd"]
    assert len(shown.totals["records"]) == 201
    assert sum(shown.totals["records"].values()) == 4_010


def test_a_sum_may_pass_64_bits() -> None:
    records = [result(n, NOW, cost_usd=1e6) for n in range(20_000)]
    fold = Fold()
    segment = fold.apply(records)["r"]
    again = Fold()
    again.restore("r", type(segment).decode(segment.encode()))
    [partials] = [s.partials("r", 0, 2) for s in again.apply([result(20_000, NOW, cost_usd=1e6)]).values()]
    registers = RunRegisters("r")
    registers.take_partials(partials)
    assert snapshot(registers, NOW).totals["cost_nano_usd"] == 20_001 * 10**15


def test_velocity_is_the_slope_in_words() -> None:
    rising = [n for n in range(60) for _ in range(1 + n)]
    steady = [n for n in range(60) for _ in range(3)]
    for order, word in ((rising, "up"), (steady, "steady"), ([59 - n for n in rising], "down")):
        records = [result(at, NOW + 10_000 * n) for at, n in enumerate(sorted(order))]
        assert snapshot(registers_of(records), NOW + 600_000).velocity == word
    assert snapshot(registers_of([result(1, NOW)]), NOW + 600_000).velocity is None


def test_segments_without_a_plan_keep_the_plan_of_earlier_ones() -> None:
    registers = RunRegisters("r")
    registers.take_run_event(declared(total_images=5), Stamp(NOW, 0, 0))
    segments = []
    for n in range(3):
        registers.take_as_of(NOW + n)
        segments.append(registers.changed())
    first, second, third = segments
    assert first is not None
    assert second is not None
    assert third is not None
    restored = RunRegisters("r")
    restored.restore(first)
    restored.restore(second.merge(third))
    assert restored.lifecycle == registers.lifecycle
