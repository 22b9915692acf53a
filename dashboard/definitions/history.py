"""The numbers of the pages that ClickHouse fills: models, components, vehicles."""

# ruff: noqa: S608 - these texts are made of this package's own constants; no input reaches them

from dashboard.definitions.definition import ANY_RUN, Definition
from metrics.intelligence.models import WINDOW_DAYS

CHOSEN = f"the chosen time; where none is chosen the last {WINDOW_DAYS} days (of these the SQL)"
SPAN = "the chosen time and filters; where none is chosen all components (of these the SQL)"
VEHICLE = "all runs"
_RECENT = f"`timestamp` >= now() - INTERVAL {WINDOW_DAYS} DAY"


def _calls(title: str, unit: str, means: str, expression: str, key: str) -> Definition:
    """A figure of all calls, or with `key` (columns) of each group of them."""
    group, order = (f"{key}, ", f" GROUP BY {key} ORDER BY {key}") if key else ("", "")
    sql = f"SELECT {group}{expression} AS value\nFROM model_performance_metrics {ANY_RUN} AND {_RECENT}{order}"
    return Definition(title, unit, CHOSEN, means, sql)


_FIGURES = {
    "totalCalls": ("Calls", "results", "Results of any status.", "count()"),
    "avgResponseTime": ("Response time", "ms", "Mean duration of the calls that said theirs.", "avg(response_time_ms)"),
    "successRate": ("Success", "percent", "Calls that did not fail, of all calls.", "100 * countIf(success) / count()"),
    "satisfactionRate": (
        "Satisfaction", "percent", "Thumbs up, of the calls that somebody rated.",
        "100 * countIf(user_rating = 1) / nullIf(countIf(user_rating != 0), 0)",
    ),
    "avgTokens": ("Tokens a call", "tokens", "Mean of the tokens sent and received.", "avg(tokens_used)"),
    "totalCost": ("Cost", "USD", "Cost of the calls whose price is known.", "sum(cost_nano_usd) / 1e9"),
    "avgCost": ("Cost a call", "USD", "Mean cost of the calls whose price is known.", "avg(cost_nano_usd) / 1e9"),
    "speedScore": (
        "Speed", "0 to 100", "100 less a point for each 100 ms of the mean response time, at least 0.",
        "greatest(0, 100 - least(100, avg(response_time_ms) / 100))",
    ),
}  # fmt: skip
"""Field → title, unit, meaning, SQL: S4, Metrics & Scoring."""
_JUDGED = {
    "qualityScore": Definition(
        "Quality", "0 to 100", CHOSEN,
        "40 % success, 40 % satisfaction, 20 % speed; where nobody rated, two thirds success and one third speed. "
        "The view get_model_performance_summary has it for one model.",
    ),
    "confidence": Definition(
        "Confidence", "0 to 100", CHOSEN,
        "How sure the quality score is: half by the number of calls (100 are enough), the rest by how narrow the 95 % "
        "Wilson intervals of success and satisfaction are.",
    ),
}  # fmt: skip

_LISTS = {"summary.": "", "byModel[].": "model, provider", "byTaskType[].": "task_type", "byProvider[].": "provider"}
MODELS = {
    f"models:{path}{name}": definition
    for path, key in _LISTS.items()
    for name, definition in ({name: _calls(*figure, key) for name, figure in _FIGURES.items()} | _JUDGED).items()
}


def _components(title: str, unit: str, means: str, expression: str, key: str = "") -> Definition:
    group, order = (f"{key}, ", f" GROUP BY {key} ORDER BY {key}") if key else ("", "")
    where = f"{ANY_RUN} AND isNotNull(component_type)"
    return Definition(title, unit, SPAN, means, f"SELECT {group}{expression} AS value\nFROM run_results {where}{order}")


_OF_COMPONENTS = {
    "components": (
        "Components", "components", "Distinct components.", "uniqExact(run_id, source_partition, subject_id)",
    ),
    "successRate": (
        "Success", "percent", "Results that did not fail, of all results.",
        "100 * countIf(status != 'failed') / count()",
    ),
    "p50": ("Median latency", "ms", "Half of the results took less.", "quantileExact(0.5)(latency_ms)"),
    "p95": ("Latency", "ms", "95 % of the results took less.", "quantileExact(0.95)(latency_ms)"),
    "cacheHitRate": (
        "Cache hits", "percent", "Results answered from a cache, of all results.", "100 * countIf(cache_hit) / count()",
    ),
    "cost": ("Cost", "USD", "Cost of the results whose price is known.", "sum(cost_nano_usd) / 1e9"),
    "costPerComponent": (
        "Cost of a component", "USD", "Cost / distinct components.",
        "sum(cost_nano_usd) / uniqExact(run_id, source_partition, subject_id) / 1e9",
    ),
}  # fmt: skip
COMPONENTS = {
    **{f"quality:totals.{name}": _components(*figure) for name, figure in _OF_COMPONENTS.items()},
    **{
        f"quality:byComponentType[].{name}": _components(*figure, key="component_type")
        for name, figure in _OF_COMPONENTS.items()
    },
    **{f"quality:byModel[].{name}": _components(*figure, key="model") for name, figure in _OF_COMPONENTS.items()},
    "quality:spending.monthly": Definition(
        "Cost a month", "USD", "the time between the first and the last chosen result, at least an hour",
        "Cost a day over that time, 30 times.",
    ),
}  # fmt: skip


def _of_array(title: str, unit: str, means: str, name: str, array: str, expression: str) -> Definition:
    """A figure of each name of a map; `array`: its pairs as `said`."""
    sql = (
        f"SELECT {name}, {expression} AS value\n"
        f"FROM (SELECT said.1 AS {name}, said.2 AS amount, said.3 AS usd FROM run_results ARRAY JOIN {array} AS said\n"
        f"    {ANY_RUN} AND isNotNull(component_type))\nGROUP BY {name} ORDER BY {name}"
    )
    return Definition(title, unit, SPAN, means, sql)


_STAGES = (
    "arrayConcat(arrayMap((name, ms) -> (name, toNullable(ms), CAST(NULL, 'Nullable(Float64)')), "
    "mapKeys(stages), mapValues(stages)),\n"
    "    arrayMap((name, usd) -> (name, CAST(NULL, 'Nullable(Float64)'), toNullable(usd)), "
    "mapKeys(stage_costs), mapValues(stage_costs)))"
)
_SCORES = "arrayMap((name, micro) -> (name, micro, 0), mapKeys(scores_micro), mapValues(scores_micro))"
COMPONENTS |= {
    "quality:totals.scores": _of_array(
        "Score", "percent", "Mean of the results that carry it. The SQL is of all components.", "score", _SCORES,
        "100 * sum(amount) / count() / 1e6",
    ),
    "quality:stages[].meanMs": _of_array(
        "Mean time", "ms", "Of the results that said the stage's time.", "stage", _STAGES, "avg(amount)"
    ),
    "quality:stages[].timeShare": _of_array(
        "Of all time", "percent", "The stage's time, of the time of all stages.", "stage", _STAGES,
        "100 * ifNull(sum(amount), 0) / sum(sum(amount)) OVER ()",
    ),
    "quality:stages[].cost": _of_array(
        "Cost of the stage", "USD", "As the results said it.", "stage", _STAGES, "ifNull(sum(usd), 0)"
    ),
    "quality:stages[].costShare": _of_array(
        "Of all cost", "percent", "The stage's cost, of the cost of all stages.", "stage", _STAGES,
        "100 * ifNull(sum(usd), 0) / sum(sum(usd)) OVER ()",
    ),
    "quality:stageCosts[].costPerResult": Definition(
        "Cost a result", "USD", SPAN,
        "The stage's cost / the results of the type that said it (`stage_costs` in run_results).",
    ),
    "quality:changes[].change": Definition(
        "Change", "the measure's own", "the two halves of the chosen time",
        "The later half against the earlier, each of 20 results or more.",
    ),
    "quality:spending.runwayDays": Definition(
        "Runway", "duration", "as A month", "The run's budget that is left / its cost a day."
    ),
}  # fmt: skip


def _vehicle(title: str, unit: str, means: str, column: str) -> Definition:
    sql = f"SELECT vehicle_id, {column} AS value\nFROM vehicle_processing_summary ORDER BY total_cost DESC LIMIT 50"
    return Definition(title, unit, VEHICLE, means, sql)


_PROFILE = (
    "Profile", "0 to 100", "The context score of the newest profile: which documents there are and how many.",
    "profile_completeness_score",
)  # fmt: skip
_SEEN = {
    "avgContextScore": (
        "Context when asked", "0 to 100", "Mean, over its images, of the score of their latest result.",
        "avg_context_score",
    ),
    "imagesProcessed": (
        "Images processed", "images", "Distinct images with a final success or partial.", "images_processed",
    ),
    "totalImages": ("Images", "images", "Distinct images with a result.", "total_images"),
    "totalCost": ("Cost", "USD", "Cost of all its results whose price is known.", "total_cost"),
}  # fmt: skip
_CONFIDENCE = (
    "Average confidence", "percent", "Mean of its results' own confidence, where they said one.",
    "100 * avg_confidence",
)  # fmt: skip
_GAPS = ("Missing documents", "documents", "Named by the newest result of each image and tier.", "gaps_identified")
VEHICLES = {
    "vehicles:vehicles[].score": _vehicle(*_PROFILE),
    "vehicles:vehicles[].avgConfidence": _vehicle(*_CONFIDENCE),
    "vehicles:vehicles[].gapsIdentified": _vehicle(*_GAPS),
    **{f"vehicles:vehicles[].{name}": _vehicle(*figure) for name, figure in _SEEN.items()},
    "vehicle:completeness.score": _vehicle(*_PROFILE),
    **{f"vehicle:processing.{name}": _vehicle(*figure) for name, figure in _SEEN.items()},
    "vehicle:processing.avgCostPerImage": _vehicle(
        "Cost of an image", "USD", "Cost / distinct images.", "avg_cost_per_image"
    ),
    **{
        f"vehicle:outcomes.{name}": _vehicle(title, unit, "By the newest result of each image and tier.", column)
        for name, title, unit, column in (
            ("partsIdentified", "Parts", "parts", "parts_identified"),
            ("modificationsFound", "Modifications", "modifications", "modifications_found"),
            ("maintenanceAlerts", "Maintenance alerts", "alerts", "maintenance_alerts"),
            ("gapsIdentified", "Missing documents", "documents", "gaps_identified"),
        )
    },
    "vehicle:completeness.breakdown": Definition(
        "Points of a document",
        "points",
        VEHICLE,
        "20 for a SPID, 15 for a manual, 5 a receipt (at most 25), 3 a timeline event (15), 2 a tag (10), 10 for a "
        "previous analysis, 5 for well documented; the score is their sum.",
    ),
    "vehicle:quality.validatedItems": _vehicle(
        "Validated", "answers", "Answers that a receipt, a user or an expert confirmed.", "validated_items"
    ),
    "vehicle:quality.consensusItems": _vehicle(
        "Consensus", "answers", "Answers where more than half of two or more models agreed.", "consensus_items"
    ),
}

HISTORY = {**MODELS, **COMPONENTS, **VEHICLES}
