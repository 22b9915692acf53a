"""An example of each answer, made by the code that makes the real one: S0's drawing, S4's model, S2's vehicle."""

from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

from dashboard.alerts.state import row_of
from dashboard.bodies.alerts import AlertsBody
from dashboard.bodies.live import Activity, RecentError
from dashboard.bodies.models import FeedbackTaken
from dashboard.commands import Command
from dashboard.history.advice import Known, recommendations_body
from dashboard.history.analytics import Stored, analytics_body
from dashboard.history.experiments import experiments_body
from dashboard.history.models import analytics, recommended
from dashboard.history.vehicles import vehicle_body, vehicle_row
from dashboard.ingest import Verdict, Verdicts
from dashboard.live.figures import dashboard_body
from dashboard.live.readings import cost_projection, realtime_body, run_row
from dashboard.live.series import SeriesBody
from events.alerts import AlertFiring, Evidence
from events.profiles import VehicleProfiled
from events.snapshots import (
    Budget,
    Eta,
    Operations,
    Percentiles,
    Progress,
    Projection,
    RunMetrics,
    TierProgress,
    Window,
)
from events.snapshots import Latency as Latencies
from metrics.alerts.rules import BUILT_IN
from metrics.fold.counters import OF_ANSWERS, OF_RESULTS
from metrics.intelligence.advice import Batch
from metrics.intelligence.context import LIST_PRICES_NANO_USD
from metrics.intelligence.experiments import Sample, Share
from metrics.intelligence.models import WINDOW_DAYS, Calls
from metrics.intelligence.recommendation import Model
from sinks.reading.advice import Documented
from sinks.reading.analytics import Band, Score, Table
from sinks.reading.calls import Key, Variant
from sinks.reading.chosen import Chosen
from sinks.reading.prices import Prices
from sinks.reading.vehicles import Vehicle

AT = datetime(2025, 11, 22, 15, 58, tzinfo=UTC)
ID = "019aa5c8-9e1e-7bb0-8d0e-7d6f3c2b1a00"
RUN = "backfill-2025-11"
IMAGE, VEHICLE = "3f8a2b1c-5d3a-4c1e-9f00-1c2d3e4f5a6b", "k5-blazer-1977"


def run_metrics() -> RunMetrics:
    """S0's drawing at 68.3 %."""
    counts = {"results": 3_379, "success": 3_313, "failed": 66, "subjects": 2_660, "cost_nano_usd": 4_230_000_000}
    minute = Window(
        span_ms=60_000, counters={}, results_per_minute=37.0, images_per_minute=18.5, cost_nano_usd_per_minute=4.2e7
    )
    return RunMetrics(
        event_id=ID,
        event_time=AT,
        run_id=RUN,
        source="imageledger.worker",
        as_of=AT,
        source_offsets={"results": {"0": 3_379}},
        state="running",
        name="November backfill",
        strategy="context-driven",
        started_at=AT - timedelta(minutes=101),
        last_event_at=AT,
        totals={**counts, "processed_subjects": 1_872, "confidence_sum_ppm": 873_000, "confidence_count": 1},
        by_tier={"1": {"results": 2_604, "success": 2_604, "cost_nano_usd": 260_400_000}},
        by_model={"gpt-4o-mini": {"results": 1_124, "success": 1_124, "cost_nano_usd": 562_000_000}},
        by_provider={"openai": {"results": 1_124, "failed": 12, "latency_ms_sum": 913_000, "latency_count": 1_124}},
        by_band={"rich": {"results": 847, "subjects": 847, "cost_nano_usd": 67_760_000}},
        window_60s=minute,
        window_10m=minute,
        velocity="steady",
        latency=Latencies(totals=Percentiles(p50=812.0, p95=2_150.0, p99=4_020.0)),
        progress=Progress(
            total=2_741,
            processed=1_872,
            failed=54,
            left=869,
            percent=68.3,
            tiers=[TierProgress(tier=1, name="Organize", images=2_741, complete=2_604, percent=95.0)],
        ),
        eta=Eta(seconds=2_818.0, completion=AT + timedelta(minutes=47), text="47m", range_text="41m – 55m"),  # noqa: RUF001
        projection=Projection(
            spent_nano_usd=4_230_000_000,
            projected_nano_usd=8_570_000_000,
            by_tier_nano_usd={"1": 270_000_000, "2": 3_500_000_000, "3": 4_800_000_000},
            baseline_name="All-GPT-4o",
            baseline_nano_usd=54_820_000_000,
            savings_nano_usd=46_250_000_000,
        ),
        budget=Budget(allocated_nano_usd=10_000_000_000, remaining_nano_usd=5_770_000_000, spent_fraction=0.423),
        operations=Operations(processors=2, queue_depth=869, active_requests=12, capacity=16),
    )


def _alert() -> AlertFiring:
    """S0's first rule, broken."""
    rule = BUILT_IN["error_rate"]
    return AlertFiring(
        event_id=ID,
        event_time=AT,
        run_id=RUN,
        fingerprint="9c1f0e5d7b3a4c2e8f60718293a4b5c6",
        episode_id="0d2e4f60718293a4b5c69c1f0e5d7b3a",
        severity=rule.severity,
        type="error_rate",
        message=rule.message,
        action=rule.action,
        metric=rule.metric,
        value=0.07,
        threshold=rule.above,
        started_at=AT - timedelta(minutes=1),
        evidence=[Evidence(topic="results", partition=0, offset=712, first_offset=650)],
    )


def _activity() -> Activity:
    return Activity(
        timestamp=AT,
        run_id=RUN,
        image_id=IMAGE,
        short_id="3f8a2b1c",
        vehicle_id=VEHICLE,
        tier=2,
        model="claude-haiku",
        status="success",
        result="8 parts",
        confidence=94.0,
        cost=0.0008,
        context_score=65.0,
        questions_answered=8,
    )


def _error() -> RecentError:
    return RecentError(
        timestamp=AT, image_id=IMAGE, error="timeout: no answer within 30 s", tier=2, retry_count=1, resolved=False
    )


def _counted() -> dict[Key, Calls]:
    """S4's example: Claude Sonnet for coding, 147 calls."""
    sonnet = Key(date(2025, 11, 22), "coding", "claude-sonnet-4-5", "anthropic", "complex", "")
    return {
        sonnet: Calls(
            calls=147,
            succeeded=144,
            latency_ms=344_127,
            timed=147,
            tokens=223_881,
            cost_nano_usd=1_470_000_000,
            priced=147,
            thumbs_up=89,
            thumbs_down=11,
        ),
        sonnet._replace(model="gpt-4o", provider="openai"): Calls(
            calls=80, succeeded=76, latency_ms=240_000, timed=80, tokens=98_000, cost_nano_usd=980_000_000, priced=80
        ),
    }


def _variants() -> dict[str, dict[str, Variant]]:
    def variant(good: int, latency_ms: float) -> Variant:
        calls = Calls(calls=800, succeeded=good, latency_ms=round(800 * latency_ms), timed=800)
        none = Sample(0, None, 0.0)
        return Variant(calls, Share(good, 800), Share(0, 0), Sample(800, latency_ms, 90_000.0), none, none)

    return {"part_identification": {"A": variant(720, 900.0), "B": variant(776, 905.0)}}


def _vehicle() -> Vehicle:
    return Vehicle(
        vehicle_id=VEHICLE,
        profile_completeness_score=40,
        total_images=120,
        images_processed=118,
        total_cost=0.31,
        avg_cost_per_image=0.00258,
        avg_context_score=20.0,
        avg_confidence=0.87,
        validated_items=34,
        consensus_items=12,
        parts_identified=412,
        modifications_found=9,
        maintenance_alerts=3,
        gaps_identified=5,
        last_processed_at=AT,
        next_suggested_reprocess=AT,
    )


def _profile() -> VehicleProfiled:
    return VehicleProfiled(
        event_id=ID, event_time=AT, vehicle_id=VEHICLE, has_spid=True, timeline_event_count=5, well_documented=True
    )


def _prices() -> Prices:
    return Prices(dict(LIST_PRICES_NANO_USD), "list", {"rich": 0.95})


def _stored() -> Stored:
    counters = dict.fromkeys((column.metric.name for column in OF_RESULTS + OF_ANSWERS), 0)
    counters |= {"results": 1_124, "cost_nano_usd": 562_000_000, "latency_ms_sum": 913_000, "latency_count": 1_124}
    counters |= {"confidence_sum_ppm": 1_022_840_000, "confidence_count": 1_124, "input_tokens": 900_000}
    return Stored(
        models={("gpt-4o-mini", "openai"): counters},
        scores=[Score(context_score=20, images=298, confidence=0.84, cost_nano_usd=5_000_000.0)],
        tables=[Table(name="image_tags", records=12_847, confidence=0.91, value_usd=128.47)],
        images=1_124,
        bands=[Band(tier="good", vehicles=12, cost_usd=0.41)],
        slices={AT: {**counters, "subjects": 1_124}},
    )


def _known() -> Known:
    return Known(
        models={"coding": {Model(key.model, key.provider): some for key, some in _counted().items()}},
        batches=[*[Batch(1, 50, 30.0)] * 5, *[Batch(1, 80, 40.0)] * 3],
        minutes=[],
        vehicles=[Documented(_profile(), 118, 20.0)],
        prices=_prices(),
        parts={VEHICLE: ["grille"]},
    )


REQUESTS: Mapping[str, Any] = {
    "/api/alerts/silences": {"minutes": 60, "runId": RUN, "rule": "error_rate", "reason": "the provider knows"},
    "/api/analytics/models/feedback": {"conversationId": "conv-123", "rating": 1},
    "/api/commands": {"runId": RUN, "action": "pause", "issuedBy": "ann", "reason": "provider trouble"},
    "/api/events": {
        "event_id": ID,
        "event_type": "image.result",
        "event_time": "2025-11-22T15:58:00Z",
        "run_id": RUN,
        "image_id": IMAGE,
        "status": "success",
    },
    "/api/sql": {"query": "SELECT count() AS results FROM results FINAL"},
}
"""What a POST may send."""

EXAMPLES: Mapping[tuple[str, str], Callable[[], Any]] = {
    ("get", "/api/alerts"): lambda: AlertsBody(firing=[row_of(_alert())], pending=[], history=[]),
    ("get", "/api/metrics/dashboard"): lambda: dashboard_body(run_metrics()),
    ("get", "/api/metrics/realtime"): lambda: realtime_body(run_metrics(), [_activity()], [_error()]),
    ("get", "/api/metrics/cost-projection"): lambda: cost_projection(run_metrics()),
    ("get", "/api/metrics/analytics"): lambda: analytics_body("24h", AT - timedelta(days=1), AT, 3_600, _stored()),
    ("get", "/api/metrics/vehicle/{vehicle_id}"): lambda: vehicle_body(
        _vehicle(), _profile(), 118, LIST_PRICES_NANO_USD
    ),
    ("get", "/api/metrics/vehicles"): lambda: {"vehicles": [vehicle_row(_vehicle())], "nextCursor": None},
    ("get", "/api/recommendations"): lambda: recommendations_body(_known(), RUN, WINDOW_DAYS),
    ("get", "/api/analytics/models"): lambda: analytics(_counted(), Chosen(), WINDOW_DAYS, None),
    ("get", "/api/analytics/models/recommend"): lambda: recommended(
        _counted(), "coding", "balanced", WINDOW_DAYS, None
    ),
    ("post", "/api/analytics/models/feedback"): lambda: FeedbackTaken(success=True, event_id=ID, rating=1),
    ("get", "/api/analytics/experiments"): lambda: experiments_body(_variants(), WINDOW_DAYS),
    ("get", "/api/runs"): lambda: [run_row(run_metrics())],
    ("get", "/api/runs/{run}/metrics"): run_metrics,
    ("get", "/api/runs/{run}/series"): lambda: SeriesBody([AT.timestamp()], [18.5], [4.23]),
    ("get", "/api/commands"): lambda: [command()],
    ("post", "/api/commands"): lambda: command(),
    ("post", "/api/events"): lambda: Verdicts(
        accepted=1,
        duplicates=0,
        rejected=0,
        events=[Verdict(index=0, status="accepted", event_id=ID, topic="imageledger.results", partition=3, offset=17)],
    ),
    ("get", "/api/export/{view}"): lambda: [{"run_id": RUN, "results": 3_379}],
    ("get", "/api/lineage/image/{image_id}"): lambda: {"about": "image:0", "nodes": [], "edges": [], "steps": []},
    ("get", "/api/lineage/record/{table}/{record_id}"): lambda: {
        "about": "record:0", "nodes": [], "edges": [], "steps": [],
    },
    ("post", "/api/sql"): lambda: {
        "meta": [{"name": "results", "type": "UInt64"}], "data": [[3_379]], "rows": 1,
    },
}  # fmt: skip


def command() -> Command:
    """A command that nobody answered yet."""
    return Command(command_id=ID, run_id=RUN, action="pause", issued_by="ann", reason="provider trouble", issued_at=AT)
