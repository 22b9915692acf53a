"""A run as a document: S0's ProcessingReport, S3's executive summary and technical part beside it. Pure.

Everything follows from one snapshot, so a report of a given log position is the same whenever it is made: `exportedAt`
is the moment that the snapshot describes, `sourceOffsets` the log prefix that it is the fold of.
"""

from datetime import datetime
from typing import Any, Literal

import msgspec

from dashboard.bodies.live import Body, DashboardBody
from dashboard.live.figures import percent, usd
from dashboard.pages import formats
from dashboard.reports.summary import executive_summary
from events.numbers import PPM
from events.snapshots import Counters, RunMetrics

Format = Literal["json", "csv", "pdf", "html"]
BANDS = ("rich", "good", "medium", "poor")


class Summary(Body, frozen=True, kw_only=True):
    """Dollars; `duration` as an operator reads it ("2h 15m"), from the run's begin to its last event."""

    total_images: int
    processed_successfully: int
    failed: int
    total_cost: float
    duration: str
    avg_cost_per_image: float | None


class Part(Body, frozen=True, kw_only=True):
    """A tier, a model or a band: `count` results (of a band: images), dollars."""

    count: int
    cost: float


class ModelPart(Part, frozen=True, kw_only=True):
    """`avgConfidence` in percent, of the results that said one."""

    avg_confidence: float | None


class Breakdown(Body, frozen=True, kw_only=True):
    """The same money three ways."""

    by_tier: dict[str, Part]
    by_model: dict[str, ModelPart]
    by_context_score: dict[str, Part]


class ReportQuality(Body, frozen=True, kw_only=True):
    """Percent."""

    avg_confidence: float | None
    validation_rate: float | None
    consensus_rate: float | None
    error_rate: float | None
    reprocessing_rate: float | None


class Outcomes(Body, frozen=True, kw_only=True):
    """What came of it."""

    tables_populated: dict[str, int]
    insights_generated: int
    gaps_identified: int


class Sentence(Body, frozen=True, kw_only=True):
    """A sentence of the executive summary."""

    text: str


class Technical(Body, frozen=True, kw_only=True):
    """For who runs it: what was called how often, how fast, and what the figures leave out."""

    results: int
    retries: int
    timeouts: int
    input_tokens: int
    output_tokens: int
    p50_ms: float | None
    p95_ms: float | None
    p99_ms: float | None
    providers: dict[str, Part]
    unpriced: int
    untimed: int
    duplicates: int
    late_events: int
    clock_skewed_events: int
    after_seal: int


class ReportBody(Body, frozen=True, kw_only=True):
    """`GET /api/report`."""

    run_id: str
    name: str | None
    state: str
    strategy: str | None
    summary: Summary
    breakdown: Breakdown
    quality: ReportQuality
    outcomes: Outcomes
    recommendations: list[str]
    exported_at: datetime
    format: Format
    projected_total: float | None
    savings: float | None
    baseline_name: str | None
    budget_total: float | None
    executive_summary: list[Sentence]
    kpis: list[dict[str, Any]]
    kpi_scores: dict[str, Any]
    technical: Technical
    source_offsets: dict[str, dict[str, int]]


def report(event: RunMetrics, body: DashboardBody, form: Format) -> ReportBody:
    """The report of a snapshot; `body` is what the dashboard shows of it."""
    fields = msgspec.to_builtins(event)
    kpis, scores = fields.get("kpis", []), fields.get("kpi_scores") or {}
    return ReportBody(
        run_id=body.run_id,
        name=body.name,
        state=body.state,
        strategy=body.strategy,
        summary=_summary(event, body),
        breakdown=Breakdown(
            by_tier=_parts(event.by_tier),
            by_model={model: _model(group) for model, group in sorted(event.by_model.items())},
            by_context_score={
                band: Part(count=event.by_band[band].get("subjects", 0), cost=_cost(event.by_band[band]))
                for band in BANDS
                if band in event.by_band
            },
        ),
        quality=ReportQuality(
            avg_confidence=body.quality.avg_confidence,
            validation_rate=body.quality.validation_rate,
            consensus_rate=body.quality.consensus_rate,
            error_rate=body.quality.error_rate,
            reprocessing_rate=body.quality.reprocessing_rate,
        ),
        outcomes=Outcomes(
            tables_populated={row.table: row.records for row in body.tables},
            insights_generated=event.totals.get("insights", 0),
            gaps_identified=event.totals.get("gaps", 0),
        ),
        recommendations=[notice.text for notice in body.notices],
        exported_at=event.as_of,
        format=form,
        projected_total=body.costs.projected_total,
        savings=body.costs.savings,
        baseline_name=body.costs.baseline_name,
        budget_total=body.costs.budget_total,
        executive_summary=[Sentence(text=text) for text in executive_summary(body, kpis, scores)],
        kpis=kpis,
        kpi_scores=scores,
        technical=_technical(event, body),
        source_offsets=event.source_offsets,
    )


def _summary(event: RunMetrics, body: DashboardBody) -> Summary:
    began = event.started_at
    ended = event.last_event_at or event.as_of
    seconds = max(0.0, (ended - began).total_seconds()) if began else 0.0
    return Summary(
        total_images=body.progress.total or event.totals.get("subjects", 0),
        processed_successfully=body.progress.processed,
        failed=body.progress.failed,
        total_cost=body.costs.total_spent,
        duration=formats.duration(seconds),
        avg_cost_per_image=body.costs.avg_cost_per_image,
    )


def _technical(event: RunMetrics, body: DashboardBody) -> Technical:
    totals, latency, doubts = event.totals, event.latency.totals, body.doubts
    return Technical(
        results=body.results,
        retries=doubts.retries,
        timeouts=totals.get("timeouts", 0),
        input_tokens=totals.get("input_tokens", 0),
        output_tokens=totals.get("output_tokens", 0),
        p50_ms=latency.p50 if latency else None,
        p95_ms=latency.p95 if latency else None,
        p99_ms=latency.p99 if latency else None,
        providers=_parts(event.by_provider),
        unpriced=doubts.unpriced,
        untimed=doubts.untimed,
        duplicates=doubts.duplicates,
        late_events=doubts.late_events,
        clock_skewed_events=doubts.clock_skewed_events,
        after_seal=doubts.after_seal,
    )


def _parts(groups: dict[str, Counters]) -> dict[str, Part]:
    return {name: Part(count=group.get("results", 0), cost=_cost(group)) for name, group in sorted(groups.items())}


def _model(group: Counters) -> ModelPart:
    confidence = percent(group.get("confidence_sum_ppm", 0), group.get("confidence_count", 0) * PPM)
    return ModelPart(count=group.get("results", 0), cost=_cost(group), avg_confidence=confidence)


def _cost(group: Counters) -> float:
    return usd(group.get("cost_nano_usd", 0))
