"""S3's fifteen indicators by hand; attainment, status, trend and scores at their edges; targets and baselines."""

from typing import Any

import pytest

from events.runs import RunDeclared
from events.snapshots import Kpi
from metrics.figures.formula import least, n
from metrics.figures.kpis import INDICATORS, attainment, kpis, scores, status, trend
from metrics.fold.buckets import moment

TARGETS = {
    "token_reduction_rate": 0.6, "cache_hit_rate": 0.8, "response_time_improvement": 0.3, "daily_cost_savings": 50,
    "roi_percentage": 3, "budget_utilization_efficiency": None, "compression_quality": 0.85, "content_integrity": 0.95,
    "system_accuracy": None, "user_satisfaction": 4, "task_completion_rate": 0.95, "system_responsiveness": None,
    "system_availability": 0.995, "error_rate": 0.01, "resource_utilization": 0.7,
}  # fmt: skip
FIGURES: dict[str, Any] = {
    # S3's test: 20,300 tokens processed, 6,800 saved
    "input_tokens": 10_000, "output_tokens": 3_500, "tokens_saved": 6_800, "cache_hits": 88, "results": 100,
    "latency_ms_sum": 7_000, "latency_count": 100, "baseline_latency_ms": 100.0,
    "day_processed_subjects": 50, "baseline_unit_nano_usd": 20_000_000, "day_cost_nano_usd": 400_000_000,
    "value_nano_usd": 2_000_000_000, "cost_nano_usd": 500_000_000, "processed_subjects": 60, "subjects": 80,
    "total_images": 120, "budget_nano_usd": 2_000_000_000,
    "scores.compression_quality.sum_micro": 1_700_000, "scores.compression_quality.count": 2,
    "scores.content_integrity.sum_micro": 2_850_000, "scores.content_integrity.count": 3,
    "confirmed": 9, "rejected": 1, "thumbs_up": 3, "thumbs_down": 1, "within_sla": 97,
    "minutes_with_success": 199, "minutes_with_result": 200, "failed": 4, "active_requests": 6, "capacity": 10,
}  # fmt: skip
VALUES = {
    "token_reduction_rate": 6_800 / 20_300,
    "cache_hit_rate": 0.88,
    "response_time_improvement": 0.3,
    "daily_cost_savings": 0.6,
    "roi_percentage": 3,
    "budget_utilization_efficiency": 1,
    "compression_quality": 0.85,
    "content_integrity": 0.95,
    "system_accuracy": 0.9,
    "user_satisfaction": 3.75,
    "task_completion_rate": 0.75,
    "system_responsiveness": 0.97,
    "system_availability": 0.995,
    "error_rate": 0.04,
    "resource_utilization": 0.6,
}


def plan(**fields: Any) -> RunDeclared:
    return RunDeclared(event_id="p", event_time=moment(0), run_id="r", **fields)


def by_name(figures: dict[str, Any], window: dict[str, int] | None = None, **fields: Any) -> dict[str, Kpi]:
    return {kpi.name: kpi for kpi in kpis(figures, window or {}, plan(**fields))}


def test_the_fifteen_by_hand() -> None:
    found = by_name(FIGURES)
    assert {name: kpi.value for name, kpi in found.items()} == pytest.approx(VALUES)
    assert {name: kpi.target for name, kpi in found.items()} == TARGETS
    assert round(100 * (found["token_reduction_rate"].value or 0), 1) == 33.5
    reached = {
        "token_reduction_rate": 6_800 / 20_300 / 0.6, "cache_hit_rate": 1, "response_time_improvement": 1,
        "daily_cost_savings": 0.012, "roi_percentage": 1, "compression_quality": 1, "content_integrity": 1,
        "user_satisfaction": 0.9375, "task_completion_rate": 75 / 95, "system_availability": 1, "error_rate": 0.25,
        "resource_utilization": 6 / 7,
    }  # fmt: skip
    assert {name: kpi.attainment for name, kpi in found.items() if kpi.attainment is not None} == pytest.approx(reached)


def test_work_ahead_of_the_budget_is_efficient_and_behind_it_is_not() -> None:
    behind = FIGURES | {"processed_subjects": 12, "cost_nano_usd": 1_000_000_000}
    assert by_name(behind)["budget_utilization_efficiency"].value == pytest.approx(0.1 / 0.5)
    beyond = FIGURES | {"processed_subjects": 240, "cost_nano_usd": 4_000_000_000}
    assert by_name(beyond)["budget_utilization_efficiency"].value == pytest.approx(0.5)


def test_what_is_not_known_has_no_value_and_is_in_no_mean() -> None:
    unknown = dict.fromkeys(
        ("baseline_latency_ms", "day_processed_subjects", "value_nano_usd", "total_images", "within_sla"), None
    )
    found = kpis(unknown, {}, None)
    assert {kpi.value for kpi in found} == {None}
    assert scores(found).overall is None
    assert set(scores(found).categories.values()) == {None}


def test_scores_are_means_of_means() -> None:
    def kpi(category: str, reached: float | None) -> Kpi:
        return Kpi(name="k", category=category, attainment=reached)

    found = scores([kpi("cost", 1.0), kpi("cost", 0.5), kpi("cost", None), kpi("quality", 0.25)])
    assert found.categories == {
        "performance": None, "cost": 75, "quality": 25, "user_experience": None, "system_health": None,
    }  # fmt: skip
    assert found.overall == 50


@pytest.mark.parametrize(
    ("value", "target", "better", "reached"),
    [
        (None, 1, "higher", None), (1, None, "higher", None), (2, 4, "higher", 0.5), (5, 4, "higher", 1),
        (-1, 4, "higher", 0), (1, 0, "higher", None), (1, -1, "higher", None), (1, 0, "near", None),
        (0.01, 0.01, "lower", 1), (0.02, 0.01, "lower", 0.5), (0, 0, "lower", 1), (1, 0, "lower", 0),
        (1, -1, "lower", 0), (7, 10, "near", 0.7), (13, 10, "near", 0.7), (10, 10, "near", 1), (30, 10, "near", 0),
    ],
)  # fmt: skip
def test_attainment(value: float | None, target: float | None, better: Any, reached: float | None) -> None:
    assert attainment(value, target, better) == (None if reached is None else pytest.approx(reached))


@pytest.mark.parametrize(
    ("reached", "better", "said"),
    [
        (None, "higher", None), (1.0, "higher", "on_target"), (0.999, "higher", "near_target"),
        (0.8, "lower", "near_target"), (0.799, "lower", "off_target"), (0.9, "near", "on_target"),
        (0.899, "near", "near_target"),
    ],
)  # fmt: skip
def test_status(reached: float | None, better: Any, said: str | None) -> None:
    assert status(reached, better) == said


@pytest.mark.parametrize(
    ("recent", "before", "said"),
    [
        (None, 1, None), (1, None, None), (105, 100, "steady"), (106, 100, "up"), (95, 100, "steady"),
        (94, 100, "down"),
        (0, 0, "steady"), (-1.1, -1, "down"), (-1.04, -1, "steady"),
    ],
)  # fmt: skip
def test_trend(recent: float | None, before: float | None, said: str | None) -> None:
    assert trend(recent, before) == said


def test_a_trend_needs_twenty_results_on_both_sides_and_figures_of_both() -> None:
    window = {"results": 20, "failed": 3, "cache_hits": 2, "latency_ms_sum": 4_000, "latency_count": 20}
    found = by_name(FIGURES, window)
    assert (found["error_rate"].trend, found["cache_hit_rate"].trend) == ("up", "down")
    assert found["response_time_improvement"].trend == "down"
    assert {name for name, kpi in found.items() if kpi.trend is None} >= {"system_accuracy", "resource_utilization"}
    assert by_name(FIGURES, window | {"results": 19})["error_rate"].trend is None
    assert by_name(FIGURES, window | {"results": 81})["error_rate"].trend is None
    assert by_name(FIGURES, window | {"results": 80, "failed": 4})["error_rate"].trend == "up"


def test_an_event_of_the_run_sets_targets_and_baselines() -> None:
    found = by_name(FIGURES, targets={"cache_hit_rate": 0.96, "system_accuracy": 0.9}, baselines={"error_rate": 0.08})
    assert (found["cache_hit_rate"].target, found["cache_hit_rate"].status) == (0.96, "near_target")
    assert (found["system_accuracy"].attainment, found["error_rate"].baseline) == (1, 0.08)
    assert found["token_reduction_rate"].target == 0.6


def test_names_are_what_a_formula_reads() -> None:
    assert (least(1, n("a") / (2 - n("b"))) * 3).names == ("a", "b")
    assert len({indicator.name for indicator in INDICATORS}) == len(INDICATORS) == 15


def test_a_formula_in_python_and_in_sql() -> None:
    formula = (n("a") + 2) * n("b") / (5 - n("c")) - least(7, n("d"))
    assert formula.value({"a": 1, "b": 4, "c": 2, "d": 3}) == 3 * 4 / 3 - 3
    assert formula.value({"a": 1, "b": 4, "c": 5, "d": 3}) is None
    assert formula.value({"a": None}) is None
    assert formula.value({}) == 0 / 5 - 0
    assert least(7, n("d")).value({"d": 8}) == 7
    assert least(7, n("d")).sql(str) == "if(7 < d, 7, d)"
    assert (n("a") + 2).sql(str.upper) == "(A + 2)"
    assert (5 - n("c")).sql(str) == "(5 - c)"
    assert (n("a") / n("b") * 2).sql(str) == "((a / nullIf(b, 0)) * 2)"
