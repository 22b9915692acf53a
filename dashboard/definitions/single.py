"""The numbers of single things that pages list: results, alerts and their rules, recommendations."""

# ruff: noqa: S608 - these texts are made of this package's own constants; no input reaches them

from dashboard.definitions.definition import ANY_RUN, Definition


def _result(title: str, unit: str, means: str, expression: str) -> Definition:
    sql = (
        f"SELECT subject_id, {expression} AS value\n"
        f"FROM run_results {ANY_RUN}\nORDER BY effective_ms DESC, source_offset DESC LIMIT 50"
    )
    return Definition(title, unit, "one result", f"{means} The SQL is of the newest results.", sql)


RESULT = {
    "confidence": _result("Confidence", "percent", "How sure the model said it was.", "100 * confidence_ppm / 1e6"),
    "latency": _result("Latency", "ms", "How long the call took, as the producer said it.", "latency_ms"),
    "cost": _result("Cost", "USD", "What the call cost, in whole nano-dollars, divided once.", "cost_nano_usd / 1e9"),
    "answer": Definition(
        "Confidence of the answer", "percent", "one answer", "How sure the model was of this answer.",
        f"SELECT question, 100 * confidence AS value FROM lineage {ANY_RUN} ORDER BY event_time DESC LIMIT 50",
    ),
    "answers": _result("Answers", "answers", "Answers that the result gave.", "length(answers.question)"),
}  # fmt: skip

_ALERT = "the time of the alert"
_RULE = "the rule as it stands now"
_DECIDED = "The alert's record in the table alerts keeps it, with the records that it rests on."
SINGLE: dict[str, Definition] = {
    **{f"result:{name}": definition for name, definition in RESULT.items()},
    "activity[].confidence": RESULT["confidence"],
    "activity[].cost": RESULT["cost"],
    "recommendations:recommendations[].costSavings": Definition(
        "It saves", "USD", "the last 30 days",
        "What the same calls would have cost less, or asking about a vehicle's images once more; "
        "/api/recommendations has the numbers that it rests on.",
    ),
    **{
        f"alerts:{listed}[].value": Definition(
            "Value", "the metric's own", _ALERT, f"The metric when the alert was decided. {_DECIDED}"
        )
        for listed in ("firing", "pending", "history")
    },
    **{
        f"alerts:{listed}[].threshold": Definition(
            "Limit", "the metric's own", _ALERT, f"What the rule allowed then. {_DECIDED}"
        )
        for listed in ("firing", "pending", "history")
    },
    "rules:rules[].limit": Definition(
        "Limit", "the metric's own, or times what it is compared with", _RULE, "The alert is due beyond it."
    ),
    "rules:rules[].forS": Definition("For", "duration", _RULE, "So long it must be so before the alert fires."),
}  # fmt: skip
