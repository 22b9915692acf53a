"""Every ratio by hand; a new one needs its line here, and one in the judge's (`tests/properties/naive_ratios.py`)."""

import pytest

from metrics.figures.derived import figures
from metrics.figures.ratios import RATIOS, of_group, of_label, of_run

COUNTERS = {
    "results": 200, "success": 150, "partial": 20, "failed": 30, "timeouts": 6, "retries": 24, "retrying": 12,
    "subjects": 80, "processed_subjects": 60, "reprocessed_subjects": 8, "cost_nano_usd": 4_000_000, "unpriced": 40,
    "answers": 50, "questions_asked": 64, "insights": 16, "input_tokens": 7_000, "output_tokens": 1_000,
    "tokens_saved": 2_000, "cache_hits": 120, "latency_ms_sum": 90_000, "latency_count": 180,
    "confidence_sum_ppm": 128_000_000, "confidence_count": 160, "consensus_asked": 32, "consensus_agreed": 24,
    "validated_receipt": 5, "validated_user": 10, "validated_expert": 20, "overridden": 2, "minutes_with_result": 40,
    "minutes_with_success": 38,
}  # fmt: skip
DERIVED = {
    "tables_filled": 5, "records_written": 400, "cheap_results": 170, "expensive_results": 30,
    "value_nano_usd": 10_000_000, "rich_subjects": 8, "good_subjects": 12, "medium_subjects": 4, "poor_subjects": 16,
    "scored_subjects": 40, "confidence_violations": 20, "within_sla": 162, "batches": 10, "batches_complete": 7,
    "active_requests": 12, "capacity": 16,
}  # fmt: skip
BY_HAND = {
    "cost_per_image_nano_usd": 50_000,
    "cost_per_result_nano_usd": 25_000,
    "cost_per_answer_nano_usd": 80_000,
    "cost_per_insight_nano_usd": 250_000,
    "cost_per_table_nano_usd": 800_000,
    "cost_per_record_nano_usd": 10_000,
    "average_confidence": 0.8,
    "validation_rate": 0.7,
    "receipt_validation_rate": 0.1,
    "user_validation_rate": 0.2,
    "consensus_rate": 0.75,
    "reprocessing_rate": 0.1,
    "error_rate": 0.15,
    "timeout_rate": 0.03,
    "data_quality": 0.78125,
    "cheap_model_usage": 0.85,
    "expensive_model_usage": 0.15,
    "tokens_per_image": 100,
    "tokens_per_answer": 160,
    "cache_hit_rate": 0.6,
    "token_reduction_rate": 0.2,
    "batch_utilization": 0.75,
    "rich_context_share": 0.2,
    "good_context_share": 0.3,
    "medium_context_share": 0.1,
    "poor_context_share": 0.4,
    "value_per_dollar": 2.5,
    "roi": 1.5,
    "insights_per_image": 0.2,
    "records_per_image": 5,
    "success_rate": 0.85,
    "retry_rate": 0.12,
    "retrying_share": 0.4,
    "mean_latency_ms": 500,
    "sla_compliance": 0.9,
    "completion_rate": 0.75,
    "batch_completion_rate": 0.7,
    "availability": 0.95,
    "human_override_rate": 0.04,
    "confidence_violation_rate": 0.125,
}


def test_every_ratio() -> None:
    found = of_run(figures(COUNTERS, DERIVED))
    assert found.keys() == BY_HAND.keys()
    assert found == pytest.approx(BY_HAND)


def test_nothing_to_divide_by_is_null_and_left_out_of_groups() -> None:
    assert set(of_run(figures({}, {})).values()) == {None}
    assert of_group("tier", {}) == {}


@pytest.mark.parametrize("label", ["tier", "band", "model"])
def test_a_group_has_the_ratios_of_what_is_counted_in_it(label: str) -> None:
    names = {ratio.name for ratio in of_label(label)}
    assert of_group(label, COUNTERS) == pytest.approx({name: BY_HAND[name] for name in names})
    assert ("completion_rate" in names) == (label == "tier")
    assert ("cost_per_image_nano_usd" in names) == (label in ("tier", "band"))
    assert "human_override_rate" not in names


def test_a_ratio_has_one_name() -> None:
    assert len({ratio.name for ratio in RATIOS}) == len(RATIOS)
