"""The numbers of the command centre, which move: out of the body of `/api/metrics/dashboard`."""

# ruff: noqa: S608 - these texts are made of this package's own constants; no input reaches them

from dashboard.definitions.definition import (
    ALL,
    NEWEST,
    ONE_RUN,
    Definition,
    in_snapshot,
    of_group,
    of_minute,
    of_totals,
)
from metrics.fold.counters import COUNTERS

TEN_MINUTES = "the last 10 minutes, a finished run's own last; or since the first result if that is younger"
NOW = "now: the newest heartbeat of each processor, at most 2 minutes old"
_COUNTERS = {metric.name: metric for metric in COUNTERS}


def _counted(title: str, counter: str) -> Definition:
    """A counter of the run's totals: words and SQL are the registry's."""
    metric = _COUNTERS[counter]
    sql = f"SELECT {counter} AS value FROM run_totals {ONE_RUN}" if metric.sql else None
    return Definition(title, "count", ALL, metric.docs, sql)


def _tier(title: str, unit: str, window: str, means: str, field: str, scale: str = "") -> Definition:
    """A figure of each tier of the newest stored snapshot."""
    sql = (
        "SELECT toString(JSONExtractInt(step, 'tier')) AS tier,\n"
        f"    JSONExtract(step, '{field}', 'Nullable(Float64)'){scale} AS value\n"
        f"FROM (SELECT metrics FROM system_snapshots {NEWEST})\n"
        "ARRAY JOIN JSONExtractArrayRaw(metrics, 'progress', 'tiers') AS step"
    )
    return Definition(title, unit, window, means, sql)


def _plan(expression: str) -> str:
    return (
        f"SELECT {expression} AS value\n"
        "FROM run_totals AS totals INNER JOIN run_plans AS plan USING (run_id) WHERE run_id = {run:String}"
    )


_VALIDATED = "(validated_receipt + validated_user + validated_expert)"

PROGRESS = {
    "progress.processed": _counted("Images done", "processed_subjects"),
    "progress.total": Definition(
        "Images planned",
        "images",
        "the plan as it stands",
        "`total_images` of the run's declaration.",
        f"SELECT total_images AS value FROM run_plans {ONE_RUN}",
    ),
    "progress.percentComplete": Definition(
        "Overall progress",
        "percent, cut to a tenth: nothing is 100 % before it is done",
        ALL,
        "Distinct images with a final result of success or partial, of the images planned.",
        _plan("100 * least(totals.processed_subjects, plan.total_images) / plan.total_images"),
    ),
    "progress.eta": of_minute(
        "Time left",
        "the middle of the range, nearest minute",
        "the last 10 minutes of each tier",
        "Images left in each tier by its recent rate; tiers in series add up, in parallel the longest holds.",
        in_snapshot("eta.text", "Nullable(String)"),
    ),
    "progress.etaRange": of_minute(
        "Time left, from … to …",
        "holds the true end in 80 of 100 cases",
        "the last 10 minutes of each tier; how much it varied: the last 30",
        "The same with each tier's rate as uncertain as it varied from minute to minute (decision 0018).",
        in_snapshot("eta.range_text", "Nullable(String)"),
    ),
    "progress.failed": _counted("Failed images", "failed_subjects"),
    "progress.failedPercent": Definition(
        "Failed images",
        "percent",
        ALL,
        "Distinct images whose latest result failed, of the images planned (without a plan: of those seen).",
        _plan("100 * totals.failed_subjects / coalesce(plan.total_images, totals.subjects)"),
    ),
    "progress.tiers[].complete": of_group(
        "run_by_tier", "tier", "Images complete at the tier", "images", "Distinct images done there.",
        "processed_subjects",
    ),
    "progress.tiers[].total": Definition(
        "Images planned for the tier",
        "images",
        "the plan as it stands",
        "`images` of the tier in the run's declaration.",
        f"SELECT toString(tier) AS tier, planned_images AS value FROM plan_against_actual {ONE_RUN} ORDER BY tier",
    ),
    "progress.tiers[].percent": Definition(
        "The tier's progress",
        "percent, cut",
        ALL,
        "Images complete at the tier, of the images planned for it.",
        "SELECT toString(tier) AS tier, 100 * least(actual_images, planned_images) / planned_images AS value\n"
        f"FROM plan_against_actual {ONE_RUN} ORDER BY tier",
    ),
    "progress.tiers[].imagesPerMinute": _tier(
        "The tier's rate", "images a minute", TEN_MINUTES, "Images that became complete.", "images_per_minute"
    ),
    "progress.tiers[].requestsPerSecond": _tier(
        "Calls of the tier", "results a second", TEN_MINUTES, "Results at the tier.", "results_per_minute", " / 60"
    ),
    "progress.tiers[].etaSeconds": _tier(
        "The tier's time left", "duration", TEN_MINUTES, "Images left at the tier by its recent rate.", "seconds_left"
    ),
    "progress.tiers[].batches": _tier(
        "Batches planned", "batches", "the plan as it stands", "Images of the tier / its batch size, rounded up.",
        "batches",
    ),
    "progress.tiers[].batchesComplete": _tier(
        "Batches complete", "batches", ALL, "Full batches of complete images, by the plan's batch size.",
        "batches_complete",
    ),
}  # fmt: skip

CURRENT = {
    "current.imagesPerMinute": of_minute(
        "Rate", "images a minute", TEN_MINUTES, "Images that became processed.",
        in_snapshot("window_10m.images_per_minute"),
    ),
    "current.imagesPerHour": of_minute(
        "Rate", "images an hour", TEN_MINUTES, "Images that became processed.",
        f"60 * {in_snapshot('window_10m.images_per_minute')}",
    ),
    "current.resultsPerMinute": of_minute(
        "Results", "results a minute", TEN_MINUTES, "Results of any status.",
        in_snapshot("window_10m.results_per_minute"),
    ),
    "current.costPerMinute": of_minute(
        "Spending", "USD a minute", TEN_MINUTES, "Cost of the window's results, where known.",
        f"{in_snapshot('window_10m.cost_nano_usd_per_minute')} / 1e9",
    ),
    "current.velocity": of_minute(
        "Speeding up or slowing down", "up, steady, down", "the last 10 minutes",
        "The slope of the results; steady where it changed by less than a tenth of their mean. None below 20.",
        in_snapshot("velocity", "Nullable(String)"),
    ),
    "current.queueDepth": of_minute(
        "Waiting", "images", NOW, "Queue depth, added up over processors.", in_snapshot("operations.queue_depth")
    ),
    "current.activeRequests": of_minute(
        "In progress", "calls", NOW, "Active requests, added up over processors.",
        in_snapshot("operations.active_requests"),
    ),
}  # fmt: skip

COSTS = {
    "costs.totalSpent": of_totals(
        "Spent", "USD", _COUNTERS["cost_nano_usd"].docs + " Whole nano-dollars, divided once.", "cost_nano_usd / 1e9"
    ),
    "costs.projectedTotal": of_minute(
        "Projected", "USD", "the last 10 minutes of each tier, else the run so far, else the plan's price",
        "Spent, plus for each tier the images left by that tier's recent cost of an image.",
        f"{in_snapshot('projection.projected_nano_usd')} / 1e9",
    ),
    "costs.avgCostPerImage": of_totals(
        "Cost of an image", "USD", "Spent / distinct images.", "cost_nano_usd / subjects / 1e9"
    ),
    "costs.baselineTotal": Definition(
        "The baseline", "USD", "the plan as it stands", "Images planned by the baseline's price of an image.",
        f"SELECT total_images * baseline_unit_cost_usd AS value FROM run_plans {ONE_RUN}",
    ),
    "costs.savings": of_minute(
        "Saved", "USD", "as the projection", "Baseline less projected.",
        f"{in_snapshot('projection.savings_nano_usd')} / 1e9",
    ),
    "costs.budgetTotal": Definition(
        "Budget", "USD", "the plan as it stands", "`budget_usd` of the run's declaration.",
        f"SELECT budget_usd AS value FROM run_plans {ONE_RUN}",
    ),
    "costs.budgetRemaining": Definition(
        "Budget left", "USD", ALL, "Budget less spent; below 0 where it was passed.",
        _plan("plan.budget_usd - totals.cost_nano_usd / 1e9"),
    ),
    "costs.budgetSpentPercent": Definition(
        "Budget spent", "percent", ALL, "Spent / budget.", _plan("100 * totals.cost_nano_usd / 1e9 / plan.budget_usd")
    ),
    "costs.byModel[].images": of_group(
        "run_by_model", "model", "Calls of the model", "results",
        "Results of the model; an image that several models saw counts for each.", "results",
    ),
    "costs.byModel[].unitCost": of_group(
        "run_by_model", "model", "Price of a result", "USD", "The model's cost / its results whose price is known.",
        "if(results = unpriced, NULL, cost_nano_usd / (results - unpriced) / 1e9)",
    ),
    "costs.byModel[].cost": of_group(
        "run_by_model", "model", "Cost of the model", "USD", _COUNTERS["cost_nano_usd"].docs, "cost_nano_usd / 1e9"
    ),
    "costs.byModel[].unpriced": of_group(
        "run_by_model", "model", "Without a price", "results", _COUNTERS["unpriced"].docs, "unpriced"
    ),
    "costs.byModel[].percent": Definition(
        "Share of images", "percent", ALL, "The model's results / all results.",
        "SELECT model, 100 * results / sum(results) OVER () AS value FROM run_by_model " + ONE_RUN + " ORDER BY model",
    ),
}  # fmt: skip

QUALITY = {
    "quality.avgConfidence": of_totals(
        "Average confidence", "percent", "Mean of the results' own confidence, where they said one.",
        "if(confidence_count = 0, NULL, confidence_sum_ppm / confidence_count / 1e4)",
    ),
    "quality.validationRate": of_totals(
        "Validation rate", "percent", "Answers confirmed by receipt, user or expert, of those given; at most 100 %.",
        f"if(answers = 0, NULL, 100 * least({_VALIDATED}, answers) / answers)",
    ),
    "quality.consensusRate": of_totals(
        "Consensus rate", "percent", "Answers where more than half agreed, of those that two or more models gave.",
        "if(consensus_asked = 0, NULL, 100 * consensus_agreed / consensus_asked)",
    ),
    "quality.errorRate": of_totals("Errors", "percent", "Failed results / results.", "100 * failed / results"),
    "quality.reprocessingRate": of_totals(
        "Reprocess rate", "percent", "Distinct images with more than one success at one tier, of all images.",
        "100 * reprocessed_subjects / subjects",
    ),
    "efficiency.tokensPerImage": of_totals(
        "Tokens an image", "tokens", "Tokens sent and received / distinct images.",
        "(input_tokens + output_tokens) / subjects",
    ),
    "efficiency.cheapModelUsage": Definition(
        "Cheap model usage", "percent", ALL, "Results of the models that the plan calls cheap, of all results.",
        f"SELECT cheap_model_percentage AS value FROM processing_metrics {NEWEST}",
    ),
    "efficiency.poorContextPercent": Definition(
        "Poor context", "percent", ALL, "Images whose latest score is below 10, of all images with a score.",
        "SELECT 100 * sumIf(subjects, band = 'poor') / sum(subjects) AS value FROM run_by_band " + ONE_RUN,
    ),
    "context[].images": of_group(
        "run_by_band", "band", "Images of the band", "images",
        "Images by the context score of their latest result: rich ≥ 60, good ≥ 30, medium ≥ 10, poor below.",
        "subjects",
    ),
    "context[].percent": Definition(
        "Share of the band", "percent", ALL, "The band's images, of all images with a score.",
        "SELECT band, 100 * subjects / sum(subjects) OVER () AS value FROM run_by_band " + ONE_RUN + " ORDER BY band",
    ),
    "context[].unitCost": of_group(
        "run_by_band", "band", "Price of a result in the band", "USD", "Cost / results whose price is known.",
        "if(results = unpriced, NULL, cost_nano_usd / (results - unpriced) / 1e9)",
    ),
    "tables[].records": Definition(
        "Records added", "records", ALL, "Records that results wrote into the table.",
        "SELECT filled.1 AS table, filled.2 AS value FROM run_totals\n"
        "ARRAY JOIN CAST(records, 'Array(Tuple(String, UInt64))') AS filled " + ONE_RUN + " ORDER BY table",
    ),
    "tables[].percent": Definition(
        "Share of the table", "percent", ALL, "The table's records, of all records added.",
        "SELECT filled.1 AS table, 100 * filled.2 / arraySum(mapValues(records)) AS value FROM run_totals\n"
        "ARRAY JOIN CAST(records, 'Array(Tuple(String, UInt64))') AS filled " + ONE_RUN + " ORDER BY table",
    ),
    "tables[].perImage": Definition(
        "Fill rate", "records an image", ALL, "The table's records / distinct images.",
        "SELECT filled.1 AS table, filled.2 / subjects AS value FROM run_totals\n"
        "ARRAY JOIN CAST(records, 'Array(Tuple(String, UInt64))') AS filled " + ONE_RUN + " ORDER BY table",
    ),
}  # fmt: skip

DOUBTS = {
    "doubts.unpriced": _counted("Without a price", "unpriced"),
    "doubts.untimed": _counted("Without a duration", "untimed"),
    "doubts.retries": _counted("Retries", "retries"),
    "doubts.lateEvents": _counted("Late events", "late_events"),
    "doubts.clockSkewedEvents": _counted("Clocks ahead of ours", "clock_skewed_events"),
    "doubts.duplicates": _counted("Repeats", "duplicates"),
    "doubts.afterSeal": _counted("After the seal", "after_seal"),
}

LIVE: dict[str, Definition] = {**PROGRESS, **CURRENT, **COSTS, **QUALITY, **DOUBTS}
"""In the order of the command centre."""
