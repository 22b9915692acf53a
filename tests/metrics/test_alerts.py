"""Alerts: what fires, once, with which words; what does not; and when it is over."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any, NamedTuple

import msgspec
import pytest
from alert_scene import NOON, Scene
from hypothesis import given, settings
from hypothesis import strategies as st

from events.alerts import AlertFiring, AlertResolved
from events.results import Answer
from events.runs import Baseline, RunFinished, RunPaused, RunUpdated, Sla, TierPlan
from metrics.alerts.look import Look, Reading
from metrics.alerts.rules import BUILT_IN, GRAVITY, Rule, armed, rule
from metrics.alerts.states import decide
from metrics.fold.buckets import moment
from metrics.fold.lifecycle import Silence
from metrics.snapshot import snapshot

ONE_TIER: dict[str, Any] = {
    "total_images": 100_000,
    "tiers": [TierPlan(tier=1, images=100_000, unit_cost_usd=0.001)],
    "cheap_models": ["haiku"],
    "budget_usd": 1.0,
    "baseline": Baseline(name="all", unit_cost_usd=0.02),
    "sla": Sla(latency_ms=1000, error_rate=0.02, deadline=moment(NOON) + timedelta(days=30)),
}


Told = Callable[[Scene, int], None]


class Case(NamedTuple):
    """What breaks a rule from second 1200 on, and what mends it afterwards; before, all was well."""

    broken: Told
    mended: Told
    step_s: int = 10
    broken_s: int = 100
    mended_s: int = 720


def some(count: int = 20, **fields: Any) -> Told:
    return lambda scene, second: scene.results(second, count, **{"cost_usd": 0.001, "confidence": 0.9} | fields)


def beat(**fields: Any) -> Told:
    def told(scene: Scene, second: int) -> None:
        some()(scene, second)
        scene.heartbeat(second, **fields)

    return told


def planned(**fields: Any) -> Told:
    def told(scene: Scene, second: int) -> None:
        some()(scene, second)
        scene.told(RunUpdated(event_id=f"update {second}", event_time=moment(NOON), run_id="may", **fields))

    return told


def rising(scene: Scene, second: int) -> None:
    scene.results(second, 60)
    scene.results(second, 1 + (second - 1200) // 10, status="failed")


def one_minute_in_five_without_a_success(scene: Scene, second: int) -> None:
    scene.results(second, 1, status="success" if second % 300 else "failed")


def nothing(_scene: Scene, _second: int) -> None:
    pass


FINE = some()
CASES = {
    "error_rate": Case(some(200, status="failed"), FINE),
    "cost_per_image": Case(some(400, cost_usd=0.01), FINE),
    "processing_stopped": Case(nothing, FINE, broken_s=310),
    "cheap_model_usage": Case(some(900, model="opus"), FINE),
    "queue_depth": Case(beat(queue_depth=1001), beat(queue_depth=900)),
    "quality_degradation": Case(some(400, confidence=0.5), FINE),
    "cost_spike": Case(some(20, cost_usd=0.003), FINE),
    "model_degradation": Case(some(200, status="failed"), FINE),
    "model_slow": Case(some(500, latency_ms=5000), some(20, latency_ms=500)),
    "provider_errors": Case(some(400, status="failed"), FINE),
    "availability": Case(one_minute_in_five_without_a_success, some(1), 60, 720, 12_000),
    "processor_silent": Case(FINE, beat(), broken_s=130),
    "budget": Case(planned(budget_usd=0.5), planned(budget_usd=10.0)),
    "projected_over_budget": Case(planned(budget_usd=50.0), planned(budget_usd=500.0)),
    "sla_latency": Case(some(500, latency_ms=5000), some(20, latency_ms=500)),
    "sla_error_rate": Case(some(200, status="failed"), FINE),
    "sla_deadline": Case(
        planned(sla=Sla(deadline=moment(NOON) + timedelta(hours=1))),
        planned(sla=Sla(deadline=moment(NOON) + timedelta(days=9))),
    ),
    "low_confidence": Case(some(800, confidence=0.3), FINE),
    "rate_limit": Case(
        beat(provider="openai", rate_limit=100, rate_limit_remaining=5),
        beat(provider="openai", rate_limit=100, rate_limit_remaining=50),
    ),
    "error_rate_rising": Case(rising, FINE),
    "budget_runway": Case(planned(budget_usd=1.5), planned(budget_usd=50.0)),
}
DOCUMENTED = {
    "error_rate": ("warning", "Error rate elevated", "Check API health and retry failed images"),
    "cost_per_image": (
        "warning", "Cost exceeding projections", "More images routed to expensive models than expected",
    ),
    "processing_stopped": ("critical", "Processing appears stalled", "Check queue and API connectivity"),
    "cheap_model_usage": ("info", "High expensive model usage", "Consider adding more context to reduce costs"),
    "queue_depth": ("warning", "Queue backlog building", "Consider increasing concurrent processing"),
}  # fmt: skip


def begun(*names: str, **plan: Any) -> Scene:
    """A run that has been well for ten minutes."""
    scene = Scene(*names, **(ONE_TIER | plan))
    for second in range(600, 1200, 20):
        some(20, latency_ms=500)(scene, second)
        if second % 100 == 0:
            scene.look(second + 5)
    assert scene.events == []
    return scene


@pytest.mark.parametrize("name", BUILT_IN)
def test_a_rule_fires_once_and_resolves_once_and_noise_between_changes_nothing(name: str) -> None:
    """Noise: what breaks it and what mends it in turn, for eight steps after it fired."""
    case, wanted, scene = CASES[name], BUILT_IN[name], begun(name, budget_usd=500.0)
    scene.heartbeat(1195)
    second = 1200
    for nth in range(case.broken_s // case.step_s + 8):
        (case.broken if nth % 2 == 0 or second < 1200 + case.broken_s else case.mended)(scene, second)
        scene.look(second + 5)
        if second == 1200 + case.broken_s - case.step_s:
            assert {alert.state for alert in scene.active} == {"firing"}
        second += case.step_s
    until = second + case.mended_s
    while second < until:
        case.mended(scene, second)
        scene.look(second + 5)
        second += 2 * case.step_s
    assert scene.active == []
    episodes = [(event.fingerprint, type(event)) for event in scene.events]
    assert len(episodes) == len(set(episodes)) == 2 * len(wanted.levels or "1")
    said = {event.fingerprint: event for event in scene.events if isinstance(event, AlertFiring)}
    for resolved in scene.events:
        if isinstance(resolved, AlertResolved):
            fired, label = said[resolved.fingerprint], next(iter((resolved.labels or {}).values()), "")
            assert (fired.type, fired.metric, fired.action) == (name, wanted.metric, wanted.action)
            assert fired.message == wanted.message.replace("{label}", label)
            assert wanted.levels is not None or fired.severity == wanted.severity
            assert fired.event_time - fired.started_at >= timedelta(seconds=wanted.for_s)
            assert resolved.ended_at is not None
            assert resolved.event_time - resolved.ended_at >= timedelta(seconds=60)
            shared = ("episode_id", "severity", "message", "action", "started_at", "labels")
            assert all(getattr(fired, field) == getattr(resolved, field) for field in shared)


@pytest.mark.parametrize("name", DOCUMENTED)
def test_the_five_of_s0_in_their_words(name: str) -> None:
    assert (BUILT_IN[name].severity, BUILT_IN[name].message, BUILT_IN[name].action) == DOCUMENTED[name]


def test_processing_stopped_fires_at_once_after_five_minutes_and_not_while_paused() -> None:
    scene = begun("processing_stopped")
    last = 1180
    assert scene.watch(1200, last + 300, 10) == []
    fired = scene.watch(last + 301, last + 303)
    assert [event.severity for event in fired] == ["critical"]
    assert fired[0].value == 301
    FINE(scene, last + 310)
    assert [type(event) for event in scene.watch(last + 310, last + 371)] == [AlertResolved]
    scene.told(RunPaused(event_id="p", event_time=moment(NOON), run_id="may"))
    assert scene.watch(last + 400, last + 800, 20) == []


def test_a_backlog_that_is_being_folded_is_no_stop() -> None:
    scene = begun("processing_stopped", "processor_silent")
    scene.heartbeat(1190)
    assert scene.look(2000, quiet=False) == []
    assert {event.type for event in scene.look(2001)} == {"processing_stopped", "processor_silent"}


def test_a_run_without_images_left_has_not_stopped() -> None:
    scene = begun("processing_stopped", total_images=600)
    assert scene.watch(1200, 2000, 50) == []


def test_budget_levels_are_alerts_of_their_own() -> None:
    scene = begun("budget")  # 600 results have cost 0.6 of 1.0
    for second, cost in ((1200, 0.21), (1210, 0.15), (1220, 0.05)):
        scene.results(second, 1, cost_usd=cost)
        scene.look(second)
    assert [(event.severity, event.threshold) for event in scene.events] == [
        ("info", 0.8), ("warning", 0.95), ("critical", 1.0),
    ]  # fmt: skip
    assert len({event.fingerprint for event in scene.events}) == 3
    assert [alert.severity for alert in scene.active] == ["critical", "warning", "info"]
    scene.told(RunUpdated(event_id="u", event_time=moment(NOON), run_id="may", budget_usd=2.0))
    over = scene.watch(1230, 1300)
    assert [type(event) for event in over] == [AlertResolved] * 3


@pytest.mark.parametrize(
    ("label", "fields"),
    [
        ("confidence", {"confidence": 0.5}),
        ("success", {"status": "failed"}),
        ("validation", {"answers": [Answer(question="?")]}),
        ("visual_similarity", {"scores": {"visual_similarity": 0.5}}),
    ],
)
def test_quality_is_confidence_success_validation_and_every_score(label: str, fields: dict[str, Any]) -> None:
    good: dict[str, Any] = {
        "answers": [Answer(question="?", validated_by="receipt")], "scores": {"visual_similarity": 0.9},
        "confidence": 0.9,
    }  # fmt: skip
    scene = Scene("quality_degradation", **ONE_TIER)
    scene.results(600, 100, **good)
    scene.results(2000, 100, **(good | fields))
    scene.watch(2000, 2060, 20)
    assert [event.labels for event in scene.events] == [{"score": label}]
    assert scene.events[0].message == f"Quality is lower than before: {label}"


def test_a_rising_error_rate_is_told_before_it_is_high() -> None:
    scene = begun("error_rate_rising", "error_rate")
    for nth, second in enumerate(range(1200, 1500, 10)):
        some(60 - nth // 3)(scene, second)
        some(nth // 3, status="failed") if nth < 3 else scene.results(second, nth // 3, status="failed")
        scene.look(second + 5)
        if scene.events:
            break
    assert [event.type for event in scene.events] == ["error_rate_rising"]


def test_a_processor_that_says_nothing_and_one_that_said_goodbye() -> None:
    scene = begun("processor_silent")
    scene.heartbeat(1190)
    assert [event.type for event in scene.watch(1200, 1320, 5)] == ["processor_silent"]
    scene.heartbeat(1330, state="stopped")
    assert [type(event) for event in scene.watch(1331, 1400)] == [AlertResolved]


def test_a_dearer_tier_is_no_surprise_where_it_was_planned() -> None:
    tiers = [TierPlan(tier=1, images=1000, unit_cost_usd=0.001), TierPlan(tier=3, images=100, unit_cost_usd=0.02)]
    scene = begun("cost_per_image", "cost_spike", tiers=tiers)
    for second in range(1200, 1900, 10):
        scene.results(second, 10, tier=3, cost_usd=0.02)
        scene.look(second + 5)
    assert scene.events == []


def test_one_alert_a_model_and_no_more_than_twenty() -> None:
    scene = begun("model_degradation", "provider_errors")
    for second in range(600, 1200, 100):
        for number in range(30):
            scene.results(second, 10, model=f"m{number}")
    for number in range(30):
        scene.results(1800, 40, model=f"m{number}", status="failed")
    scene.watch(1800, 1870)
    models = [event.labels["model"] for event in scene.events if event.labels and "model" in event.labels]
    assert len(models) == len(set(models)) == 20
    assert scene.events[0].message.endswith(f": {scene.events[0].labels['model']}")  # type: ignore[index]


def test_too_few_results_say_nothing() -> None:
    scene = Scene("error_rate", **ONE_TIER)
    scene.results(10, 19, status="failed")
    assert scene.watch(10, 200, 5) == []
    scene.results(200, 1, status="failed")
    assert len(scene.watch(200, 270)) == 1


@pytest.mark.parametrize(("no_data", "said"), [("resolve", 2), ("keep", 1), ("fire", 1)])
def test_what_becomes_of_an_alert_without_data(no_data: str, said: int) -> None:
    changed = msgspec.structs.replace(BUILT_IN["error_rate"], no_data=no_data)
    scene = Scene(rules={"error_rate": changed}, **ONE_TIER)
    scene.results(0, 100, status="failed")
    scene.watch(0, 1000, 10)
    assert len(scene.events) == said


def test_a_silence_holds_back_and_what_still_holds_fires_after_it() -> None:
    scene = Scene("error_rate", **ONE_TIER)
    scene.silences = {"s": Silence(until_ms=NOON + 300_000, rule="error_rate")}
    scene.results(0, 100, status="failed")
    assert scene.watch(0, 299) == []
    assert [(alert.state, alert.silenced_by) for alert in scene.active] == [("pending", "s")]
    assert len(scene.look(300)) == 1


@pytest.mark.parametrize(
    "silence",
    [
        Silence(until_ms=NOON, rule="error_rate"),
        Silence(until_ms=2 * NOON, rule="x"),
        Silence(until_ms=2 * NOON, fingerprint="x"),
    ],
)
def test_a_silence_that_is_over_or_of_something_else_changes_nothing(silence: Silence) -> None:
    scene = Scene("error_rate", **ONE_TIER)
    scene.silences = {"s": silence}
    scene.results(0, 100, status="failed")
    assert len(scene.watch(0, 60, 60)) == 1


def test_a_silence_ends_at_its_moment() -> None:
    scene = Scene("error_rate", **ONE_TIER)
    scene.results(0, 100, status="failed")
    scene.look(0)
    scene.silences = {"s": Silence(until_ms=NOON + 70_000, fingerprint=scene.active[0].fingerprint)}
    assert scene.look(69) == []
    assert len(scene.look(70)) == 1


@pytest.mark.parametrize("end", ["finished", "not live", "rule off"])
def test_the_end_of_a_run_or_of_a_rule_ends_its_alerts(end: str) -> None:
    scene = Scene("error_rate", **ONE_TIER)
    scene.results(0, 100, status="failed")
    scene.watch(0, 70)
    if end == "finished":
        scene.told(RunFinished(event_id="f", event_time=moment(NOON), run_id="may"))
    if end == "rule off":
        scene.rules = {"error_rate": msgspec.structs.replace(BUILT_IN["error_rate"], enabled=False)}
    assert [type(event) for event in scene.look(71, live=end != "not live")] == [AlertResolved]
    assert scene.active == []
    assert scene.look(72, live=end != "not live") == []


def test_two_episodes_never_share_a_name() -> None:
    """A rule that is off and on again within one bucket of time waits for the next."""
    at_once = rule("r", {"metric": "error_rate", "above": 0.05, "for_s": 0, "message": "m", "action": "a"})
    scene = Scene(rules={"r": at_once}, **ONE_TIER)
    scene.results(0, 100, status="failed")
    for second in range(30):
        scene.rules = {"r": msgspec.structs.replace(at_once, enabled=second % 2 == 0)}
        scene.look(second)
    fired = [event.episode_id for event in scene.events if isinstance(event, AlertFiring)]
    assert len(fired) == len(set(fired)) == 3


def test_the_evidence_names_the_snapshot_and_the_records_that_came_meanwhile() -> None:
    scene = Scene("error_rate", **ONE_TIER)
    scene.results(0, 100, status="failed")
    first = scene.registers.source_offsets["results"]["0"]
    scene.watch(0, 30)
    scene.results(31, 50, status="failed")
    fired = scene.watch(31, 70)[0]
    by_topic = {item.topic: item for item in fired.evidence or ()}
    assert by_topic["metrics"].event_id is not None
    results = by_topic["results"]
    assert (results.partition, results.first_offset, results.offset) == (0, first - 1, first + 50)


def test_it_is_over_after_sixty_seconds_inside() -> None:
    scene = Scene("queue_depth", **ONE_TIER)
    scene.heartbeat(0, queue_depth=1_001)
    assert [type(event) for event in scene.watch(0, 60)] == [AlertFiring]
    scene.heartbeat(61, queue_depth=900)
    assert scene.watch(61, 120) == []
    assert [type(event) for event in scene.look(121)] == [AlertResolved]


def test_a_value_that_breaks_again_must_stay_inside_anew() -> None:
    scene = Scene("queue_depth", **ONE_TIER)
    for second, depth in ((0, 1_001), (60, 1_001), (70, 900), (100, 1_001), (120, 900), (179, 900)):
        scene.heartbeat(second, queue_depth=depth)
        scene.look(second)
    assert [type(event) for event in scene.events] == [AlertFiring]
    assert [type(event) for event in scene.look(180)] == [AlertResolved]


def test_the_threshold_is_told_in_the_unit_of_the_value() -> None:
    scene = begun("cost_per_image")
    some(600, cost_usd=0.01)(scene, 1200)
    [fired] = scene.watch(1200, 1260)
    assert fired.threshold == pytest.approx(0.0015)


def by_provider(**fields: Any) -> Rule:
    return rule("r", {"metric": "provider_error_rate", "message": "m {label}", "action": "a"} | fields)


def test_what_is_not_named_any_more_is_over_in_its_own_words() -> None:
    scene = Scene(rules={"r": by_provider(levels={"warning": 0.1, "error": 0.5})}, **ONE_TIER)
    scene.results(0, 20, status="failed")
    assert len(scene.watch(0, 60)) == 2
    gone = 600  # the window has left the results behind
    assert scene.watch(100, gone - 1, 100) == []
    assert scene.watch(gone, gone + 59) == []
    labels = [{"provider": "anthropic", "level": severity} for severity in ("error", "warning")]
    assert [alert.labels for alert in scene.active] == labels
    assert [(alert.severity, alert.threshold) for alert in scene.active] == [("error", 0.5), ("warning", 0.1)]
    assert [type(event) for event in scene.look(gone + 60)] == [AlertResolved] * 2


def test_a_rule_that_looks_at_something_else_by_now_is_another() -> None:
    scene = Scene(rules={"r": by_provider(above=0.1)}, **ONE_TIER)
    scene.results(0, 20, status="failed")
    scene.watch(0, 60)
    scene.rules = {"r": msgspec.structs.replace(scene.rules["r"], metric="error_rate")}
    assert [type(event) for event in scene.look(70)] == [AlertResolved]
    assert [(alert.state, alert.labels) for alert in scene.active] == [("pending", {})]


def test_those_that_fire_come_before_graver_ones_that_are_pending() -> None:
    scene = Scene(rules={"r": by_provider(levels={"warning": 0.1, "error": 0.5})}, **ONE_TIER)
    scene.results(0, 16)
    scene.results(0, 4, status="failed")
    scene.watch(0, 60)
    scene.results(61, 30, status="failed")
    scene.look(62)
    assert [(alert.severity, alert.state) for alert in scene.active] == [("warning", "firing"), ("error", "pending")]


NOISE = st.lists(st.tuples(st.floats(0, 0.2), st.integers(0, 60)), min_size=1, max_size=60)


@settings(max_examples=3 * settings.default.max_examples)  # few of them fire
@given(NOISE)
def test_the_machine_against_its_definition(series: list[tuple[float, int]]) -> None:
    """Fires after 60 s without a break above 5 %, is over after 60 s without a break at or below 4.5 %, and only so."""
    scene = Scene("error_rate", **ONE_TIER)
    metrics, rules = snapshot(scene.registers, NOON), armed(scene.rules)
    firing, above, inside = False, 0, 0
    for second, value in enumerate(value for value, seconds in series for _ in range(seconds)):
        look = Look(scene.registers, metrics, NOON + second * 1000, quiet=True)
        look.readings["error_rate", 600_000] = [Reading(value, 100)]
        decision = decide(look, scene.states, rules, {}, live=True)
        scene.states = decision.states
        wanted: list[type] = []
        above, inside = above + 1 if value > 0.05 else 0, inside + 1 if value <= 0.045 else 0
        if not firing and above == 61:
            firing, inside, wanted = True, 0, [AlertFiring]
        elif firing and inside == 61:
            firing, above, wanted = False, 0, [AlertResolved]
        assert [type(event) for event in decision.events] == wanted
        assert len(decision.active) == len(decision.states) <= 1


def test_the_gravest_first() -> None:
    assert sorted(GRAVITY, key=lambda severity: GRAVITY[severity]) == ["info", "warning", "error", "critical"]
