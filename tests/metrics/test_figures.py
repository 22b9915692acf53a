"""The worked examples of S0 (dashboard drawing, cost projections) and the edges of the definitions in DESIGN.md 4.3."""

import pytest

from events.runs import Baseline, RunDeclared, TierPlan
from events.snapshots import Day, Progress, Projection
from metrics.figures.throughput import Minutes, Recent
from metrics.fold.buckets import moment
from metrics.forecast import eta, projection
from metrics.forecast.progress import progress

NOTHING = Recent(0, {}, {})
NANO = 10**9


def plan(**fields: object) -> RunDeclared:
    return RunDeclared(event_id="plan", event_time=moment(0), run_id="backfill", **fields)  # type: ignore[arg-type]


def window(images: int, minutes: float, **tiers: int) -> Recent:
    by_tier = {int(name[1:]): {"processed_subjects": n} for name, n in tiers.items()}
    return Recent(round(minutes * 60_000), {"processed_subjects": images, "results": images}, by_tier)


def test_869_images_left_at_18_5_a_minute_are_47_minutes() -> None:
    declared = plan(total_images=2_741)
    far = progress(declared, {"processed_subjects": 1_872}, {}, NOTHING, 0)
    assert (far.left, far.percent) == (869, 68.3)
    found = eta.eta("running", declared, far, window(185, 10), NOTHING, Minutes([], {}), as_of_ms=0)
    assert found.text == "47m"
    assert found.seconds == pytest.approx(869 / 18.5 * 60)
    assert found.seconds_low is not None
    assert found.seconds_high is not None
    assert (found.seconds_low + found.seconds_high) / 2 == pytest.approx(found.seconds)
    assert found.completion == moment(round(869 / 18.5 * 60_000))


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "<1m"), (29, "<1m"), (30, "1m"), (47 * 60 + 29, "47m"), (59.6 * 60, "1h 0m"), (8_100, "2h 15m")],
)
def test_an_eta_reads_to_the_nearest_minute(seconds: float, text: str) -> None:
    assert eta.text(seconds) == text


@pytest.mark.parametrize(("order", "seconds"), [("series", 1_500), (None, 1_500), ("parallel", 900)])
def test_tiers_follow_one_another_unless_the_plan_says_otherwise(order: str | None, seconds: float) -> None:
    tiers = [TierPlan(tier=1, images=200), TierPlan(tier=2, images=100)]
    declared = plan(total_images=200, tiers=tiers, tier_order=order)
    done = {1: {"processed_subjects": 100}, 2: {"processed_subjects": 10}}
    lately = window(10, 10, t1=100, t2=100)  # 100 left of tier 1 at 10 a minute; 90 left of tier 2 at 10 a minute
    lately = lately._replace(by_tier={1: {"processed_subjects": 100}, 2: {"processed_subjects": 60}})
    far = progress(declared, {"processed_subjects": 10}, done, lately, 0)
    assert [tier.seconds_left for tier in far.tiers] == [600, 900]
    found = eta.eta("running", declared, far, lately, NOTHING, Minutes([], {}), as_of_ms=0)
    assert found.seconds == pytest.approx(seconds)


def test_a_tier_that_has_not_begun_goes_by_its_planned_batches() -> None:
    declared = plan(total_images=10, tiers=[TierPlan(tier=3, images=10, batch_size=5, batch_seconds=60)])
    far = progress(declared, {}, {}, NOTHING, 0)
    found = eta.eta("running", declared, far, window(0, 10), NOTHING, Minutes([], {}), as_of_ms=0)
    assert found.seconds == 120
    reach = 120 * eta.Z_80 * eta.PLANNED
    assert (found.seconds_low, found.seconds_high) == pytest.approx((120 - reach, 120 + reach))


def test_batches_without_a_time_and_tiers_without_images_say_nothing() -> None:
    tiers = [TierPlan(tier=1, images=10, batch_size=5), TierPlan(tier=2, images=0)]
    declared = plan(total_images=10, tiers=tiers)
    far = progress(declared, {}, {}, NOTHING, 0)
    assert eta.eta("running", declared, far, NOTHING, NOTHING, Minutes([], {}), as_of_ms=0).seconds is None
    timed = plan(total_images=10, tiers=[TierPlan(tier=1, images=10, batch_size=5, batch_seconds=60), tiers[1]])
    assert eta.eta("running", timed, far, NOTHING, NOTHING, Minutes([], {}), as_of_ms=0).seconds == 120


@pytest.mark.parametrize(("complete", "batches"), [(9, 2), (10, 3)])
def test_the_last_batch_is_a_smaller_one(complete: int, batches: int) -> None:
    declared = plan(tiers=[TierPlan(tier=1, images=10, batch_size=4)])
    [tier] = progress(declared, {}, {1: {"processed_subjects": complete}}, NOTHING, 0).tiers
    assert (tier.batches, tier.batches_complete) == (3, batches)


def test_without_a_total_or_a_rate_there_is_no_eta() -> None:
    far = progress(None, {"processed_subjects": 5}, {}, NOTHING, 0)
    assert eta.eta("running", None, far, window(5, 1), NOTHING, Minutes([], {}), as_of_ms=0).text is None
    declared = plan(total_images=10)
    assert (
        eta.eta(
            "running", declared, progress(declared, {}, {}, NOTHING, 0), NOTHING, NOTHING, Minutes([], {}), 0
        ).seconds
        is None
    )


@pytest.mark.parametrize(
    ("phase", "left", "results", "silent_ms", "state"),
    [
        ("open", 5, 19, 0, "warming_up"),
        ("open", 5, 20, 0, "running"),
        ("open", 5, 20, 300_000, "running"),
        ("open", 5, 20, 300_001, "stalled"),
        ("open", None, 20, 300_001, "running"),
        ("paused", 5, 20, 300_001, "paused"),
        ("paused", 0, 20, 0, "finished"),
        ("open", 0, 20, 300_001, "finished"),
        ("finished", 5, 3, 0, "finished"),
    ],
)
def test_states(phase: str, left: int | None, results: int, silent_ms: int, state: str) -> None:
    assert eta.state(phase, left, results, last_event_ms=1_000, as_of_ms=1_000 + silent_ms) == state


def test_projection_and_savings_of_the_drawing() -> None:
    tiers = [
        TierPlan(tier=number, images=images, unit_cost_usd=1) for number, images in ((1, 2_700), (2, 1_000), (3, 300))
    ]
    declared = plan(total_images=2_741, tiers=tiers, baseline=Baseline(name="all gpt-4o", unit_cost_usd=0.02))
    spent = {1: 270_000_000 * 2_604 // 2_700, 2: 1_750_000_000, 3: 1_600_000_000}
    done = {1: 2_604, 2: 500, 3: 100}
    by_tier = {tier: {"cost_nano_usd": spent[tier], "processed_subjects": done[tier]} for tier in spent}
    totals = {"cost_nano_usd": sum(spent.values()), "processed_subjects": 1_872}
    far = progress(declared, totals, by_tier, NOTHING, 0)
    found = projection.projection(declared, far, totals, by_tier, NOTHING, Day(), finished=False)
    assert found.by_tier_nano_usd == {"1": 270_000_000, "2": 3_500_000_000, "3": 4_800_000_000}
    assert found.projected_nano_usd == 8_570_000_000
    assert found.baseline_nano_usd == 54_820_000_000
    assert found.savings_nano_usd == 46_250_000_000


def test_a_tier_costs_what_it_lately_did_else_so_far_else_as_planned() -> None:
    declared = plan(total_images=10, tiers=[TierPlan(tier=1, images=10, unit_cost_usd=7)])
    lately = Recent(600_000, {}, {1: {"cost_nano_usd": 3, "processed_subjects": 1}})
    so_far = {1: {"cost_nano_usd": 10, "processed_subjects": 5}}

    def projected(by_tier: dict[int, dict[str, int]], window: Recent) -> int | None:
        totals = by_tier.get(1, {})
        far = progress(declared, totals, by_tier, window, 0)
        return projection.projection(declared, far, totals, by_tier, window, Day(), finished=False).projected_nano_usd

    assert projected(so_far, lately) == 10 + 5 * 3
    assert projected(so_far, NOTHING) == 10 + 5 * 2
    assert projected({}, NOTHING) == 10 * 7 * NANO


def test_the_breakdown_adds_up_with_what_unplanned_tiers_cost() -> None:
    declared = plan(total_images=3, tiers=[TierPlan(tier=1, images=3, unit_cost_usd=0.5)])
    by_tier = {1: {"cost_nano_usd": 100, "processed_subjects": 3}, 9: {"cost_nano_usd": 11}}
    found = projection.projection(declared, Progress(), {"cost_nano_usd": 111}, by_tier, NOTHING, Day(), finished=False)
    assert (found.by_tier_nano_usd, found.other_nano_usd, found.projected_nano_usd) == ({"1": 100}, 11, 111)


def test_what_is_not_known_is_not_projected() -> None:
    declared = plan(total_images=3, tiers=[TierPlan(tier=1, images=3)])
    found = projection.projection(declared, Progress(), {}, {}, NOTHING, Day(), finished=False)
    assert found.projected_nano_usd is None
    assert (
        projection.projection(
            None, Progress(), {"cost_nano_usd": 5}, {}, NOTHING, Day(), finished=False
        ).projected_nano_usd
        is None
    )


def test_a_run_without_tiers_goes_on_at_its_own_cost_per_image() -> None:
    declared = plan(total_images=10)
    totals = {"cost_nano_usd": 8, "processed_subjects": 4}
    far = progress(declared, totals, {}, NOTHING, 0)
    found = projection.projection(declared, far, totals, {}, NOTHING, Day(), finished=False)
    assert (found.projected_nano_usd, found.other_nano_usd) == (20, 20)


def test_a_finished_run_costs_what_it_cost() -> None:
    declared = plan(total_images=10, tiers=[TierPlan(tier=1, images=10, unit_cost_usd=7)])
    by_tier = {1: {"cost_nano_usd": 10, "processed_subjects": 5}}
    far = progress(declared, by_tier[1], by_tier, NOTHING, 0)
    found = projection.projection(declared, far, by_tier[1], by_tier, NOTHING, Day(), finished=True)
    assert (found.projected_nano_usd, found.by_tier_nano_usd) == (10, {"1": 10})


def test_the_budget() -> None:
    found = projection.budget(plan(budget_usd=10), Projection(spent_nano_usd=4_230_000_000), Day(), finished=False)
    assert (found.allocated_nano_usd, found.remaining_nano_usd, found.spent_fraction) == (
        10 * NANO,
        5_770_000_000,
        0.423,
    )
    assert projection.budget(plan(), Projection(spent_nano_usd=5), Day(), finished=False).remaining_nano_usd is None
