"""What advice rests on: how batches and minutes went, which vehicles' documents would pay."""

# ruff: noqa: S608 - these texts are made of this package's own constants; values are parameters

from collections import defaultdict
from collections.abc import Collection
from typing import NamedTuple

import msgspec

from events.profiles import VehicleProfiled
from metrics.intelligence.advice import Batch, Minute
from metrics.views.images import AT

from .chosen import Chosen
from .history import History

MOST_BATCHES, MOST_MINUTES, MOST_VEHICLES = 10_000, 10_000, 500
WORTH_A_RECEIPT = ("modification", "part", "visible")
"""Kinds of parts, in the order in which a receipt for one is asked for."""
PAPERS = ("vin_plate", "spid_sticker", "door_jamb_label")
"""Seen on photographs, and nothing that there is a receipt for."""


def batches(history: History, chosen: Chosen) -> list[Batch]:
    """Batches as they went, the newest MOST_BATCHES. Raises ClickHouseError."""
    found = history.rows(
        "SELECT tier, uniqExact(subject_id) AS images, "
        "(max(effective_ms) - min(effective_ms - ifNull(latency_ms, 0))) / 1000 AS seconds "
        f"FROM results FINAL {chosen.where('isNotNull(results.batch_id)')} "
        f"GROUP BY run_id, tier, batch_id ORDER BY max(effective_ms) DESC LIMIT {MOST_BATCHES}",
        chosen.parameters(),
    )
    return [Batch(**row) for row in found]


def minutes(history: History, chosen: Chosen) -> list[Minute]:
    """Minutes of runs with requests under way, the newest MOST_MINUTES. Raises ClickHouseError."""
    conditions = {
        "run": "run_id = {run:String}",
        "start": "as_of >= fromUnixTimestamp64Milli({start:Int64}, 'UTC')",
        "end": "as_of < fromUnixTimestamp64Milli({end:Int64}, 'UTC')",
    }
    given = chosen.parameters()
    where = " AND ".join(["active > 0", *(text for name, text in conditions.items() if name in given)])
    found = history.rows(
        f"""
SELECT JSONExtractInt(metrics, 'operations', 'active_requests') AS active,
    JSONExtractFloat(metrics, 'window_60s', 'results_per_minute') AS results_per_minute,
    JSONExtract(metrics, 'latency', 'totals', 'p95', 'Nullable(Float64)') AS p95_ms,
    arrayMap(limit -> JSONExtractInt(limit.2, 'remaining') / JSONExtractInt(limit.2, 'limit'),
        arrayFilter(limit -> JSONExtractInt(limit.2, 'limit') > 0,
            JSONExtractKeysAndValuesRaw(metrics, 'operations', 'rate_limits'))) AS limits,
    if(empty(limits), NULL, arrayMin(limits)) AS headroom
FROM snapshots FINAL WHERE {where} ORDER BY as_of DESC LIMIT {MOST_MINUTES}
""",
        given,
    )
    return [Minute(row["active"], row["results_per_minute"], row["p95_ms"], row["headroom"]) for row in found]


class Documented(NamedTuple):
    """A vehicle's newest profile, its images past tier 1, and the score that they were last asked at (mean)."""

    profile: VehicleProfiled
    images: int
    asked_at: float | None


def documented(history: History, chosen: Chosen) -> list[Documented]:
    """Profiled vehicles with images past tier 1, those with the most first; at most MOST_VEHICLES.

    Raises ClickHouseError.
    """
    where = chosen.where("results.event_type = 'image.result'", "results.tier > 1", "isNotNull(results.vehicle_id)")
    found = history.rows(
        f"""
SELECT profile.*, seen.images AS images, seen.asked_at AS asked_at
FROM (
    SELECT event_id, event_time, vehicle_id, has_spid, has_factory_manual, receipt_count, timeline_event_count,
        user_tag_count, reference_doc_count, previously_analyzed, well_documented
    FROM profiles FINAL
) AS profile
INNER JOIN (
    SELECT vehicle_id, count() AS images, avg(score) AS asked_at
    FROM (
        SELECT assumeNotNull(results.vehicle_id) AS vehicle_id, subject_id,
            argMaxIf(context_score, {AT}, isNotNull(context_score)) AS score
        FROM results FINAL {where}
        GROUP BY vehicle_id, subject_id
    )
    GROUP BY vehicle_id
) AS seen USING (vehicle_id)
ORDER BY images DESC, vehicle_id LIMIT {MOST_VEHICLES}
""",
        chosen.parameters(),
    )
    return [
        Documented(msgspec.convert(_unprefixed(row), VehicleProfiled), row["images"], row["asked_at"]) for row in found
    ]


def _unprefixed(row: dict[str, object]) -> dict[str, object]:
    named = {name.rpartition(".")[2]: value for name, value in row.items()}
    return {name: value for name, value in named.items() if name in VehicleProfiled.__struct_fields__}


def parts(history: History, vehicle_ids: Collection[str]) -> dict[str, list[str]]:
    """Vehicle → its parts as a person says them: those worth a receipt first, then on most images.

    Raises ClickHouseError.
    """
    kinds = ", ".join(f"'{kind}'" for kind in WORTH_A_RECEIPT)
    papers = ", ".join(f"'{paper}'" for paper in PAPERS)
    found = history.rows(
        f"""
SELECT assumeNotNull(r.vehicle_id) AS vehicle, splitByChar(':', answer.question, 2)[1] AS kind,
    splitByChar(':', answer.question, 2)[2] AS part
FROM (SELECT * FROM results FINAL WHERE vehicle_id IN {{vehicles:Array(String)}} AND status != 'failed') AS r
ARRAY JOIN r.answers AS answer
WHERE kind IN ({kinds}) AND part NOT IN ('', {papers})
GROUP BY vehicle, kind, part
ORDER BY vehicle, indexOf([{kinds}], kind), countIf(isNotNull(answer.validated_by)) > 0, uniqExact(r.subject_id) DESC,
    part
LIMIT 5 BY vehicle
""",
        {"vehicles": list(vehicle_ids)},
    )
    named: defaultdict[str, dict[str, None]] = defaultdict(dict)
    for row in found:
        named[row["vehicle"]][row["part"].replace("_", " ")] = None
    return {vehicle: list(names) for vehicle, names in named.items()}
