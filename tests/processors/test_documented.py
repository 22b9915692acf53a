"""S2, Expected timeline and Estimated costs: the documented backfill, counted out."""

import itertools
import json
from collections import Counter, defaultdict

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from processor_doubles import NOON, Kept, VirtualClock, decoded, virtually

from events.codec import encode
from events.heartbeats import ProcessorHeartbeat
from events.numbers import nano_usd
from events.profiles import VehicleProfiled
from events.results import ImageResult
from events.runs import RunDeclared, RunEvent, RunFinished
from processors.backfill.context import band, context_score
from processors.backfill.documented import documented
from processors.backfill.run import backfill
from processors.models.simulated import SimulatedModel
from processors.summary import Summary

SEED = 7


def run_documented(seed: int, publisher: Kept, speed: float = 1.0) -> Summary:
    async def work() -> Summary:
        clock = VirtualClock()
        made = documented(seed, clock.now())
        model = SimulatedModel(made.scenes, seed=seed, clock=clock, speed=speed)
        return await backfill(publisher, made.plan, model, run_id="backfill-s2", speed=speed, clock=clock)

    return virtually(work)


@pytest.fixture(scope="module")
def run() -> tuple[Kept, Summary]:
    kept = Kept()
    return kept, run_documented(SEED, kept)


def test_the_economics_are_the_documented_ones(run: tuple[Kept, Summary]) -> None:
    kept, summary = run
    cost: defaultdict[tuple[int, str], int] = defaultdict(int)
    paid: Counter[tuple[int, str]] = Counter()
    for result in kept.results:
        assert result.cost_usd is not None
        assert result.context_score is not None
        name = "all" if result.tier == 1 else band(result.context_score)
        cost[result.tier, name] += nano_usd(result.cost_usd)
        paid[result.tier, name] += result.cost_usd > 0
    assert paid == {(1, "all"): 2_734, (2, "medium"): 1_870, (2, "good"): 90, (2, "rich"): 40, (3, "poor"): 200}
    assert cost == {
        (1, "all"): 273_400_000,
        (2, "medium"): 9_350_000_000,
        (2, "good"): 45_000_000,
        (2, "rich"): 4_000_000,
        (3, "poor"): 4_000_000_000,
    }
    assert sum(cost.values()) == 13_672_400_000
    assert summary.cost_nano_usd == {1: 273_400_000, 2: 9_399_000_000, 3: 4_000_000_000}


def test_the_plan_is_the_documented_one(run: tuple[Kept, Summary]) -> None:
    declared = decoded(run[0].of(RunDeclared)[0])
    assert isinstance(declared, RunDeclared)
    assert declared.tiers is not None
    assert declared.baseline is not None
    assert [(t.tier, t.images, t.model, t.batch_size, t.batch_seconds) for t in declared.tiers] == [
        (1, 2_734, "gpt-4o-mini", 50, 30),
        (2, 2_000, "gpt-4o-mini-context", 50, 45),
        (3, 200, "gpt-4o", 5, 60),
    ]
    planned = sum(nano_usd((t.images or 0) * (t.unit_cost_usd or 0)) for t in declared.tiers)
    assert planned == 13_672_400_000
    assert declared.total_images == 2_734
    assert nano_usd(declared.total_images * declared.baseline.unit_cost_usd) == 54_680_000_000
    assert declared.tier_order == "series"


def test_every_image_ends_exactly_once_and_six_fail(run: tuple[Kept, Summary]) -> None:
    kept, summary = run
    final = Counter(result.image_id for result in kept.results if result.final)
    assert len(final) == 2_734
    assert set(final.values()) == {1}
    last = {result.image_id: result for result in kept.results}
    assert all(result.final for result in last.values())
    assert Counter(result.status for result in last.values()) == {"success": 2_728, "failed": 6}
    assert summary.failed == {"invalid_output": 6}
    assert summary.complete
    assert not summary.stopped


def test_failed_calls_are_retried_and_cost_nothing(run: tuple[Kept, Summary]) -> None:
    kept, summary = run
    failed = [r for r in kept.results if r.status == "failed" and r.will_retry]
    assert {r.error.type for r in failed if r.error} == {"rate_limited", "server_error", "timeout"}
    assert all(r.cost_usd == 0 and not r.final for r in failed)
    assert all(((r.error and r.error.timeout) or False) == (r.error and r.error.type == "timeout") for r in failed)
    calls = {(r.image_id, r.tier, r.attempt) for r in kept.results}
    assert all((r.image_id, r.tier, r.attempt + 1) in calls for r in failed)
    assert 0.01 < len(failed) / len(kept.results) < 0.04
    assert summary.retries == len(failed)


def test_batches_are_the_documented_ones(run: tuple[Kept, Summary]) -> None:
    images: defaultdict[str, set[str]] = defaultdict(set)
    for result in run[0].results:
        images[result.batch_id or ""].add(result.image_id)
    sizes = {tier: [len(images[b]) for b in sorted(images) if b.startswith(f"tier{tier}")] for tier in (1, 2, 3)}
    assert sizes == {1: [50] * 54 + [34], 2: [50] * 40, 3: [5] * 40}


def test_it_takes_the_documented_time_without_bursts(run: tuple[Kept, Summary]) -> None:
    kept, summary = run
    assert 97 * 60 < summary.seconds < 99 * 60
    started = sorted(r.started_at for r in kept.results if r.tier == 1 and r.attempt == 1 and r.started_at)
    gaps = [(b - a).total_seconds() for a, b in itertools.pairwise(started)]
    assert max(gaps) < 1.2  # planned every 0.6 s
    per_second = Counter(int((r.event_time - NOON).total_seconds()) for r in kept.results)
    assert max(per_second.values()) <= 12


def test_tiers_run_in_series(run: tuple[Kept, Summary]) -> None:
    tiers = [r.tier for r in run[0].results]
    assert tiers == sorted(tiers)


def test_heartbeats_come_each_second_and_tell_the_load(run: tuple[Kept, Summary]) -> None:
    kept, summary = run
    beats = kept.of(ProcessorHeartbeat)
    assert abs(len(beats) - summary.seconds) < 5
    depths = [beat.queue_depth for beat in beats]
    assert depths[0] == 2_734
    assert depths[-1] == 0
    assert beats[-1].state == "stopped"
    assert max(beat.active_requests for beat in beats) <= (beats[0].capacity or 0)
    assert any(beat.rate_limit_remaining is not None and beat.rate_limit_remaining < 500 for beat in beats)


def test_every_event_survives_the_wire(run: tuple[Kept, Summary]) -> None:
    for event in run[0].events:
        assert decoded(event) == event
    assert len({event.event_id for event in run[0].events}) == len(run[0].events)


def test_runs_begin_and_end(run: tuple[Kept, Summary]) -> None:
    assert isinstance(run[0].of(RunEvent)[0], RunDeclared)
    assert isinstance(run[0].of(RunEvent)[-1], RunFinished)


def test_profiles_fit_the_scores(run: tuple[Kept, Summary]) -> None:
    scores = {p.vehicle_id: context_score(p) for p in run[0].of(VehicleProfiled)}
    assert all(r.context_score == scores[r.vehicle_id or ""] for r in run[0].results)
    assert {band(score) for score in scores.values()} == {"rich", "good", "medium", "poor"}


def test_models_vary(run: tuple[Kept, Summary]) -> None:
    models = Counter((r.model, r.provider) for r in run[0].results)
    assert set(models) == {
        ("gpt-4o-mini", "openai"),
        ("gpt-4o-mini-context", "openai"),
        ("gpt-4o", "openai"),
        ("claude-haiku", "anthropic"),
    }
    assert all(r.attempt > 1 for r in run[0].results if r.model == "claude-haiku")


def output_of(result: ImageResult) -> dict[str, object]:
    return dict(json.loads(bytes(result.output)))


def test_outputs_have_the_documented_shape(run: tuple[Kept, Summary]) -> None:
    keys = {
        1: {"tier", "angle", "category", "components_visible", "condition_glance", "image_quality"},
        2: {"tier", "specific_parts", "damage_assessment", "modifications"},
        3: {"tier", "current_context_score", "missing_items", "estimated_improvement"},
    }
    seen = Counter[int]()
    for result in run[0].results:
        if result.status == "success":
            assert set(output_of(result)) == keys[result.tier]
            seen[result.tier] += 1
    assert seen == {1: 2_728, 2: 2_000, 3: 200}


def test_tables_hold_the_answers(run: tuple[Kept, Summary]) -> None:
    tables: Counter[str] = Counter()
    rows: set[str] = set()
    for result in run[0].results:
        answers = result.answers or []
        assert Counter(a.table for a in answers) == (result.tables or {})
        assert result.questions_asked >= len(answers)
        tables.update(result.tables or {})
        new = {f"{a.table}/{a.record_id}" for a in answers}
        assert len(new) == len(answers)
        assert rows.isdisjoint(new)
        rows |= new
    assert set(tables) == {
        "image_tags",
        "part_identifications",
        "vehicle_modifications",
        "maintenance_alerts",
        "missing_context_reports",
    }
    assert tables["missing_context_reports"] == 200


def test_gap_reports_name_what_the_profile_lacks(run: tuple[Kept, Summary]) -> None:
    profiles = {p.vehicle_id: p for p in run[0].of(VehicleProfiled)}
    for result in run[0].results:
        if result.tier == 3 and result.status == "success":
            assert result.gaps
            items = {gap.item for gap in result.gaps}
            profile = profiles[result.vehicle_id or ""]
            assert ("Receipts for visible modifications" in items) == (profile.receipt_count == 0)
            assert output_of(result)["current_context_score"] == context_score(profile)


def test_a_seed_reproduces_content_and_ids_at_any_speed(run: tuple[Kept, Summary]) -> None:
    again = Kept()
    run_documented(SEED, again, speed=600)

    def content(kept: Kept) -> dict[str, bytes]:
        volatile = {"event_time": NOON, "started_at": None}
        return {r.event_id: encode(replace(r, **volatile)) for r in kept.results}

    assert content(again) == content(run[0])


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_any_seed_makes_the_documented_numbers(seed: int) -> None:
    plan, scenes = documented(seed, NOON)
    bands = {p.vehicle_id: band(context_score(p)) for p in plan.profiles}
    routed = Counter(
        (bands[image.vehicle_id or ""], scenes[image.image_id].sufficient)
        for image in plan.images
        if scenes[image.image_id].readable
    )
    assert routed["medium", True] == 1_870
    assert routed["good", True] == 90
    assert routed["rich", True] == 40
    assert routed["poor", True] + routed["poor", False] == 200
    assert len({image.image_id for image in plan.images}) == 2_734
    assert documented(seed, NOON) == (plan, scenes)


def test_another_seed_is_another_backfill() -> None:
    one, two = documented(1, NOON).plan, documented(2, NOON).plan
    assert {i.image_id for i in one.images}.isdisjoint(i.image_id for i in two.images)
