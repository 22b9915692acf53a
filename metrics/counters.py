"""The flat row of counters: what each means, what a result adds to it, and its SQL, side by side (DESIGN.md 4.2).

A result adds to a cell, a list of integers in the order of `ADDITIVE` (`add`). `NAMED` counters are open families:
`scores.<name>.sum_micro`, `scores.<name>.count`, `findings.<kind>`, `records.<table>` and `latency_bin.<n>`.
"""

from collections.abc import Mapping, MutableMapping, Sequence
from typing import Any

from events.numbers import nano_usd, ppm, whole_ms
from events.results import Result

from .metric import Metric

# `r` is a row of `run_results` (metrics.views).
ADDITIVE: tuple[Metric, ...] = (
    Metric("results", "count", "Results, each event id once.", "count()"),
    Metric("success", "count", "Results whose status is success.", "countIf(r.status = 'success')"),
    Metric("partial", "count", "Results whose status is partial.", "countIf(r.status = 'partial')"),
    Metric("failed", "count", "Results whose status is failed.", "countIf(r.status = 'failed')"),
    Metric(
        "timeouts", "count", "Failed results that timed out.", "countIf(r.status = 'failed' AND r.error_timeout = 1)"
    ),
    Metric("retries", "count", "Results with `attempt` over 1.", "countIf(r.attempt > 1)"),
    Metric("cost_nano_usd", "nano_usd", "What the results cost, where known.", "sum(ifNull(r.cost_nano_usd, 0))"),
    Metric("unpriced", "count", "Results whose cost nobody said.", "countIf(isNull(r.cost_nano_usd))"),
    Metric("input_tokens", "tokens", "Tokens sent.", "sum(r.input_tokens)"),
    Metric("output_tokens", "tokens", "Tokens received.", "sum(r.output_tokens)"),
    Metric("cached_tokens", "tokens", "Input tokens read from the provider's cache.", "sum(r.cached_tokens)"),
    Metric("tokens_saved", "tokens", "Tokens that context made needless.", "sum(r.tokens_saved)"),
    Metric("cache_hits", "count", "Results answered from a cache.", "countIf(r.cache_hit)"),
    Metric("latency_ms_sum", "ms", "Latency, added up, where known.", "sum(ifNull(r.latency_ms, 0))"),
    Metric("latency_count", "count", "Results that said their latency.", "count(r.latency_ms)"),
    Metric("untimed", "count", "Results that did not.", "countIf(isNull(r.latency_ms))"),
    Metric("confidence_sum_ppm", "ppm", "The results' own confidence, added up.", "sum(ifNull(r.confidence_ppm, 0))"),
    Metric("confidence_count", "count", "Results that said their confidence.", "count(r.confidence_ppm)"),
    Metric("questions_asked", "count", "Questions put to the model.", "sum(r.questions_asked)"),
    Metric("answers", "count", "Answers given.", "sum(length(r.answers))"),
    Metric(
        "validated_receipt",
        "count",
        "Answers confirmed by a receipt, in the result or by feedback.",
        "sum(countEqual(r.answers.validated_by, 'receipt'))",
    ),
    Metric(
        "validated_user",
        "count",
        "Answers confirmed by a user, in the result or by feedback.",
        "sum(countEqual(r.answers.validated_by, 'user'))",
    ),
    Metric(
        "validated_expert",
        "count",
        "Answers confirmed by an expert, in the result or by feedback.",
        "sum(countEqual(r.answers.validated_by, 'expert'))",
    ),
    Metric(
        "consensus_asked",
        "count",
        "Answers that two or more models were asked for.",
        "sum(arrayCount(asked -> ifNull(asked, 0) >= 2, r.answers.asked_models))",
    ),
    Metric(
        "consensus_agreed",
        "count",
        "Of these, where more than half agreed.",
        "sum(arrayCount((asked, agreeing) -> ifNull(asked, 0) >= 2 AND ifNull(agreeing, 0) * 2 > ifNull(asked, 0),"
        " r.answers.asked_models, r.answers.agreeing_models))",
    ),
    Metric("insights", "count", "Actionable insights.", "sum(r.insights)"),
    Metric("gaps", "count", "Missing documents found.", "sum(length(r.gaps))"),
    Metric(
        "late_events", "count", "Results over 24 h behind their run: in totals, in no bucket.", "countIf(r.is_late)"
    ),
    Metric(
        "clock_skewed_events",
        "count",
        "Results dated over 5 min after their arrival: counted at arrival.",
        "countIf(r.is_skewed)",
    ),
    Metric("duplicates", "count", "Repeats of an event id.", None),
)

# Over `run_subjects` for the run, over `run_subject_tiers` for a tier (metrics.views).
SUBJECT_COUNTERS: tuple[Metric, ...] = (
    Metric("subjects", "count", "Distinct subjects.", "count()"),
    Metric(
        "processed_subjects",
        "count",
        "Distinct subjects with a final result that is success or partial; of a tier: complete at it.",
        "countIf(processed)",
    ),
    Metric(
        "failed_subjects",
        "count",
        "Distinct subjects whose latest result, by source offset, is failed.",
        "countIf(failed)",
    ),
    Metric(
        "reprocessed_subjects",
        "count",
        "Distinct subjects with more than one success at one tier.",
        "countIf(reprocessed)",
    ),
)

# Over the latest word on each question, and the latest rating of each subject (metrics.views).
FEEDBACK_COUNTERS: tuple[Metric, ...] = (
    Metric("confirmed", "count", "Answers that feedback confirmed.", "countIf(verdict = 'confirmed')"),
    Metric("rejected", "count", "Answers that feedback rejected.", "countIf(verdict = 'rejected')"),
    Metric("overridden", "count", "Answers that a person replaced.", "countIf(verdict = 'overridden')"),
    Metric("thumbs_up", "count", "Subjects rated up.", "countIf(rating = 1)"),
    Metric("thumbs_down", "count", "Subjects rated down.", "countIf(rating = -1)"),
)

LIVE_COUNTERS: tuple[Metric, ...] = (
    Metric("minutes_with_result", "minutes", "Minutes of the last 24 h with a result.", None),
    Metric("minutes_with_success", "minutes", "Minutes of the last 24 h with a success.", None),
    Metric("after_seal", "count", "Records of a run that was sealed: counted nowhere else.", None),
)

COUNTERS = ADDITIVE + SUBJECT_COUNTERS + FEEDBACK_COUNTERS + LIVE_COUNTERS
NAMES = tuple(metric.name for metric in ADDITIVE + SUBJECT_COUNTERS)
"""What a row of the fold holds, in order; the named families beside them."""

# fmt: off
(
    RESULTS, SUCCESS, PARTIAL, FAILED, TIMEOUTS, RETRIES, COST_NANO_USD, UNPRICED, INPUT_TOKENS, OUTPUT_TOKENS,
    CACHED_TOKENS, TOKENS_SAVED, CACHE_HITS, LATENCY_MS_SUM, LATENCY_COUNT, UNTIMED, CONFIDENCE_SUM_PPM,
    CONFIDENCE_COUNT, QUESTIONS_ASKED, ANSWERS, VALIDATED_RECEIPT, VALIDATED_USER, VALIDATED_EXPERT, CONSENSUS_ASKED,
    CONSENSUS_AGREED, INSIGHTS, GAPS, LATE_EVENTS, CLOCK_SKEWED_EVENTS, DUPLICATES,
) = range(len(ADDITIVE))
# fmt: on

_STATUS = {"success": SUCCESS, "partial": PARTIAL, "failed": FAILED}
_VALIDATED = {"receipt": VALIDATED_RECEIPT, "user": VALIDATED_USER, "expert": VALIDATED_EXPERT}


def add(cell: list[int], result: Result) -> int | None:
    """Adds a result to a cell; returns its whole latency in ms, for the histogram.

    The hot path: most results leave most fields at their default, so a test is cheaper than an addition.
    """
    cell[RESULTS] += 1
    status = result.status
    cell[_STATUS[status]] += 1
    if status == "failed" and result.error is not None and result.error.timeout:
        cell[TIMEOUTS] += 1
    if result.attempt > 1:
        cell[RETRIES] += 1
    cost = result.cost_usd
    if cost is None:
        cell[UNPRICED] += 1
    else:
        cell[COST_NANO_USD] += nano_usd(cost)
    _add_tokens(cell, result)
    confidence = result.confidence
    if confidence is not None:
        cell[CONFIDENCE_SUM_PPM] += ppm(confidence)
        cell[CONFIDENCE_COUNT] += 1
    if result.questions_asked:
        cell[QUESTIONS_ASKED] += result.questions_asked
    if result.answers:
        _add_answers(cell, result.answers)
    if result.insights:
        cell[INSIGHTS] += result.insights
    if result.gaps:
        cell[GAPS] += len(result.gaps)
    latency = result.latency_ms
    if latency is None:
        cell[UNTIMED] += 1
        return None
    latency_ms = whole_ms(latency)
    cell[LATENCY_MS_SUM] += latency_ms
    cell[LATENCY_COUNT] += 1
    return latency_ms


def _add_tokens(cell: list[int], result: Result) -> None:
    cell[INPUT_TOKENS] += result.input_tokens
    cell[OUTPUT_TOKENS] += result.output_tokens
    if result.cached_tokens:
        cell[CACHED_TOKENS] += result.cached_tokens
    if result.tokens_saved:
        cell[TOKENS_SAVED] += result.tokens_saved
    if result.cache_hit:
        cell[CACHE_HITS] += 1


def _add_answers(cell: list[int], answers: Sequence[Any]) -> None:
    cell[ANSWERS] += len(answers)
    for answer in answers:
        if answer.validated_by is not None:
            cell[_VALIDATED[answer.validated_by]] += 1
        asked = answer.asked_models
        if asked is not None and asked >= 2:
            cell[CONSENSUS_ASKED] += 1
            if (answer.agreeing_models or 0) * 2 > asked:
                cell[CONSENSUS_AGREED] += 1


def add_counters(into: MutableMapping[str, int], more: Mapping[str, int]) -> None:
    """Adds the counters of one row to another."""
    for name, value in more.items():
        into[name] = into.get(name, 0) + value
