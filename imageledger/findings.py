"""A run's report out of ClickHouse: its image results and the newest profiles, as the events that they were."""

from collections.abc import Mapping
from typing import Any

import msgspec

from events.profiles import VehicleProfiled
from events.results import Answer, Gap, ImageResult
from imageledger.errors import UnreachableError
from imageledger.suggestions import Report, report
from processors.backfill.context import Band
from processors.backfill.evidence import Evidence
from sinks.client import connect
from sinks.reading.history import History

_RESULTS = """
SELECT event_id, event_time, run_id, status, tier, subject_id AS image_id, vehicle_id, context_score, cost_usd,
    answers, gaps, output
FROM results FINAL
WHERE run_id = {run:String} AND event_type = 'image.result'
ORDER BY source_partition, source_offset
"""
_PROFILES = """
SELECT event_id, event_time, vehicle_id, has_spid, has_factory_manual, receipt_count, timeline_event_count,
    user_tag_count, reference_doc_count, previously_analyzed, well_documented
FROM profiles FINAL
WHERE vehicle_id IN (SELECT vehicle_id FROM results WHERE run_id = {run:String})
"""
_NEWEST = "SELECT run_id FROM results WHERE event_type = 'image.result' ORDER BY recorded_at DESC LIMIT 1"


def read(clickhouse_url: str, run_id: str | None, prices_usd: Mapping[Band, float]) -> Report:
    """The report of a run, of the one with the newest result where none is named.

    Raises SinkError, and UnreachableError where nothing of it is stored.
    """
    with connect(clickhouse_url) as client:
        history = History(client)
        if run_id is None:
            run_id = next((row["run_id"] for row in history.rows(_NEWEST)), "")
        rows = history.rows(_RESULTS, {"run": run_id})
        profiles = [msgspec.convert(row, VehicleProfiled) for row in history.rows(_PROFILES, {"run": run_id})]
    if not rows:
        about = f"run {run_id}" if run_id else "any run"
        raise UnreachableError(f"no image result of {about} is stored: is its name right, and has the sink caught up?")
    return report(run_id, Evidence(map(_result, rows)), {one.vehicle_id: one for one in profiles}, prices_usd)


def _result(row: dict[str, Any]) -> ImageResult:
    """The fields that findings are made of."""
    fields = {name: value for name, value in row.items() if value is not None} | {
        "answers": msgspec.convert(row["answers"], list[Answer]),
        "gaps": msgspec.convert(row["gaps"], list[Gap]),
        "output": msgspec.Raw(row["output"].encode()),
    }
    return ImageResult(**fields)
