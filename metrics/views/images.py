"""What became of each image, and of each vehicle over all its images and runs (S0, Complete metrics schema)."""

# ruff: noqa: S608 - these texts are made of this package's own constants; no input reaches them

from collections.abc import Collection, Sequence

from metrics.fold import bands

from .feedback import verdicts_of
from .view import RUN_ID, WITH_COUNTS, Column, View, listed

_NEWEST = "bitOr(bitShiftLeft(toUInt128(source_offset), 32), toUInt128(source_partition))"
"""(source_offset, source_partition) as one number: an aggregate by a tuple is many times slower."""
_VALIDATED = "validated_receipt + validated_user + validated_expert"
_FAILURE = "concat(ifNull(error_type, 'error'), ': ', ifNull(error_message, ''))"
_MEAN_CONFIDENCE = "if(count(confidence_ppm) = 0, NULL, sum(ifNull(confidence_ppm, 0)) / count(confidence_ppm) / 1e6)"

CONTEXT_SCORE = """20 * has_spid + 15 * has_factory_manual + least(25, 5 * receipt_count)
            + least(15, 3 * timeline_event_count) + least(10, 2 * user_tag_count)
            + 10 * previously_analyzed + 5 * well_documented"""
"""A profile's context score, 0-100 (DESIGN.md 4.3, Context score)."""

_BAND_RANK = "indexOf(['poor', 'medium', 'good', 'rich'], {})"


def views() -> list[View]:
    """The views of this family."""
    return [_image_processing_metrics(), _vehicle_processing_summary()]


def _image_processing_metrics() -> View:
    scored = "isNotNull(results.context_score)"
    columns = (
        Column("id", "reinterpretAsUUID(sipHash128(run_id, subject_id))", "Made of run and image."),
        RUN_ID,
        Column("image_id", "subject_id", "The image."),
        Column("vehicle_id", f"argMax(results.vehicle_id, {_NEWEST})", "Its vehicle, as last said."),
        Column("started_at", "min(ifNull(results.started_at, event_time))", "Begin of its first call."),
        Column("completed_at", "max(event_time)", "Its last result."),
        Column("processing_duration_ms", "sum(ifNull(latency_ms, 0))", "Time of all its calls, where known.", "ms"),
        Column("tier_reached", "max(tier)", "The highest tier with a result."),
        Column("models_used", "arraySort(groupUniqArray(toString(model)))", "Models that touched it."),
        Column("total_cost", "sum(ifNull(cost_nano_usd, 0)) / 1e9", "What it cost, where known.", "USD"),
        Column("total_cost_nano_usd", "sum(ifNull(cost_nano_usd, 0))", "The same, exact.", "nano-USD"),
        Column("total_tokens", "sum(input_tokens + output_tokens)", "Sent and received.", "tokens"),
        Column(
            "context_score",
            f"argMaxIf(results.context_score, {_NEWEST}, {scored})",
            "Of its latest scored result; NULL without one.",
            "0-100",
        ),
        Column(
            "context_items",
            f"argMaxIf(results.context_items, {_NEWEST}, {scored})",
            "What context that result had.",
        ),
        Column("questions_answered", "sum(answers_given)", "Answers given."),
        Column("avg_confidence", _MEAN_CONFIDENCE, "Mean of its results' own confidence.", "0-1"),
        Column("validated_answers", f"sum({_VALIDATED}) + any(said.confirmed)", "Confirmed, also by feedback."),
        Column("consensus_answers", "sum(consensus_agreed)", "Where more than half of two or more models agreed."),
        Column("tables_updated", "arraySort(groupUniqArrayArray(mapKeys(tables)))", "Tables that it wrote to."),
        Column("insights_generated", "sum(insights)", "Actionable insights."),
        Column("gaps_identified", "sum(length(gaps.item))", "Missing documents found."),
        Column(
            "errors_encountered",
            f"arrayMap(e -> e.3, arraySort(groupArrayIf((source_offset, source_partition, {_FAILURE}),"
            " status = 'failed')))",
            "Type and message of each failure, in the order of the log.",
        ),
        Column("retry_count", "countIf(attempt > 1)", "Results with `attempt` over 1."),
        Column("final_status", f"argMax(status, {_NEWEST})", "success, partial or failed: its latest result."),
        Column("created_at", "min(recorded_at)", "Arrival of its first result."),
    )
    return View(
        "image_processing_metrics",
        "An image's way through a run (S0, Per-image detailed metrics).",
        "a run and an image",
        columns,
        f"""
FROM (SELECT {WITH_COUNTS} FROM results FINAL WHERE event_type = 'image.result') AS results
LEFT JOIN (
    SELECT run_id, subject_id, countIf(verdict = 'confirmed') AS confirmed
    FROM feedback_verdicts WHERE subject_kind = 'image' GROUP BY run_id, subject_id
) AS said USING (run_id, subject_id)
GROUP BY run_id, subject_id
""",
        "SELECT image_id, tier_reached, models_used, total_cost, final_status FROM image_processing_metrics\n"
        "WHERE run_id = {run:String} ORDER BY total_cost_nano_usd DESC, image_id LIMIT 20",
    )


def _vehicle_processing_summary() -> View:
    """An image's newest result of a tier that did not fail holds: asking again replaces what was found before."""
    now_better = f"""{_BAND_RANK.format(bands.band_sql("profile_completeness_score"))}
        > {_BAND_RANK.format(bands.band_sql("avg_context_score"))}"""
    profile = "profile.vehicle_id != ''"
    columns = (
        Column("vehicle_id", "vehicles.vehicle_id", "The vehicle."),
        Column(
            "profile_completeness_score",
            f"if({profile}, profile.score, NULL)",
            "Context score of its newest profile; NULL without one.",
            "0-100",
        ),
        Column(
            "profile_tier",
            f"if({profile}, {bands.band_sql('profile.score')}, NULL)",
            "Band of that score: rich, good, medium or poor.",
        ),
        Column("total_images", "seen.images", "Distinct images with a result in any run."),
        Column("images_processed", "seen.processed", "Of these, those whose plan is done."),
        Column("total_cost", "seen.cost_nano_usd / 1e9", "What all its results cost.", "USD"),
        Column("avg_cost_per_image", "if(seen.images = 0, NULL, seen.cost_nano_usd / seen.images / 1e9)", "", "USD"),
        Column(
            "avg_context_score",
            "if(seen.scored = 0, NULL, seen.score_sum / seen.scored)",
            "Mean over its images of the latest score.",
            "0-100",
        ),
        *(
            Column(name, f"if({profile}, profile.{name}, NULL)", docs)
            for name, docs in (
                ("has_spid", "The profile has factory specifications."),
                ("receipt_count", "Receipts in the profile."),
                ("timeline_event_count", "Timeline events in it."),
                ("reference_doc_count", "Reference documents in it."),
            )
        ),
        Column(
            "avg_confidence",
            "if(seen.confidence_count = 0, NULL, seen.confidence_sum_ppm / seen.confidence_count / 1e6)",
            "Mean of all its results' own confidence.",
            "0-1",
        ),
        Column("validated_items", "seen.validated + said.confirmed", "Answers that hold and are confirmed."),
        Column(
            "consensus_items", "seen.consensus", "Answers that hold and that more than half of the models agreed on."
        ),
        Column("parts_identified", "seen.parts", "Finding `parts`, else records of `part_identifications`."),
        Column("modifications_found", "seen.modifications", "`modifications`, else `vehicle_modifications`."),
        Column("maintenance_alerts", "seen.alerts", "`maintenance_alerts`, finding or table."),
        Column("gaps_identified", "seen.gaps", "Missing documents."),
        Column("last_processed_at", "seen.last_processed_at", "Its latest result; NULL without any."),
        Column(
            "next_suggested_reprocess",
            f"if({profile} AND seen.scored > 0 AND {now_better}, profile.event_time, NULL)",
            "Since when it pays to ask again: its profile is in a better band than its images had. Else NULL.",
        ),
        Column(
            "updated_at",
            "greatest(ifNull(seen.recorded_at, toDateTime64(0, 3, 'UTC')), profile.recorded_at)",
            "Arrival of the newest record about it.",
        ),
    )
    return View(
        "vehicle_processing_summary",
        "Each vehicle over all its images and runs (S0, Aggregate metrics by vehicle).",
        "a vehicle with a result or a profile",
        columns,
        f"""
FROM (
    SELECT assumeNotNull(results.vehicle_id) AS vehicle_id FROM results FINAL WHERE isNotNull(results.vehicle_id)
    UNION DISTINCT
    SELECT vehicle_id FROM profiles FINAL
) AS vehicles
{_seen()}
{_PROFILED}
{_SAID}
""",
        "SELECT vehicle_id, profile_tier, images_processed, total_cost, next_suggested_reprocess\n"
        "FROM vehicle_processing_summary ORDER BY total_cost DESC, vehicle_id LIMIT 20",
    )


def of_vehicles(names: Sequence[str], results: str) -> str:
    """A SELECT of these columns of `vehicle_processing_summary` for known vehicles, `{vehicles:Array(String)}`.

    `results`: where theirs are read, RESULTS_OF_VEHICLES or FIRST_RESULTS_OF_VEHICLES. Reads what they need and no
    more: neither all vehicles' names and profiles nor what people said, so that `validated_items` lacks what
    `confirmed_of_vehicles` counts: a statement of its own, to be asked at the same time.
    """
    view = _vehicle_processing_summary()
    profiled = _PROFILED.replace("profiles FINAL", "profiles FINAL WHERE vehicle_id IN {vehicles:Array(String)}")
    columns = listed(column for column in view.columns if column.name in names).replace("said.confirmed", "0")
    held = [name for name in _HELD if f"seen.{name}" in columns]
    return f"""SELECT
{columns}
FROM (SELECT arrayJoin({{vehicles:Array(String)}}) AS vehicle_id) AS vehicles
{_of_known(_seen(held), results)}
{profiled}"""


def confirmed_of_vehicles(results: str) -> str:
    """A SELECT of `vehicle_id` and how many answers people `confirmed`, of known vehicles, as `of_vehicles`."""
    said = _of_known(_CONFIRMED, results)
    return said.replace("feedback_verdicts", f"({verdicts_of(f'SELECT subject_id FROM results WHERE {KNOWN}')})")


def _of_known(sql: str, results: str) -> str:
    return sql.replace("results FINAL", f"{results} AS results")


KEY = "run_id, source_partition, event_id"
KNOWN = "identity(vehicle_id) IN {vehicles:Array(String)}"
"""Of `results`; through `identity`, so that the bloom filters of every granule are not read beside the projection."""
RESULTS_OF_VEHICLES = f"""(
    SELECT {KEY}, source_offset, effective_ms, event_time, recorded_at, event_type, subject_id, vehicle_id, tier,
        status, final, cost_nano_usd, context_score, confidence_ppm, findings, tables, gaps, validated_receipt,
        validated_user, validated_expert, consensus_agreed
    FROM results WHERE {KNOWN} ORDER BY source_offset LIMIT 1 BY {KEY})"""
"""`results FINAL` of these vehicles, unless an event of theirs has an earlier record about another vehicle.

In the order of vehicles: every column of it stands in the projection `results_by_vehicle`, or that is not used.
"""
FIRST_RESULTS_OF_VEHICLES = f"""(
    SELECT * FROM (
        SELECT {WITH_COUNTS} FROM results WHERE ({KEY}) IN (SELECT {KEY} FROM results WHERE {KNOWN})
        ORDER BY source_offset LIMIT 1 BY {KEY})
    WHERE {KNOWN})"""
"""The same without exception, out of all granules: every record of these events, and of each event the first."""


AT = (
    "bitOr(bitShiftLeft(toUInt256(effective_ms + 4611686018427387904), 96),"
    " bitOr(bitShiftLeft(toUInt256(source_partition), 64), toUInt256(source_offset)))"
)
"""(effective_ms, source_partition, source_offset) of `results` as one number, as _NEWEST; 2^62 keeps times before 1970
positive."""
_HELD = {
    "validated": _VALIDATED,
    "consensus": "consensus_agreed",
    "parts": "greatest(findings['parts'], tables['part_identifications'])",
    "modifications": "greatest(findings['modifications'], tables['vehicle_modifications'])",
    "alerts": "greatest(findings['maintenance_alerts'], tables['maintenance_alerts'])",
    "gaps": "length(gaps.item)",
}
"""Each for itself, not one array of all: who asks for some of them reads no column of the others."""


def _seen(held: Collection[str] = tuple(_HELD)) -> str:
    """What its results say; of what holds of its images, what is named: the engine looks at all that stands here."""
    sums = "".join(f", sum({name}) AS {name}" for name in held)
    newest = "".join(f",\n                argMaxIf({_HELD[name]}, at, status != 'failed') AS {name}" for name in held)
    return f"""
LEFT JOIN (
    SELECT vehicle_id, count() AS images, countIf(done) AS processed, sum(cost) AS cost_nano_usd,
        countIf(isNotNull(latest_score)) AS scored,
        sum(toInt64(roundBankers(ifNull(latest_score, 0) * 1e6))) / 1e6 AS score_sum,
        sum(ppm) AS confidence_sum_ppm, sum(ppm_count) AS confidence_count,
        toNullable(max(last_event)) AS last_processed_at, toNullable(max(last_recorded)) AS recorded_at{sums}
    FROM (
        SELECT vehicle_id, subject_id, max(done) AS done, sum(cost) AS cost,
            argMaxIf(score, scored_at, isNotNull(score)) AS latest_score, sum(ppm) AS ppm, sum(ppm_count) AS ppm_count,
            max(last_event) AS last_event, max(last_recorded) AS last_recorded{sums}
        FROM (
            WITH {AT} AS at
            SELECT assumeNotNull(results.vehicle_id) AS vehicle_id, subject_id, tier,
                max(final AND status != 'failed') AS done, sum(ifNull(cost_nano_usd, 0)) AS cost,
                argMaxIf(context_score, at, isNotNull(context_score)) AS score,
                maxIf(at, isNotNull(context_score)) AS scored_at,
                sum(ifNull(confidence_ppm, 0)) AS ppm, count(confidence_ppm) AS ppm_count,
                max(event_time) AS last_event, max(results.recorded_at) AS last_recorded{newest}
            FROM results FINAL
            WHERE event_type = 'image.result' AND isNotNull(results.vehicle_id)
            GROUP BY vehicle_id, subject_id, tier
        )
        GROUP BY vehicle_id, subject_id
    )
    GROUP BY vehicle_id
) AS seen USING (vehicle_id)
""".strip("\n")


_PROFILED = f"""
LEFT JOIN (
    SELECT vehicle_id, event_time, recorded_at, has_spid, receipt_count, timeline_event_count, reference_doc_count,
        {CONTEXT_SCORE} AS score
    FROM profiles FINAL
) AS profile USING (vehicle_id)
""".strip("\n")
_CONFIRMED = """
    SELECT images.vehicle_id AS vehicle_id, count() AS confirmed
    FROM (
        SELECT DISTINCT assumeNotNull(results.vehicle_id) AS vehicle_id, run_id, subject_id
        FROM results FINAL WHERE event_type = 'image.result' AND isNotNull(results.vehicle_id)
    ) AS images
    INNER JOIN feedback_verdicts AS verdicts USING (run_id, subject_id)
    WHERE verdicts.subject_kind = 'image' AND verdicts.verdict = 'confirmed'
    GROUP BY vehicle_id
""".strip("\n")
"""What people said of its images."""
_SAID = f"""
LEFT JOIN (
{_CONFIRMED}
) AS said USING (vehicle_id)
""".strip("\n")
