"""The judge's ratios: each written out by hand over the figures that `naive` counts. Nothing of `metrics` is used."""

from typing import Any

from naive import NaiveRun

from events.runs import RunDeclared

BANDS = ("rich", "good", "medium", "poor")


def ratios(run: NaiveRun, plan: RunDeclared | None, as_of_ms: int) -> dict[str, float | None]:
    """Every ratio that the log tells; those of heartbeats and histograms are left out."""
    figures = run.expected(as_of_ms)
    t: dict[str, Any] = dict.fromkeys(_COUNTERS, 0) | figures["totals"]
    cost, records = t["cost_nano_usd"], t.get("records", {})
    bands = {band: figures["by_band"].get(band, {}).get("subjects", 0) for band in BANDS}
    cheap = value = None
    if plan is not None and plan.cheap_models:
        cheap = sum(figures["by_model"].get(model, {}).get("results", 0) for model in set(plan.cheap_models))
    if plan is not None and plan.value_weights_usd:
        value = sum(n * round(plan.value_weights_usd.get(table, 0) * 1e9) for table, n in records.items())
    found = {
        "cost_per_table_nano_usd": over(cost, len(records)),
        "cost_per_record_nano_usd": over(cost, sum(records.values())),
        "cheap_model_usage": over(cheap, t["results"]),
        "expensive_model_usage": over(None if cheap is None else t["results"] - cheap, t["results"]),
        "value_per_dollar": over(value, cost),
        "roi": over(None if value is None else value - cost, cost),
        "records_per_image": over(sum(records.values()), t["subjects"]),
        "human_override_rate": over(t.get("overridden", 0), t["answers"]),
        "confidence_violation_rate": over(run.confidences_below(0.7), t["confidence_count"]),
    }
    shares = {f"{band}_context_share": over(images, sum(bands.values())) for band, images in bands.items()}
    return found | shares | of_subjects(t) | of_results(t)


def of_subjects(counters: dict[str, Any]) -> dict[str, float | None]:
    """The ratios of what also counts distinct subjects: of a run and of a tier."""
    t = dict.fromkeys(_COUNTERS, 0) | counters
    return {
        "cost_per_image_nano_usd": over(t["cost_nano_usd"], t["subjects"]),
        "reprocessing_rate": over(t["reprocessed_subjects"], t["subjects"]),
        "tokens_per_image": over(t["input_tokens"] + t["output_tokens"], t["subjects"]),
        "insights_per_image": over(t["insights"], t["subjects"]),
        "completion_rate": over(t["processed_subjects"], t["subjects"]),
    }


def of_results(counters: dict[str, Any]) -> dict[str, float | None]:
    """The ratios of what counts results: of a run and of any group."""
    t = dict.fromkeys(_COUNTERS, 0) | counters
    cost, tokens = t["cost_nano_usd"], t["input_tokens"] + t["output_tokens"]
    validated = t["validated_receipt"] + t["validated_user"] + t["validated_expert"]
    return {
        "cost_per_result_nano_usd": over(cost, t["results"] - t["unpriced"]),
        "cost_per_answer_nano_usd": over(cost, t["answers"]),
        "cost_per_insight_nano_usd": over(cost, t["insights"]),
        "average_confidence": over(t["confidence_sum_ppm"], t["confidence_count"] * 1_000_000),
        "validation_rate": over(min(validated, t["answers"]), t["answers"]),
        "receipt_validation_rate": over(min(t["validated_receipt"], t["answers"]), t["answers"]),
        "user_validation_rate": over(min(t["validated_user"], t["answers"]), t["answers"]),
        "consensus_rate": over(t["consensus_agreed"], t["consensus_asked"]),
        "error_rate": over(t["failed"], t["results"]),
        "timeout_rate": over(t["timeouts"], t["results"]),
        "data_quality": over(min(t["answers"], t["questions_asked"]), t["questions_asked"]),
        "tokens_per_answer": over(tokens, t["answers"]),
        "cache_hit_rate": over(t["cache_hits"], t["results"]),
        "token_reduction_rate": over(t["tokens_saved"], tokens + t["tokens_saved"]),
        "success_rate": over(t["success"] + t["partial"], t["results"]),
        "retry_rate": over(t["retries"], t["results"]),
        "retrying_share": over(t["retrying"], t["failed"]),
        "mean_latency_ms": over(t["latency_ms_sum"], t["latency_count"]),
    }


def over(part: float | None, whole: float) -> float | None:
    """A quotient, or None."""
    return None if part is None or not whole else part / whole


_COUNTERS = (
    "results", "success", "partial", "failed", "timeouts", "retries", "retrying", "cost_nano_usd", "unpriced",
    "input_tokens", "output_tokens", "tokens_saved", "cache_hits", "latency_ms_sum", "latency_count",
    "confidence_sum_ppm", "confidence_count", "questions_asked", "insights", "answers", "validated_receipt",
    "validated_user", "validated_expert", "consensus_asked", "consensus_agreed", "subjects", "processed_subjects",
    "reprocessed_subjects",
)  # fmt: skip
