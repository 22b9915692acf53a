"""The flat row of counters: what each means, what a result adds to it, and its SQL, side by side (DESIGN.md 4.2).

Counters of open families stand beside them by flat name: `scores.<name>.sum_micro`, `scores.<name>.count` (`stages` and
`stage_costs` alike), `findings.<kind>`, `records.<table>`, `latency_bin.<n>` and `confidence_bin.<n>`.
"""

from collections.abc import Callable, Mapping, MutableMapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from events.numbers import PPM
from metrics.metric import Metric


class Column(NamedTuple):
    """A counter, and what each of some results (or of their answers) adds to it."""

    metric: Metric
    values: Callable[[Sequence[Any]], npt.ArrayLike]


def rounded(amounts: Sequence[float | None], scale: float = 1.0) -> npt.NDArray[np.int64]:
    """Whole units of amounts, unknown ones 0: the rounding of `events.numbers`, for many at once."""
    known = np.nan_to_num(np.array(amounts, dtype=np.float64))
    return np.rint(known * scale).astype(np.int64)


# `r` in the SQL is a row of `results`, with what is counted of its answers on arrival (metrics.views, ANSWER_COUNTS).
OF_RESULTS: tuple[Column, ...] = (
    Column(
        Metric("results", "count", "Results, each event id once.", "count()"),
        lambda rs: np.ones(len(rs), dtype=np.int64),
    ),
    Column(
        Metric("success", "count", "Results whose status is success.", "countIf(r.status = 'success')"),
        lambda rs: [r.status == "success" for r in rs],
    ),
    Column(
        Metric("partial", "count", "Results whose status is partial.", "countIf(r.status = 'partial')"),
        lambda rs: [r.status == "partial" for r in rs],
    ),
    Column(
        Metric("failed", "count", "Results whose status is failed.", "countIf(r.status = 'failed')"),
        lambda rs: [r.status == "failed" for r in rs],
    ),
    Column(
        Metric(
            "timeouts",
            "count",
            "Failed results that timed out.",
            "countIf(r.status = 'failed' AND r.error_timeout = 1)",
        ),
        lambda rs: [r.error is not None and r.status == "failed" and r.error.timeout is True for r in rs],
    ),
    Column(
        Metric("retries", "count", "Results with `attempt` over 1.", "countIf(r.attempt > 1)"),
        lambda rs: [r.attempt > 1 for r in rs],
    ),
    Column(
        Metric(
            "retrying",
            "count",
            "Failed results that will be tried again.",
            "countIf(r.status = 'failed' AND r.will_retry)",
        ),
        lambda rs: [r.will_retry and r.status == "failed" for r in rs],
    ),
    Column(
        Metric(
            "cost_nano_usd",
            "nano_usd",
            "What the results cost, where known.",
            "sum(toInt128(ifNull(r.cost_nano_usd, 0)))",
        ),
        lambda rs: rounded([r.cost_usd for r in rs], 1e9),
    ),
    Column(
        Metric("unpriced", "count", "Results without a cost.", "countIf(isNull(r.cost_nano_usd))"),
        lambda rs: [r.cost_usd is None for r in rs],
    ),
    Column(
        Metric("input_tokens", "tokens", "Tokens sent.", "sum(r.input_tokens)"),
        lambda rs: [r.input_tokens for r in rs],
    ),
    Column(
        Metric("output_tokens", "tokens", "Tokens received.", "sum(r.output_tokens)"),
        lambda rs: [r.output_tokens for r in rs],
    ),
    Column(
        Metric("cached_tokens", "tokens", "Input tokens read from the provider's cache.", "sum(r.cached_tokens)"),
        lambda rs: [r.cached_tokens for r in rs],
    ),
    Column(
        Metric("tokens_saved", "tokens", "Tokens that context made unnecessary.", "sum(r.tokens_saved)"),
        lambda rs: [r.tokens_saved for r in rs],
    ),
    Column(
        Metric("cache_hits", "count", "Results answered from a cache.", "countIf(r.cache_hit)"),
        lambda rs: [r.cache_hit for r in rs],
    ),
    Column(
        Metric("latency_ms_sum", "ms", "Latency, added up, where known.", "sum(ifNull(r.latency_ms, 0))"),
        lambda rs: rounded([r.latency_ms for r in rs]),
    ),
    Column(
        Metric("latency_count", "count", "Results with a latency.", "count(r.latency_ms)"),
        lambda rs: [r.latency_ms is not None for r in rs],
    ),
    Column(
        Metric("untimed", "count", "Results without a latency.", "countIf(isNull(r.latency_ms))"),
        lambda rs: [r.latency_ms is None for r in rs],
    ),
    Column(
        Metric(
            "confidence_sum_ppm", "ppm", "The results' own confidence, added up.", "sum(ifNull(r.confidence_ppm, 0))"
        ),
        lambda rs: rounded([r.confidence for r in rs], 1e6),
    ),
    Column(
        Metric("confidence_count", "count", "Results with a confidence.", "count(r.confidence_ppm)"),
        lambda rs: [r.confidence is not None for r in rs],
    ),
    Column(
        Metric("questions_asked", "count", "Questions put to the model.", "sum(r.questions_asked)"),
        lambda rs: [r.questions_asked for r in rs],
    ),
    Column(
        Metric("insights", "count", "Actionable insights.", "sum(r.insights)"),
        lambda rs: [r.insights for r in rs],
    ),
    Column(
        Metric("gaps", "count", "Missing documents found.", "sum(length(r.gaps.item))"),
        lambda rs: [len(r.gaps) if r.gaps else 0 for r in rs],
    ),
)

OF_ANSWERS: tuple[Column, ...] = (
    Column(
        Metric("answers", "count", "Answers given.", "sum(r.answers_given)"),
        lambda answers: np.ones(len(answers), dtype=np.int64),
    ),
    Column(
        Metric(
            "validated_receipt",
            "count",
            "Answers confirmed by a receipt, in the result or by feedback.",
            "sum(r.validated_receipt)",
        ),
        lambda answers: [a.validated_by == "receipt" for a in answers],
    ),
    Column(
        Metric(
            "validated_user",
            "count",
            "Answers confirmed by a user, in the result or by feedback.",
            "sum(r.validated_user)",
        ),
        lambda answers: [a.validated_by == "user" for a in answers],
    ),
    Column(
        Metric(
            "validated_expert",
            "count",
            "Answers confirmed by an expert, in the result or by feedback.",
            "sum(r.validated_expert)",
        ),
        lambda answers: [a.validated_by == "expert" for a in answers],
    ),
    Column(
        Metric(
            "consensus_asked",
            "count",
            "Answers that two or more models were asked for.",
            "sum(r.consensus_asked)",
        ),
        lambda answers: [(a.asked_models or 0) >= 2 for a in answers],
    ),
    Column(
        Metric(
            "consensus_agreed",
            "count",
            "Of these, where more than half agreed.",
            "sum(r.consensus_agreed)",
        ),
        lambda answers: [2 <= (a.asked_models or 0) < 2 * (a.agreeing_models or 0) for a in answers],
    ),
)

OF_ARRIVAL: tuple[Metric, ...] = (
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

ADDITIVE = tuple(column.metric for column in OF_RESULTS + OF_ANSWERS) + OF_ARRIVAL

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

POSITIONS = {name: position for position, name in enumerate(NAMES)}


LATENCY_BIN = "latency_bin."
"""Counter of a bin of `histogram`."""
CONFIDENCE_BIN = "confidence_bin."
"""Counter of step n of confidence; step 20 holds the results that are wholly sure."""
CONFIDENCE_STEP_PPM = PPM // 20

FIRST_MS, LAST_MS = "first_ms", "last_ms"
SPAN = {FIRST_MS: min, LAST_MS: max}
"""Beside the counters of a tier's whole run: when its first and its last result counts. These do not add up."""


def add_counters(into: MutableMapping[str, int], more: Mapping[str, int]) -> None:
    """Adds the counters of one row to another."""
    for name, value in more.items():
        into[name] = into.get(name, 0) + value


def join_counters(into: MutableMapping[str, int], more: Mapping[str, int]) -> None:
    """Adds the counters of one partition's row to another's, and widens the span that they may have."""
    span = {name: pick(more[name], into.get(name, more[name])) for name, pick in SPAN.items() if name in more}
    add_counters(into, more)
    into.update(span)
