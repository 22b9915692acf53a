"""What an operator asks of a running backfill, in virtual time: each command is obeyed once and answered."""

import asyncio
import itertools
from collections import Counter
from collections.abc import Callable, Coroutine
from datetime import timedelta
from typing import Any

import pytest
from backfill_doubles import GOOD, POOR_QUALITY, Scripted, small, succeed
from msgspec.structs import replace
from processor_doubles import NOON, Kept, KeptLog, VirtualClock, virtually

from events.commands import CommandIssued
from events.heartbeats import ProcessorHeartbeat
from events.profiles import VehicleProfiled
from events.runs import CommandAcknowledged, RunDeclared, RunEvent, RunFinished, RunPaused, RunResumed, RunUpdated
from processors.backfill.plan import Plan
from processors.backfill.run import backfill
from processors.errors import CallError
from processors.models.base import Outcome, Request
from processors.summary import Summary


def command(action: str, name: str = "", /, **args: Any) -> CommandIssued:
    name = name or action
    return CommandIssued(
        event_id=name,
        event_time=NOON,
        run_id="r",
        command_id=name,
        action=action,  # type: ignore[arg-type]
        args=args or None,
        issued_by="ann",
        reason="because",
    )


class World:
    """A log that outlives the processors that work on it."""

    def __init__(self, plan: Plan, model: Scripted) -> None:
        self.plan, self.model = plan, model
        self.kept = Kept()
        self.log = KeptLog(self.kept)
        self._since = NOON

    async def work(self, stop: asyncio.Event | None = None, **options: Any) -> Summary:
        clock = VirtualClock(self._since)
        try:
            return await backfill(
                self.kept, self.plan, self.model, run_id="r", log=self.log, clock=clock, stop=stop, **options
            )
        finally:
            self._since = clock.now() + timedelta(hours=1)  # each loop's own time begins at 0

    def answers(self) -> list[tuple[str, str]]:
        return [(said.command_id, said.outcome) for said in self.kept.of(CommandAcknowledged)]

    def begun(self, after: int = 0) -> list[float]:
        return [at for at, _ in self.model.asked[after:]]


def at(seconds: float, do: Callable[[], object]) -> None:
    asyncio.get_running_loop().call_later(seconds, do)


def at_once(plan: Plan) -> Plan:
    """The plan without a pace."""
    return replace(plan, steps=tuple(replace(step, batch_seconds=None) for step in plan.steps))


def run(world: World, **when: Callable[[], object]) -> Summary:
    """Works to the end; `t12=…` does something after 12 s."""

    async def work() -> Summary:
        for moment, do in when.items():
            at(float(moment[1:]), do)
        return await world.work()

    return virtually(work)


def test_a_pause_stops_new_calls_and_resume_goes_on_without_a_burst() -> None:
    # The pause comes a second time, after the resume: it is the same command, and obeyed already.
    world = World(small(60), Scripted(succeed, seconds=3))
    summary = run(
        world,
        t12=lambda: world.log.say(command("pause")),
        t200=lambda: world.log.say(command("resume")),
        t230=lambda: world.log.say(command("pause")),
    )
    begun = world.begun()
    assert not [moment for moment in begun if 12 < moment < 200]
    assert [moment for moment in begun if moment < 12]
    after = [moment for moment in begun if 200 <= moment < 215]
    assert min(later - earlier for earlier, later in itertools.pairwise(after)) > 0.59
    assert summary.complete
    assert world.answers() == [
        ("pause", "accepted"), ("pause", "effective"), ("resume", "accepted"), ("resume", "effective")
    ]  # fmt: skip
    accepted, effective = world.kept.of(CommandAcknowledged)[:2]
    assert (accepted.event_time - NOON).total_seconds() == 12
    assert 12 < (effective.event_time - NOON).total_seconds() <= 15  # when the open calls had ended
    (paused,), (resumed,) = world.kept.of(RunPaused), world.kept.of(RunResumed)
    assert (paused.reason, paused.issued_by, resumed.issued_by) == ("because", "ann", "ann")
    beats = [(beat.state, beat.active_requests) for beat in world.kept.of(ProcessorHeartbeat)]
    assert ("paused", 0) in beats
    assert beats[-1] == ("stopped", 0)


def test_a_retry_waits_for_the_resume_too() -> None:
    def say(request: Request) -> Outcome | CallError:
        return Outcome(output=POOR_QUALITY) if request.attempt > 1 else CallError("timeout", "no", retryable=True)

    world = World(small(1), Scripted(say))
    run(world, **{"t0.05": lambda: world.log.say(command("pause")), "t100": lambda: world.log.say(command("resume"))})
    assert [moment for moment in world.begun() if moment > 0] == [pytest.approx(100)]
    assert world.answers()[:2] == [("pause", "accepted"), ("pause", "effective")]


def test_set_concurrency_holds_from_now_on() -> None:
    world = World(at_once(small(200)), Scripted(lambda _: Outcome(output=POOR_QUALITY), seconds=10))
    run(
        world,
        t25=lambda: world.log.say(command("set_concurrency", "more", concurrency=12)),
        t55=lambda: world.log.say(command("set_concurrency", "less", concurrency=2)),
    )
    begun = Counter(round(moment) for moment in world.begun())
    assert [begun[t] for t in (0, 10, 20, 25, 30, 35, 40)] == [6, 6, 6, 6, 6, 6, 6]
    assert {begun[t] for t in range(80, 400, 10)} == {2}
    assert world.answers() == [
        ("more", "accepted"), ("more", "effective"), ("less", "accepted"), ("less", "effective")
    ]  # fmt: skip
    assert {beat.capacity for beat in world.kept.of(ProcessorHeartbeat)} == {6, 12, 2}


@pytest.mark.parametrize(
    ("asked", "why"),
    [
        (command("set_concurrency"), "concurrency"),
        (command("set_concurrency", concurrency=0), "1 to 1000"),
        (command("set_concurrency", concurrency="many"), "Expected `int`"),
        (command("set_concurrency", concurrency=True), "Expected `int`"),
        (command("set_concurrency", concurrency=2, other=1), "other"),
        (command("pause", until="noon"), "takes no arguments"),
        (command("reprocess"), "at least one of"),
        (command("reprocess", tyre=2), "tyre"),
        (command("reprocess", tier="two"), "Expected `int"),
        (command("reprocess", tier=9), "no image"),
        (command("reprocess", image_ids="nowhere"), "no image"),
    ],
)
def test_what_cannot_be_obeyed_is_refused_with_its_reason(asked: CommandIssued, why: str) -> None:
    world = World(small(3), Scripted(succeed))
    run(world, t1=lambda: world.log.say(asked))
    (said,) = world.kept.of(CommandAcknowledged)
    assert said.outcome == "refused"
    assert why in (said.reason or "")
    assert len(world.model.asked) == 6


def staying(world: World, *then: Callable[[], object], **options: Any) -> Callable[[], Coroutine[Any, Any, Summary]]:
    """Works and stays; an hour after the other these things are done, and an hour after the last it is stopped."""

    async def work() -> Summary:
        stop = asyncio.Event()
        for hours, do in enumerate((*then, stop.set), 1):
            at(hours * 3_600, do)
        return await world.work(stop, finished=lambda _: None, **options)

    return work


def test_reprocess_of_what_failed_starts_a_finished_run_again() -> None:
    fails = {"i1", "i4"}

    def say(request: Request) -> Outcome | CallError:
        name = request.image.image_id
        if name in fails:
            return CallError("invalid_output", "no JSON", cost_usd=0.0001)
        return Outcome(output=GOOD, cost_usd=0.001)

    world = World(small(6), Scripted(say))

    def again() -> None:
        fails.discard("i4")
        world.log.say(command("reprocess", failed=True))

    summary = virtually(staying(world, again))
    redone = [r for r in world.kept.results if r.attributes]
    assert {(r.image_id, r.tier, r.attempt, r.status, r.final) for r in redone} == {
        ("i1", 1, 1, "failed", True), ("i4", 1, 1, "success", False), ("i4", 2, 1, "success", True)
    }  # fmt: skip
    assert {r.attributes["command_id"] for r in redone if r.attributes} == {"reprocess"}
    assert all(r.batch_id and r.batch_id.startswith("again-reproces-tier") for r in redone)
    assert len({r.event_id for r in world.kept.results}) == len(world.kept.results)
    assert summary.failed == {"invalid_output": 1}
    assert [failed.image_id for failed in summary.failed_images] == ["i1"]
    assert (summary.processed, summary.ended) == (5, 6)
    assert world.answers() == [("reprocess", "accepted"), ("reprocess", "effective")]
    assert [type(event) for event in world.kept.of(RunEvent)] == [
        RunDeclared, RunFinished, RunResumed, CommandAcknowledged, CommandAcknowledged, RunFinished
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("args", "expected"),
    [
        ({"tier": 2}, {(f"i{n}", 2) for n in range(4)}),
        ({"tier": 1}, {(f"i{n}", tier) for n in range(4) for tier in (1, 2)}),
        ({"model": "gpt-4o-mini-context"}, {(f"i{n}", 2) for n in range(4)}),
        ({"model": "gpt-4o-mini", "tier": 2}, None),
        ({"image_ids": "i0\ni3", "tier": 2}, {("i0", 2), ("i3", 2)}),
        ({"image_ids": "i2"}, {("i2", 1), ("i2", 2)}),
        ({"vehicle_id": "car", "tier": 2}, {(f"i{n}", 2) for n in range(4)}),
        ({"vehicle_id": "bus"}, None),
        ({"all": True}, {(f"i{n}", tier) for n in range(4) for tier in (1, 2)}),
        ({"error_type": "timeout"}, None),
        ({"context_improved": True}, None),
    ],
)
def test_what_reprocess_means(args: dict[str, Any], expected: set[tuple[str, int]] | None) -> None:
    world = World(small(4), Scripted(succeed))
    virtually(staying(world, lambda: world.log.say(command("reprocess", **args))))
    redone = {(r.image_id, r.tier) for r in world.kept.results if r.attributes}
    assert redone == (expected or set())
    assert world.answers()[0] == ("reprocess", "accepted" if expected else "refused")


def profile(**fields: Any) -> VehicleProfiled:
    return VehicleProfiled(event_id="better", event_time=NOON, vehicle_id="car", **fields)


def test_reprocess_where_the_context_improved_costs_the_cheaper_band() -> None:
    """S2: a receipt is added, the score jumps from 40 to 65, and the images are done again for $0.0001."""
    before = {"has_spid": True, "has_factory_manual": True, "well_documented": True}
    world = World(
        replace(small(5), profiles=(replace(profile(**before), event_id="p"),)),
        Scripted(lambda request: Outcome(output=GOOD, cost_usd=request.unit_cost_usd)),
    )

    def improve() -> None:
        world.log.say(profile(**before, receipt_count=5), command("reprocess", context_improved=True))

    virtually(staying(world, improve))
    first = [r for r in world.kept.results if not r.attributes and r.tier == 2]
    again = [r for r in world.kept.results if r.attributes]
    assert {(r.context_score, r.cost_usd) for r in first} == {(40, 0.0005)}
    assert [(r.tier, r.context_score, r.cost_usd, r.final) for r in again] == [(2, 65, 0.0001, True)] * 5


def test_a_vehicle_that_was_poor_is_identified_when_its_context_improves() -> None:
    world = World(small(3, timeline_events=0), Scripted(succeed))
    virtually(
        staying(
            world,
            lambda: world.log.say(profile(timeline_event_count=3), command("reprocess", "one", context_improved=True)),
            lambda: world.log.say(profile(timeline_event_count=4), command("reprocess", "two", context_improved=True)),
            lambda: world.log.say(command("pause")),
        )
    )
    assert Counter(r.tier for r in world.kept.results if not r.attributes) == {1: 3, 3: 3}
    assert Counter(r.tier for r in world.kept.results if r.attributes) == {2: 3}
    assert world.answers() == [("one", "refused"), ("two", "accepted"), ("two", "effective"), ("pause", "refused")]


def test_a_finished_run_refuses_what_only_a_running_one_can_do() -> None:
    world = World(small(2), Scripted(succeed))
    run(world)
    world.log.say(command("pause"), command("resume"), command("set_concurrency", concurrency=3))
    run(world)
    assert world.answers() == [("pause", "refused"), ("resume", "refused"), ("set_concurrency", "refused")]
    assert len(world.kept.results) == 4
    assert len(world.kept.of(RunFinished)) == 1


def test_a_pause_issued_while_nobody_worked_holds() -> None:
    world = World(small(30), Scripted(succeed))

    async def part(seconds: float) -> Summary:
        stop = asyncio.Event()
        at(seconds, stop.set)
        return await world.work(stop)

    virtually(lambda: part(5))
    begun = len(world.model.asked)
    world.log.say(command("pause"))
    for _ in range(2):  # and over a further restart
        assert virtually(lambda: part(60)).stopped
        assert len(world.model.asked) == begun
    assert world.answers() == [("pause", "accepted"), ("pause", "effective")]
    world.log.say(command("resume"))
    assert run(world).complete
    assert Counter(r.image_id for r in world.kept.results if r.final) == {f"i{n}": 1 for n in range(30)}


def test_what_was_set_holds_over_a_restart_and_is_not_obeyed_again() -> None:
    world = World(at_once(small(100)), Scripted(succeed, seconds=10))

    async def part() -> Summary:
        stop = asyncio.Event()
        at(25, stop.set)
        return await world.work(stop)

    world.log.say(command("set_concurrency", concurrency=3))
    virtually(part)
    virtually(part)
    assert world.model.most == 3
    assert world.answers() == [("set_concurrency", "accepted"), ("set_concurrency", "effective")]


@pytest.mark.parametrize("answered", [True, False], ids=["answered", "before the answer"])
def test_a_reprocess_that_was_interrupted_is_completed_not_repeated(answered: bool) -> None:
    world = World(small(20), Scripted(succeed, seconds=2))
    run(world)
    world.log.say(command("reprocess", tier=1))

    async def killed(seconds: float) -> None:
        work = asyncio.create_task(world.work())
        await asyncio.sleep(seconds)
        work.cancel()
        await asyncio.wait({work})

    virtually(lambda: killed(18))
    redone = [r for r in world.kept.results if r.attributes]
    assert 0 < len([r for r in redone if r.final]) < 20
    if not answered:  # its results arrived, its answer did not
        world.kept.events = [e for e in world.kept.events if not isinstance(e, CommandAcknowledged)]
    virtually(lambda: killed(4))
    summary = run(world)
    redone = [r for r in world.kept.results if r.attributes]
    assert Counter((r.image_id, r.tier) for r in redone) == {(f"i{n}", tier): 1 for n in range(20) for tier in (1, 2)}
    assert Counter(r.image_id for r in redone if r.final) == {f"i{n}": 1 for n in range(20)}
    assert summary.complete
    assert sum(summary.calls.values()) == 80
    assert world.answers() == [("reprocess", "accepted"), ("reprocess", "effective")]
    assert run(world).calls == summary.calls


def test_a_run_at_another_pace_says_so() -> None:
    world = World(small(4), Scripted(succeed))

    async def part() -> Summary:
        stop = asyncio.Event()
        at(1, stop.set)
        return await world.work(stop)

    virtually(part)
    virtually(lambda: world.work(speed=10))
    (declared,), (updated,) = world.kept.of(RunDeclared), world.kept.of(RunUpdated)
    assert declared.tiers is not None
    assert updated.tiers is not None
    assert [tier.batch_seconds for tier in declared.tiers] == [30, 45, 60]
    assert [tier.batch_seconds for tier in updated.tiers] == [3, 4.5, 6]
