"""The judge's figures beside counters and ratios: the last day, confidence, scores, stages. Nothing of `metrics`."""

from typing import Any

from naive import DAY, MINUTE, NaiveRun
from naive_ratios import over

FIELDS = ("last_24h", "confidence", "scores", "stages")
"""Of a snapshot."""


def figures(run: NaiveRun, as_of_ms: int) -> dict[str, Any]:
    """What these fields of a snapshot without a plan must hold."""
    totals = run.expected(as_of_ms)["totals"]
    return {
        "last_24h": _day(run, as_of_ms),
        "confidence": _confidence(run),
        "scores": {name: one["sum_micro"] / one["count"] / 1e6 for name, one in totals.get("scores", {}).items()},
        "stages": _stages(totals.get("stages", {}), totals.get("stage_costs", {})),
    }


def _day(run: NaiveRun, as_of_ms: int) -> dict[str, int]:
    """By whole minutes: those that begin after 24 h ago."""
    first_ms = (as_of_ms - DAY) // MINUTE * MINUTE + MINUTE
    mine = [
        fact
        for fact in run.facts
        if fact.moment_ms is not None and not fact.late and first_ms <= fact.moment_ms // MINUTE * MINUTE <= as_of_ms
    ]
    begin_ms = run.first_event_ms()
    return {
        "span_ms": max(0, as_of_ms - (first_ms if begin_ms is None else max(first_ms, begin_ms))),
        "processed_subjects": sum(fact.subjects["processed_subjects"] for fact in mine),
        **{name: sum(fact.adds[name] for fact in mine) for name in ("results", "failed", "cost_nano_usd")},
    }


def _confidence(run: NaiveRun) -> dict[str, Any]:
    said = [round(fact.confidence * 1e6) for fact in run.facts if fact.confidence is not None]
    steps = [min(19, ppm // 50_000) for ppm in said]
    return {
        "mean": sum(said) / len(said) / 1e6 if said else None,
        "threshold": 0.7,
        "violations": run.confidences_below(0.7),
        "distribution": [steps.count(step) for step in range(20)] if said else [],
    }


def _stages(times: dict[str, Any], costs: dict[str, Any]) -> dict[str, Any]:
    all_ms = sum(one["ms_sum"] for one in times.values())
    all_nano = sum(one["nano_usd_sum"] for one in costs.values())
    found = {}
    for name in times.keys() | costs.keys():
        time, cost = (table.get(name, {}) for table in (times, costs))
        found[name] = {
            "mean_ms": over(time.get("ms_sum", 0), time.get("count", 0)),
            "time_share": over(time["ms_sum"], all_ms) if time else None,
            "cost_nano_usd": cost.get("nano_usd_sum", 0),
            "cost_share": over(cost["nano_usd_sum"], all_nano) if cost else None,
            "mean_cost_nano_usd": over(cost.get("nano_usd_sum", 0), cost.get("count", 0)),
        }
    return found
