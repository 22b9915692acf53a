"""Figures that a run's counters give only together with its plan, its heartbeats or its histograms.

Ratios and indicators are made of counters and of these. Each carries its SQL over `run_totals AS totals` and
`run_plans AS plan` of the same run, or None where ClickHouse cannot know it but from snapshots.
"""

from collections.abc import Mapping
from typing import NamedTuple

from events.numbers import nano_usd
from events.runs import RunDeclared
from events.snapshots import Day, Operations, Progress
from metrics.fold import histogram, wire
from metrics.fold.bands import BANDS
from metrics.fold.groups import TOTALS, Group

from . import confidence
from .formula import Figures

WholeRun = Mapping[Group, Mapping[str, int]]


class Derived(NamedTuple):
    """A derived figure: `sql` as the module says; live it is in what `derived` returns under the same name."""

    name: str
    docs: str
    sql: str | None = None


_CHEAP = "arraySum(arrayMap(model -> by_model.results[model], arrayDistinct(plan.cheap_models)))"
_WORTH = (
    "arraySum(arrayMap((name, amount) -> amount * toInt64(roundBankers(plan.value_weights_usd[name] * 1e9)),"
    " mapKeys(totals.records), mapValues(totals.records)))"
)

DERIVED = (
    Derived("cheap_results", "Results of the plan's cheap models.", f"if(empty(plan.cheap_models), NULL, {_CHEAP})"),
    Derived(
        "expensive_results",
        "Results of other models.",
        f"if(empty(plan.cheap_models), NULL, totals.results - {_CHEAP})",
    ),
    Derived(
        "value_nano_usd",
        "Records * the weight that the plan gives their table.",
        f"if(empty(plan.value_weights_usd), NULL, {_WORTH})",
    ),
    Derived("tables_filled", "Tables that got records.", "length(totals.records)"),
    Derived("records_written", "Records written to tables.", "arraySum(mapValues(totals.records))"),
    *(Derived(f"{band}_subjects", f"Images in the band {band}.", f"by_band.images['{band}']") for band, _ in BANDS),
    Derived("scored_subjects", "Images with a context score.", "arraySum(mapValues(by_band.images))"),
    Derived(
        "confidence_violations",
        "Results below the confidence threshold.",
        confidence.violations_sql("totals.confidence_bins", "plan.targets"),
    ),
    Derived("within_sla", "Results within the latency that was promised (from the histogram, within 1 %)."),
    Derived("total_images", "Images planned.", "plan.total_images"),
    Derived("budget_nano_usd", "What may be spent.", "toInt64(roundBankers(plan.budget_usd * 1e9))"),
    Derived(
        "baseline_unit_nano_usd",
        "The baseline's price of an image.",
        "toInt64(roundBankers(plan.baseline_unit_cost_usd * 1e9))",
    ),
    Derived("baseline_latency_ms", "The baseline's time for an image.", "plan.baseline_latency_ms"),
    Derived("batches", "Batches that the plan makes of its images."),
    Derived("batches_complete", "Of these, complete ones."),
    Derived("active_requests", "Calls under way."),
    Derived("capacity", "Calls that may be under way at once."),
    Derived("day_processed_subjects", "Images that became processed in the last 24 h."),
    Derived("day_cost_nano_usd", "Spent in the last 24 h."),
)
NAMES = tuple(figure.name for figure in DERIVED)


def derived(
    whole_run: WholeRun, plan: RunDeclared | None, progress: Progress, operations: Operations, day: Day
) -> dict[str, float]:
    """The derived figures of a run that are known."""
    totals = whole_run[TOTALS, ""]
    images = {band: whole_run.get(("band", band), {}).get("subjects", 0) for band, _ in BANDS}
    records = _records(totals)
    found: dict[str, float | None] = {
        "tables_filled": len(records),
        "records_written": sum(records.values()),
        **{f"{band}_subjects": amount for band, amount in images.items()},
        "scored_subjects": sum(images.values()),
        "confidence_violations": confidence.violations(totals, plan),
        "batches": sum(tier.batches or 0 for tier in progress.tiers),
        "batches_complete": sum(tier.batches_complete or 0 for tier in progress.tiers),
        "active_requests": operations.active_requests,
        "capacity": operations.capacity,
        "day_processed_subjects": day.processed_subjects,
        "day_cost_nano_usd": day.cost_nano_usd,
    }
    if plan is not None:
        found |= _planned(plan, whole_run, records)
    return {name: amount for name, amount in found.items() if amount is not None}


def figures(totals: Mapping[str, int], known: Mapping[str, float]) -> Figures:
    """What the formulas of a run are asked with: its counters, and None for derived figures that are not known."""
    return {**dict.fromkeys(NAMES, None), **totals, **known}


def _planned(plan: RunDeclared, whole_run: WholeRun, records: Mapping[str, int]) -> dict[str, float | None]:
    totals, weights, baseline = whole_run[TOTALS, ""], plan.value_weights_usd, plan.baseline
    cheap = None
    if plan.cheap_models:
        cheap = sum(whole_run.get(("model", model), {}).get("results", 0) for model in set(plan.cheap_models))
    return {
        "cheap_results": cheap,
        "expensive_results": None if cheap is None else totals.get("results", 0) - cheap,
        "value_nano_usd": (
            sum(amount * nano_usd(weights.get(table, 0.0)) for table, amount in records.items()) if weights else None
        ),
        "within_sla": _within(totals, plan.sla.latency_ms) if plan.sla else None,
        "total_images": plan.total_images,
        "budget_nano_usd": None if plan.budget_usd is None else nano_usd(plan.budget_usd),
        "baseline_unit_nano_usd": nano_usd(baseline.unit_cost_usd) if baseline else None,
        "baseline_latency_ms": baseline.latency_ms if baseline else None,
    }


def _within(totals: Mapping[str, int], latency_ms: float | None) -> int | None:
    """Results whose bin stands for no more than a latency."""
    if latency_ms is None:
        return None
    return sum(
        amount for bin_, amount in wire.latency_bins(totals).items() if histogram.representative(bin_) <= latency_ms
    )


def _records(totals: Mapping[str, int]) -> dict[str, int]:
    return {flat.removeprefix("records."): amount for flat, amount in totals.items() if flat.startswith("records.")}
