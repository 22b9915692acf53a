"""Phases, stages, promises, shifts, hindrances, health, runway: each by hand, at its edges."""

from datetime import timedelta
from typing import Any

import pytest

from events.heartbeats import ProcessorHeartbeat
from events.results import Answer, ComponentResult, ImageResult
from events.runs import RunDeclared, RunFinished, Sla, TierPlan
from events.snapshots import Hindrance, Operations, RateLimit, RunMetrics, Stage
from events.snapshots import Sla as SlaFigures
from metrics.figures import health, operations, shifts, throughput
from metrics.fold.buckets import MINUTE_MS, moment
from metrics.fold.lifecycle import Stamp
from metrics.fold.partition import Fold, Record
from metrics.forecast.hindrance import FEWEST_RESULTS
from metrics.registers import RunRegisters
from metrics.snapshot import snapshot

NOW = 1_795_000_200_000
MINUTE = MINUTE_MS


def result(number: int, at_ms: int, **fields: Any) -> Record:
    own = {"status": "success", "image_id": f"i{number}"} | fields
    kind = ComponentResult if "component_id" in own else ImageResult
    if kind is ComponentResult:
        del own["image_id"]
    event = kind(event_id=f"e{number}", event_time=moment(at_ms), run_id="r", **own)
    return Record("results", number, at_ms, event)


def registers_of(records: list[Record], **plan: Any) -> RunRegisters:
    registers = RunRegisters("r")
    for segment in Fold().apply(records).values():
        registers.take_partials(segment.partials("r", 0, 1))
    declared = RunDeclared(event_id="p", event_time=moment(NOW), run_id="r", **plan)
    registers.take_run_event(declared, Stamp(NOW, 0, 0))
    return registers


def beat(registers: RunRegisters, at_ms: int, offset: int = 0, **fields: Any) -> None:
    event = ProcessorHeartbeat(
        event_id=f"b{offset}", event_time=moment(at_ms), run_id="r", **({"processor_id": f"p{offset}"} | fields)
    )
    registers.take_heartbeat(event, Stamp(at_ms, 0, offset))


def test_the_plan_against_what_came() -> None:
    tier = TierPlan(tier=1, name="look", images=10, unit_cost_usd=0.5, batch_size=4, batch_seconds=30)
    records = [result(n, NOW + n * 30_000, cost_usd=0.25, tier=1) for n in range(5)]
    records += [result(9, NOW + MINUTE, tier=2, status="failed", cost_usd=1)]
    first, second = snapshot(registers_of(records, tiers=[tier]), NOW + 2 * MINUTE).phases
    assert (first.tier, first.name, first.began_at, first.last_result_at) == (
        1, "look", moment(NOW), moment(NOW + 2 * MINUTE),
    )  # fmt: skip
    planned, actual = first.planned, first.actual
    assert (planned.images, planned.seconds, planned.images_per_minute) == (10, 90, 10 * 60 / 90)
    assert (planned.cost_nano_usd, planned.unit_cost_nano_usd) == (5 * 10**9, 5 * 10**8)
    assert (actual.images, actual.seconds, actual.images_per_minute) == (5, 120, 2.5)
    assert (actual.cost_nano_usd, actual.unit_cost_nano_usd) == (1_250_000_000, 250_000_000)
    assert (second.planned.images, second.actual.images, second.actual.cost_nano_usd) == (None, 0, 10**9)
    assert (second.actual.seconds, second.actual.unit_cost_nano_usd, second.actual.images_per_minute) == (0, None, None)


def test_a_phase_that_did_not_begin() -> None:
    [phase] = snapshot(registers_of([], tiers=[TierPlan(tier=3, images=10)]), NOW).phases
    assert (phase.actual.images, phase.actual.seconds, phase.began_at) == (None, None, None)
    assert (phase.planned.seconds, phase.planned.cost_nano_usd, phase.planned.images_per_minute) == (None, None, None)


def test_a_tiers_span_is_that_of_all_partitions() -> None:
    registers = RunRegisters("r")
    for partition, at_ms in ((0, NOW), (1, NOW - 5 * MINUTE), (2, NOW + MINUTE)):
        for segment in Fold().apply([result(partition, at_ms)]).values():
            registers.take_partials(segment.partials("r", partition, 1))
    [phase] = snapshot(registers, NOW + MINUTE).phases
    assert (phase.began_at, phase.last_result_at) == (moment(NOW - 5 * MINUTE), moment(NOW + MINUTE))


def test_scores_and_stages() -> None:
    records = [
        result(1, NOW, component_id="c", scores={"code_quality": 0.5}, stages={"embedding": 100, "generation": 300},
               stage_costs={"embedding": 0.25, "validation": 0.75}),
        result(2, NOW, component_id="d", scores={"code_quality": 0.75}, stages={"generation": 400.0}),
    ]  # fmt: skip
    shown = snapshot(registers_of(records), NOW)
    assert shown.scores == {"code_quality": 0.625}
    assert shown.stages == {
        "embedding": Stage(
            mean_ms=100, time_share=0.125, cost_nano_usd=250_000_000, cost_share=0.25, mean_cost_nano_usd=250_000_000
        ),
        "generation": Stage(mean_ms=350, time_share=0.875),
        "validation": Stage(cost_nano_usd=750_000_000, cost_share=0.75, mean_cost_nano_usd=750_000_000),
    }
    assert shown.totals["stages"]["generation"] == {"ms_sum": 700, "count": 2}


def test_a_stages_cost_is_of_the_results_that_said_it() -> None:
    shown = snapshot(registers_of([result(n, NOW, stage_costs={"x": 0.5}) for n in range(4)]), NOW).stages["x"]
    assert (shown.cost_nano_usd, shown.mean_cost_nano_usd) == (2 * 10**9, 5 * 10**8)


def test_batches_without_a_time_have_no_pace() -> None:
    tier = TierPlan(tier=1, images=10, batch_size=5)
    [phase] = snapshot(registers_of([], tiers=[tier]), NOW).phases
    assert (phase.planned.seconds, phase.planned.images_per_minute) == (None, None)


def test_a_promised_error_rate_is_not_judged_before_a_result() -> None:
    shown = snapshot(registers_of([], sla=Sla(error_rate=0.1)), NOW).sla
    assert (shown.error_rate, shown.error_rate_met) == (0.1, None)


def test_promises() -> None:
    records = [result(n, NOW, latency_ms=100 * n, status="failed" if n == 1 else "success") for n in range(1, 11)]
    promised = Sla(latency_ms=500, error_rate=0.1, deadline=moment(NOW))
    shown = snapshot(registers_of(records, total_images=9, sla=promised), NOW)
    assert (shown.state, shown.sla.within_latency, shown.ratios["sla_compliance"]) == ("finished", 0.5, 0.5)
    assert (shown.sla.error_rate_met, shown.sla.deadline_met) == (True, True)
    tighter = Sla(error_rate=0.09, deadline=moment(NOW) - timedelta(seconds=1))
    shown = snapshot(registers_of(records, total_images=9, sla=tighter), NOW)
    assert (shown.sla.error_rate_met, shown.sla.deadline_met, shown.sla.within_latency) == (False, False, None)
    assert snapshot(registers_of(records), NOW).sla == SlaFigures()
    open_end = snapshot(registers_of(records, total_images=99, sla=tighter), NOW).sla
    assert open_end.deadline_met is None


def test_confidence_and_those_below_the_threshold() -> None:
    confidences = [0.0, 0.049, 0.05, 0.699, 0.7, 0.949999, 0.95, 1.0, 1.0]
    records = [result(n, NOW, confidence=c) for n, c in enumerate(confidences)]
    found = snapshot(registers_of(records), NOW).confidence
    assert (found.threshold, found.violations) == (0.7, 4)
    assert found.distribution == [2, 1] + [0] * 11 + [1, 1, 0, 0, 0, 1, 3]
    assert found.mean == pytest.approx(sum(confidences) / 9)
    for threshold, violations in ((1.0, 7), (0.95, 6), (0.06, 2), (0.0, 0), (-1.0, 0), (2.0, 7)):
        shown = snapshot(registers_of(records, targets={"confidence_threshold": threshold}), NOW)
        assert (shown.confidence.violations, shown.derived["confidence_violations"]) == (violations, violations)
    assert snapshot(registers_of([result(1, NOW)]), NOW).confidence.distribution == []


def shifted() -> RunMetrics:
    records = [
        result(n, NOW - 30 * MINUTE + n, status="failed" if n < 10 else "success", latency_ms=100,
               scores={"x": 0.5}, stages={"y": 1}) for n in range(100)
    ]  # fmt: skip
    records += [
        result(100 + n, NOW - 5 * MINUTE + n, status="failed" if n < 20 else "success", latency_ms=150, cost_usd=0.1,
               scores={"x": 0.25}) for n in range(50)
    ]  # fmt: skip
    return snapshot(registers_of(records), NOW)


def test_shifts() -> None:
    found = shifted().shifts
    errors = found["error_rate"]
    assert (errors.recent, errors.before, errors.recent_count, errors.before_count) == (0.4, 0.1, 50, 100)
    assert errors.change == pytest.approx(3)
    pooled = 30 / 150
    assert errors.z == pytest.approx(0.3 / (pooled * (1 - pooled) * (1 / 50 + 1 / 100)) ** 0.5)
    assert (found["latency_ms"].change, found["latency_ms"].z) == (0.5, None)
    assert (found["score.x"].recent, found["score.x"].before, found["score.x"].change) == (0.25, 0.5, -0.5)
    assert (found["cost_nano_usd"].recent, found["cost_nano_usd"].change) == (10**8, None)
    assert found.keys() == {"error_rate", "cache_hit_rate", "latency_ms", "cost_nano_usd", "score.x"}
    assert found["cache_hit_rate"].z is None


def test_validation_shifts_by_what_results_say_of_their_answers() -> None:
    def answered(number: int, at_ms: int, by: Any) -> Record:
        return result(number, at_ms, answers=[Answer(question="?", validated_by=by), Answer(question="!")])

    by = ("receipt", "user", "expert", None)
    records = [answered(n, NOW - 30 * MINUTE + n, by[n % 4]) for n in range(40)]
    records += [answered(40 + n, NOW - MINUTE + n, "user" if n < 2 else None) for n in range(10)]
    found = snapshot(registers_of(records), NOW).shifts["validation_rate"]
    assert (found.before, found.before_count, found.recent, found.recent_count) == (30 / 80, 80, 0.1, 20)


def test_a_score_that_one_side_alone_has_is_there() -> None:
    records = [result(1, NOW - 1_200_000, scores={"old": 0.5}), result(2, NOW, scores={"new": 0.25})]
    found = snapshot(registers_of(records), NOW).shifts
    assert (found["score.old"].before, found["score.old"].recent_count) == (0.5, 0)
    assert (found["score.new"].recent, found["score.new"].before_count) == (0.25, 0)


def test_a_shift_of_one_side_only() -> None:
    found = shifts.shift(shifts.MEASURES["error_rate"], {"failed": 1, "results": 4}, {})
    assert (found.recent, found.before, found.change, found.z) == (0.25, None, None, None)
    edge = [result(1, NOW - 60 * MINUTE), result(2, NOW - 60 * MINUTE + 10_000), result(3, NOW - 10 * MINUTE)]
    shown = snapshot(registers_of(edge), NOW).shifts["error_rate"]
    assert (shown.before_count, shown.recent_count) == (2, 0)


TIERS = [TierPlan(tier=1, images=30), TierPlan(tier=2, images=10)]
LATER = NOW + 6 * MINUTE


def stalled(registers: RunRegisters) -> Hindrance:
    shown = snapshot(registers, LATER)
    assert (shown.state, shown.bottleneck) == ("stalled", None)
    assert shown.stalled is not None
    return shown.stalled


def running(**fields: Any) -> RunRegisters:
    return registers_of([result(n, NOW, tier=1, **fields) for n in range(25)], total_images=30, tiers=TIERS)


def test_why_a_run_stands_still() -> None:
    registers = running()
    found = stalled(registers)
    assert (found.kind, found.tier, found.last_event_at) == ("unknown", 1, moment(NOW))
    assert found.text.startswith(f"no result since {moment(NOW):%H:%M:%S} UTC, tier 1: ")
    beat(registers, NOW - 1, 1, active_requests=4)
    assert stalled(registers).kind == "processors"
    beat(registers, LATER, 2, active_requests=3)
    found = stalled(registers)
    assert (found.kind, found.open_requests) == ("capacity", 7)
    beat(registers, LATER, 3, provider="openai", rate_limit=60, rate_limit_remaining=0)
    found = stalled(registers)
    assert (found.kind, found.provider) == ("rate_limit", "openai")
    beat(registers, LATER + 1, 4, provider="openai", rate_limit=60, rate_limit_remaining=1)
    assert stalled(registers).kind == "capacity"


def test_a_provider_that_fails() -> None:
    failing = [result(n, NOW, status="failed" if n < 13 else "success", provider="aws") for n in range(25)]
    registers = registers_of(failing, total_images=30, tiers=TIERS)
    found = stalled(registers)
    assert (found.kind, found.provider) == ("provider", "aws")
    assert "52% of the last results of aws failed" in found.text
    shown = snapshot(registers, NOW)
    assert shown.bottleneck is not None
    assert (shown.state, shown.bottleneck.kind, shown.bottleneck.provider) == ("running", "provider", "aws")
    half = [result(n, NOW, status="failed" if n % 2 else "success", provider="aws") for n in range(26)]
    assert stalled(registers_of(half, total_images=30, tiers=TIERS)).kind == "unknown"
    few = [result(n, NOW, status="failed", provider="aws") for n in range(4)]
    few += [result(n, NOW, provider="openai") for n in range(4, 30)]
    assert stalled(registers_of(few, total_images=30, tiers=TIERS)).kind == "unknown"


def test_a_provider_is_judged_from_five_results_on_and_a_full_tier_is_not_to_blame() -> None:
    five = [result(n, NOW, status="failed", provider="aws") for n in range(FEWEST_RESULTS)]
    five += [result(n, NOW, tier=2, provider="openai") for n in range(10, 30)]
    tiers = [TierPlan(tier=2, images=20), TierPlan(tier=3, images=5)]
    found = stalled(registers_of(five, total_images=40, tiers=tiers))
    assert (found.kind, found.provider, found.tier) == ("provider", "aws", 3)
    unplanned = running()
    beat(unplanned, NOW, 1)
    assert stalled(unplanned).kind == "unknown"  # it spoke at the moment of the last result, not before


def test_what_limits_a_run_that_runs() -> None:
    registers = running()
    found = snapshot(registers, NOW + MINUTE).bottleneck
    assert found is not None
    assert (found.kind, found.tier) == ("tier", 1)
    assert found.text == "tier 1 has <1m left at 25.0 images/min"
    assert snapshot(registers, NOW + MINUTE).stalled is None
    beat(registers, NOW, 1, active_requests=9, capacity=10, queue_depth=5)
    found = snapshot(registers, NOW + MINUTE).bottleneck
    assert found is not None
    assert (found.kind, found.open_requests) == ("capacity", 9)
    beat(registers, NOW, 2, provider="openai", rate_limit=100, rate_limit_remaining=4)
    found = snapshot(registers, NOW + MINUTE).bottleneck
    assert found is not None
    assert (found.kind, found.provider) == ("rate_limit", "openai")
    idle = running()
    beat(idle, NOW, 1, active_requests=8, capacity=10, queue_depth=5)
    beat(idle, NOW, 2, provider="openai", rate_limit=100, rate_limit_remaining=5)
    found = snapshot(idle, NOW + MINUTE).bottleneck
    assert found is not None
    assert found.kind == "tier"


def test_rate_limits_are_the_accounts() -> None:
    registers = running()
    beat(registers, NOW, 1, provider="openai", rate_limit=100, rate_limit_remaining=90)
    beat(registers, NOW + 1, 2, provider="openai", rate_limit=100, rate_limit_remaining=80)
    beat(registers, NOW, 3, provider="aws", rate_limit=0, rate_limit_remaining=0)
    beat(registers, NOW, 4, provider="google")
    beat(registers, NOW, 5, provider="google", rate_limit=5)
    beat(registers, NOW, 6, rate_limit=5, rate_limit_remaining=5)
    assert snapshot(registers, NOW + 1).operations.rate_limits == {
        "aws": RateLimit(limit=0, remaining=0, headroom=None),
        "openai": RateLimit(limit=100, remaining=80, headroom=0.8),
    }


@pytest.mark.parametrize(
    ("behind_ms", "count"), [(2 * MINUTE + 1, 0), (2 * MINUTE, 1), (-5 * MINUTE, 1), (-5 * MINUTE - 1, 0)]
)
def test_a_heartbeat_counts_for_two_minutes_and_may_be_five_ahead(behind_ms: int, count: int) -> None:
    registers = RunRegisters("r")
    beat(registers, NOW, queue_depth=7)
    found = operations.operations(registers, NOW + behind_ms)
    assert (found.processors, found.queue_depth) == (count, 7 * count)


def test_the_plan_makes_figures_of_counters() -> None:
    records = [result(n, NOW, model="ab"[n > 0], latency_ms=1 + n % 2, tables={"t": 2, "u": 9}) for n in range(4)]
    plan = {"cheap_models": ["a"], "sla": Sla(latency_ms=1.0), "value_weights_usd": {"t": 0.5}}
    known = snapshot(registers_of(records, **plan), NOW).derived
    assert (known["cheap_results"], known["expensive_results"], known["within_sla"]) == (1, 3, 2)
    assert known["value_nano_usd"] == 8 * 500_000_000


def test_health() -> None:
    registers = running()
    assert snapshot(registers, NOW).health.score == 100
    beat(registers, NOW, 1, provider="openai", rate_limit=100, rate_limit_remaining=10)
    shown = snapshot(registers, NOW).health
    assert shown.parts == {"success": 1, "availability": 1, "headroom": 0.5, "flow": 1}
    assert (shown.score, shown.status) == (87.5, "degraded")
    assert snapshot(running(), LATER).health.parts["flow"] == 0
    assert snapshot(RunRegisters("r"), NOW).health.score is None
    window = {"results": 10, "success": 4, "partial": 1}
    figures: dict[str, float | None] = {"results": 100, "success": 100}
    found = health.health(figures, window, Operations(), SlaFigures(within_latency=0.25), "running")
    assert found.parts == {"success": 0.5, "responsiveness": 0.25, "flow": 1}
    assert health.health(figures, {}, Operations(), SlaFigures(), "running").parts["success"] == 1
    assert [health.status(score) for score in (90, 89.9, 70, 69.9)] == ["healthy", "degraded", "degraded", "unhealthy"]


def test_runway_and_a_month() -> None:
    records = [result(n, NOW + n * 6 * MINUTE, cost_usd=0.25) for n in range(11)]
    shown = snapshot(registers_of(records, budget_usd=5.5, total_images=22), NOW + 60 * MINUTE)
    assert (shown.last_24h.span_ms, shown.last_24h.cost_nano_usd) == (60 * MINUTE, 2_750_000_000)
    assert (shown.last_24h.results, shown.last_24h.failed, shown.last_24h.processed_subjects) == (11, 0, 11)
    assert shown.projection.monthly_nano_usd == 2_750_000_000 * 24 * 30
    assert shown.budget.runway_seconds == 3_600
    assert shown.budget.projected_fraction == 1
    empty = snapshot(registers_of([result(1, NOW)], budget_usd=1), NOW + MINUTE)
    assert (empty.budget.runway_seconds, empty.projection.monthly_nano_usd) == (None, 0)
    spent = snapshot(registers_of(records, budget_usd=1), NOW + 60 * MINUTE)
    assert spent.budget.runway_seconds == 0
    ended = snapshot(registers_of(records, budget_usd=5.5, total_images=11), NOW + 60 * MINUTE)
    assert (ended.state, ended.budget.remaining_nano_usd, ended.budget.runway_seconds) == (
        "finished", 2_750_000_000, None,
    )  # fmt: skip
    day_later = snapshot(registers_of([result(1, NOW, cost_usd=1)]), NOW + 25 * 60 * MINUTE)
    assert (day_later.last_24h.cost_nano_usd, day_later.totals["cost_nano_usd"]) == (0, 10**9)
    assert day_later.last_24h.span_ms == (24 * 60 - 1) * MINUTE  # of whole minutes that begin after then
    assert day_later.window_10m is not None
    assert day_later.window_10m.span_ms == 590_000  # of whole buckets that begin after then


def test_a_finished_runs_figures_stand_still_at_its_last_result() -> None:
    records = [
        result(n, NOW + 1_000 * n, cost_usd=0.5, status="failed" if n % 5 == 0 else "success") for n in range(60)
    ]
    registers = registers_of(records, total_images=60, budget_usd=60)
    idle = ProcessorHeartbeat(
        event_id="h", event_time=moment(NOW), run_id="r", processor_id="p", state="idle", capacity=6
    )
    registers.take_heartbeat(idle, Stamp(NOW, 0, 1))
    at_its_end, later = NOW + 59_000, NOW + 30 * MINUTE
    going_on = snapshot(registers, later)
    assert going_on.window_10m is not None
    assert (going_on.state, going_on.window_10m.images_per_minute) == ("stalled", 0)
    over = RunFinished(event_id="f", event_time=moment(NOW), run_id="r")
    registers.take_run_event(over, Stamp(NOW + MINUTE, 0, 2))
    first, second = snapshot(registers, at_its_end), snapshot(registers, later)
    for name in (
        "window_60s",
        "window_10m",
        "progress",
        "last_24h",
        "projection",
        "kpis",
        "kpi_scores",
        "health",
        "shifts",
    ):
        assert getattr(first, name) == getattr(second, name), name
    assert second.window_10m is not None
    assert (second.window_10m.images_per_minute, second.window_10m.span_ms) == (48 * 60 / 59, 59_000)
    assert first.operations.processors == 1  # it may still be asked for more
    assert next(one.value for one in first.kpis if one.name == "resource_utilization") is None


def spread(counts: list[int], tier: int = 1) -> list[Record]:
    """So many results in each 10 s from NOW on."""
    moments = [NOW + 10_000 * nth for nth, count in enumerate(counts) for _ in range(count)]
    return [result(1_000 * tier + n, at_ms, tier=tier) for n, at_ms in enumerate(moments)]


@pytest.mark.parametrize(
    ("counts", "word"),
    [
        ([30, 30, 30, 30, 30, 34], "steady"),  # 9.3 % over the window
        ([19, 20, 19, 20, 21, 21], "steady"),  # 10 %
        ([30, 30, 30, 30, 30, 35], "up"),  # 11.5 %
        ([35, 30, 30, 30, 30, 30], "down"),
        ([4, 4, 4, 4, 4], None),
        ([3, 3, 3, 3, 3, 4], None),
        ([4, 3, 3, 3, 3, 4], "steady"),
    ],
)
def test_velocity_by_hand(counts: list[int], word: str | None) -> None:
    records = spread(counts)
    assert throughput.velocity(registers_of(records), NOW + 10_000 * len(counts)) == word


def test_the_images_of_each_whole_minute() -> None:
    records = [result(n, NOW - n * MINUTE, tier=1 + n % 2) for n in range(32)]
    found = throughput.minutes(registers_of(records), NOW)
    assert found.run == [1] * 30
    assert found.by_tier == {1: [0, 1] * 15, 2: [1, 0] * 15}
    late = throughput.minutes(registers_of([result(1, NOW - 1), result(2, NOW - 30 * MINUTE)]), NOW + 9_999)
    assert late.run == [1] + [0] * 28 + [1]
