"""The backfill's engine on small plans: retries, routing, stops, pace, a publisher that refuses."""

import asyncio
import itertools
from collections import Counter

import pytest
from backfill_doubles import GOOD, POOR_QUALITY, Scripted, small, succeed
from msgspec.structs import replace
from processor_doubles import NOON, Kept, VirtualClock, decoded, virtually

from events.heartbeats import ProcessorHeartbeat
from events.results import ImageResult
from events.runs import RunDeclared, RunEvent, RunFinished, RunPaused
from processors.backfill.context import Context
from processors.backfill.documented import documented
from processors.backfill.plan import Plan, next_tier, sufficient_for_detail
from processors.backfill.run import backfill
from processors.clock import WallClock
from processors.errors import CallError
from processors.models.base import Outcome, Request
from processors.models.simulated import SimulatedModel
from processors.summary import Summary


def run(plan: Plan, model: Scripted, kept: Kept, **options: object) -> Summary:
    return virtually(
        lambda: backfill(kept, plan, model, run_id="r", clock=VirtualClock(), **options)  # type: ignore[arg-type]
    )


def told(kept: Kept) -> list[tuple[str, int, int, str, bool, bool]]:
    return [(r.image_id, r.tier, r.attempt, r.status, r.final, r.will_retry) for r in kept.results]


@pytest.mark.parametrize(
    ("score", "output", "tier"),
    [
        (0, GOOD, 3),
        (9, GOOD, 3),
        (9, POOR_QUALITY, 3),
        (10, GOOD, 2),
        (10, POOR_QUALITY, None),
        (30, GOOD, 2),
        (60, GOOD, 2),
        (60, {}, None),
    ],
)
def test_routing(score: int, output: dict[str, object], tier: int | None) -> None:
    assert next_tier(1, Context(score), sufficient=sufficient_for_detail(output)) == tier
    assert next_tier(2, Context(score), sufficient=True) is None
    assert next_tier(3, Context(score), sufficient=True) is None


def test_an_image_with_context_goes_through_tier_1_and_2() -> None:
    kept = Kept()
    summary = run(small(1), Scripted(succeed), kept)
    assert told(kept) == [("i0", 1, 1, "success", False, False), ("i0", 2, 1, "success", True, False)]
    assert summary.complete


def test_an_image_without_context_goes_to_the_gap_finder() -> None:
    kept = Kept()
    run(small(1, timeline_events=0), Scripted(succeed), kept)
    assert [(r.tier, r.model, r.final) for r in kept.results] == [(1, "gpt-4o-mini", False), (3, "gpt-4o", True)]


def test_an_image_of_an_unknown_vehicle_has_no_score() -> None:
    kept = Kept()
    run(small(1, profiles=()), Scripted(succeed), kept)
    assert {r.context_score for r in kept.results} == {None}
    assert kept.results[-1].tier == 3


def test_a_failed_call_is_retried_with_growing_waits_by_the_fallback() -> None:
    def say(request: Request) -> Outcome | CallError:
        return CallError("server_error", "503", retryable=True) if request.attempt < 4 else Outcome(output=POOR_QUALITY)

    kept, model = Kept(), Scripted(say)
    summary = run(small(1), model, kept)
    assert told(kept) == [
        ("i0", 1, 1, "failed", False, True),
        ("i0", 1, 2, "failed", False, True),
        ("i0", 1, 3, "failed", False, True),
        ("i0", 1, 4, "success", True, False),
    ]
    assert [request.model for _, request in model.asked] == ["gpt-4o-mini"] + ["claude-haiku"] * 3
    times = [at for at, _ in model.asked]
    waits = [later - earlier - 0.1 for earlier, later in itertools.pairwise(times)]
    for wait, base in zip(waits, (2, 4, 8), strict=True):
        assert 0.5 * base <= wait <= 1.5 * base
    assert summary.retries == 3
    assert len({r.event_id for r in kept.results}) == 4


def test_retries_end_and_the_image_reaches_no_later_tier() -> None:
    kept = Kept()
    summary = run(small(2), Scripted(lambda _: CallError("timeout", "no answer", retryable=True, timeout=True)), kept)
    assert Counter((tier, attempt, final, again) for _, tier, attempt, _, final, again in told(kept)) == {
        (1, 1, False, True): 2,
        (1, 2, False, True): 2,
        (1, 3, False, True): 2,
        (1, 4, True, False): 2,
    }
    assert summary.failed == {"timeout": 2}
    assert summary.complete
    assert all(r.error and r.error.timeout for r in kept.results)
    assert isinstance(kept.of(RunEvent)[-1], RunFinished)


def test_what_cannot_succeed_is_not_retried() -> None:
    kept = Kept()
    summary = run(small(1), Scripted(lambda _: CallError("invalid_output", "no JSON", cost_usd=0.0001)), kept)
    assert told(kept) == [("i0", 1, 1, "failed", True, False)]
    assert kept.results[0].cost_usd == 0.0001
    assert summary.cost_nano_usd == {1: 100_000}


def test_a_surprise_in_the_model_fails_one_image() -> None:
    def say(request: Request) -> Outcome:
        if request.image.image_id == "i1":
            raise KeyError("never thought of")
        return Outcome(output=POOR_QUALITY)

    kept = Kept()
    summary = run(small(3), Scripted(say), kept)
    assert summary.failed == {"unexpected_error": 1}
    assert summary.processed == 2
    assert summary.complete


def test_the_providers_wish_to_wait_is_kept() -> None:
    def say(request: Request) -> Outcome | CallError:
        limited = CallError("rate_limited", "429", retryable=True, retry_after_s=45)
        return limited if request.attempt == 1 else Outcome(output=POOR_QUALITY)

    model = Scripted(say)
    run(small(1), model, Kept(), speed=10)
    (first, _), (second, _) = model.asked
    assert second - first == pytest.approx(0.1 + 4.5)


def test_concurrency_is_bounded_and_a_slow_model_loses_nothing() -> None:
    kept, model = Kept(), Scripted(succeed, seconds=20)
    summary = run(small(40), model, kept)
    assert model.most == 6
    assert summary.complete
    assert max(beat.active_requests for beat in kept.of(ProcessorHeartbeat)) == 6


def test_calls_begin_at_the_plans_pace() -> None:
    model = Scripted(lambda _: Outcome(output=POOR_QUALITY))
    run(small(5), model, Kept(), speed=2)
    assert [at for at, _ in model.asked] == pytest.approx([0, 0.3, 0.6, 0.9, 1.2])


def test_without_a_pace_it_goes_as_fast_as_the_slots_allow() -> None:
    plan = small(12)
    model = Scripted(lambda _: Outcome(output=POOR_QUALITY))
    run(replace(plan, steps=tuple(replace(s, batch_seconds=None) for s in plan.steps)), model, Kept())
    assert Counter(round(at, 3) for at, _ in model.asked) == {0: 6, 0.1: 6}


async def _stopped_after(kept: Kept, seconds: float, plan: Plan, model: Scripted) -> Summary:
    stop = asyncio.Event()
    asyncio.get_running_loop().call_later(seconds, stop.set)
    return await backfill(kept, plan, model, run_id="r", clock=VirtualClock(), stop=stop)


def test_a_stop_awaits_open_calls_begins_none_and_pauses_the_run() -> None:
    kept, model = Kept(), Scripted(succeed, seconds=5)
    summary = virtually(lambda: _stopped_after(kept, 12.0, small(500), model))
    assert max(at for at, _ in model.asked) <= 12.0
    assert len(kept.results) == len(model.asked) > 0
    assert summary.stopped
    assert not summary.complete
    assert isinstance(kept.of(RunEvent)[-1], RunPaused)
    states = [beat.state for beat in kept.of(ProcessorHeartbeat)]
    assert list(dict.fromkeys(states)) == ["starting", "running", "draining", "stopped"]
    assert summary.seconds < 20


def test_a_stop_during_a_backoff_does_not_wait_for_it() -> None:
    model = Scripted(lambda _: CallError("rate_limited", "429", retryable=True, retry_after_s=3_600))
    kept = Kept()
    summary = virtually(lambda: _stopped_after(kept, 10.0, small(1), model))
    assert summary.seconds < 12
    assert told(kept) == [("i0", 1, 1, "failed", False, True)]
    assert summary.stopped


def test_started_again_it_repeats_the_same_events() -> None:
    one, two = Kept(), Kept()
    virtually(lambda: _stopped_after(one, 5.0, small(50), Scripted(succeed)))
    run(small(50), Scripted(succeed), two)
    first = {r.event_id: (r.image_id, r.tier, r.attempt) for r in one.results}
    second = {r.event_id: (r.image_id, r.tier, r.attempt) for r in two.results}
    assert first
    assert first.items() <= second.items()


def test_cancelled_it_ends_at_once_and_says_so() -> None:
    kept = Kept()

    async def work() -> None:
        running = asyncio.create_task(
            backfill(kept, small(500), Scripted(succeed, seconds=3_600), run_id="r", clock=VirtualClock())
        )
        await asyncio.sleep(10)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        assert asyncio.get_running_loop().time() == 10

    virtually(work)
    assert kept.of(ProcessorHeartbeat)[-1].state == "stopped"


def test_a_publisher_that_refuses_is_said() -> None:
    kept = Kept(lambda event: isinstance(event, ImageResult) and event.image_id == "i3" and event.tier == 2)
    summary = run(small(6), Scripted(succeed), kept)
    assert summary.unpublished == 1
    assert summary.unpublished_images == ["i3"]
    assert summary.ended == 6
    assert not summary.complete


def test_refused_heartbeats_are_no_loss() -> None:
    summary = run(small(3), Scripted(succeed), Kept(lambda event: isinstance(event, ProcessorHeartbeat)))
    assert summary.unpublished == 0
    assert summary.complete


def test_results_carry_what_lineage_needs() -> None:
    kept = Kept()
    run(small(1), Scripted(succeed), kept)
    for result in kept.results:
        assert decoded(result) == result
        assert result.run_id == "r"
        assert result.processor_id == "backfill-1"
        assert result.strategy == "context-driven"
        assert result.vehicle_id == "car"
        assert result.context_score == 12
        assert result.context_items == ["4 timeline events"]
        assert result.prompt_version
        assert result.started_at is not None
        assert result.started_at <= result.event_time
    assert isinstance(kept.of(RunEvent)[0], RunDeclared)


async def test_the_whole_backfill_on_the_wall_clock_at_great_speed() -> None:
    made = documented(3, NOON)
    kept = Kept()
    clock = WallClock()
    model = SimulatedModel(made.scenes, seed=3, clock=clock, speed=1e6)
    summary = await backfill(kept, made.plan, model, run_id="r", speed=1e6, clock=clock)
    assert summary.complete
    assert sum(summary.cost_nano_usd.values()) == 13_672_400_000
