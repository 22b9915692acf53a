"""`run.metrics`: a run's figures at a moment, and the log prefix that they are the fold of (DESIGN.md 4.2, 5.6).

Money is whole nano-dollars, fractions are 0-1, times are RFC 3339. A ratio with nothing to divide by is null.
"""

from typing import Any, Literal

import msgspec

from .envelope import Event, Severity, Time

State = Literal["warming_up", "running", "stalled", "paused", "finished"]
Velocity = Literal["up", "steady", "down"]
Attained = Literal["on_target", "near_target", "off_target"]
Healthy = Literal["healthy", "degraded", "unhealthy"]
Obstacle = Literal["rate_limit", "provider", "processors", "capacity", "tier", "unknown"]

Counters = dict[str, Any]
"""Counter name → int; `scores` {name: {sum_micro, count}}, `stages` {name: {ms_sum, count}}, `stage_costs`
{name: {nano_usd_sum, count}}, `findings` and `records` {name: int}. Zeros are left out."""


class Window(msgspec.Struct, kw_only=True, frozen=True):
    """The counters of the run's last 60 s or 10 min, and the rates that follow from them.

    `span_ms`: the time really covered, up to `as_of` (buckets are 10 s wide; a young run covers less).
    """

    span_ms: int
    counters: Counters
    results_per_minute: float
    images_per_minute: float
    cost_nano_usd_per_minute: float


class Percentiles(msgspec.Struct, kw_only=True, frozen=True):
    """Milliseconds, within 1 % (log histogram)."""

    p50: float
    p95: float
    p99: float


class Latency(msgspec.Struct, kw_only=True, frozen=True):
    """Of the whole run, by model and by provider; null where no result said its time."""

    totals: Percentiles | None = None
    by_model: dict[str, Percentiles] = {}
    by_provider: dict[str, Percentiles] = {}


class TierProgress(msgspec.Struct, kw_only=True, frozen=True):
    """A tier of the plan, or one that results came for. `percent` (0-100) is of the tier's own planned images.

    Rates are of the last 10 min. `batches` are the plan's; one is complete for every `batch_size` images complete, the
    last one with the tier.
    """

    tier: int
    name: str | None = None
    images: int | None = None
    complete: int = 0
    failed: int = 0
    percent: float | None = None
    images_per_minute: float = 0.0
    results_per_minute: float = 0.0
    batches: int | None = None
    batches_complete: int | None = None
    seconds_left: float | None = None


class PhaseFigures(msgspec.Struct, kw_only=True, frozen=True):
    """A tier as planned, or as it went; null where that is not known."""

    images: int | None = None
    seconds: float | None = None
    cost_nano_usd: int | None = None
    unit_cost_nano_usd: float | None = None
    images_per_minute: float | None = None


class Phase(msgspec.Struct, kw_only=True, frozen=True):
    """Plan against actual. `actual.seconds` runs from the tier's first result to its last, retries cost too."""

    tier: int
    name: str | None = None
    planned: PhaseFigures = PhaseFigures()
    actual: PhaseFigures = PhaseFigures()
    began_at: Time | None = None
    last_result_at: Time | None = None


class Progress(msgspec.Struct, kw_only=True, frozen=True):
    """How far: images whose plan is done, of those planned (`percent` 0-100); null total where no plan was declared."""

    total: int | None = None
    processed: int = 0
    failed: int = 0
    left: int | None = None
    percent: float | None = None
    tiers: list[TierProgress] = []


class Eta(msgspec.Struct, kw_only=True, frozen=True):
    """When: an 80 % range in seconds from `as_of`, its middle, and how an operator reads it ("47m", "40m – 55m")."""

    seconds: float | None = None
    seconds_low: float | None = None
    seconds_high: float | None = None
    completion: Time | None = None
    text: str | None = None
    range_text: str | None = None


class Projection(msgspec.Struct, kw_only=True, frozen=True):
    """What it will have cost: per tier spent + what is left; spend outside planned tiers is `other_nano_usd`."""

    spent_nano_usd: int = 0
    projected_nano_usd: int | None = None
    by_tier_nano_usd: dict[str, int] = {}
    other_nano_usd: int = 0
    baseline_name: str | None = None
    baseline_nano_usd: int | None = None
    savings_nano_usd: int | None = None
    monthly_nano_usd: int | None = None


class Budget(msgspec.Struct, kw_only=True, frozen=True):
    """What may be spent; null where the plan has no budget.

    `runway_seconds`: how long what remains lasts at the spending of the last 24 h (or since the run's first result);
    null while nothing is spent, and of a finished run.
    """

    allocated_nano_usd: int | None = None
    remaining_nano_usd: int | None = None
    spent_fraction: float | None = None
    projected_fraction: float | None = None
    runway_seconds: float | None = None


class RateLimit(msgspec.Struct, kw_only=True, frozen=True):
    """A provider's limit by the newest heartbeat that tells it; `headroom`: the share of it that is left, 0-1."""

    limit: int
    remaining: int
    headroom: float | None = None


class Operations(msgspec.Struct, kw_only=True, frozen=True):
    """The newest heartbeats of the last 2 min, added up over processors."""

    processors: int = 0
    queue_depth: int = 0
    active_requests: int = 0
    capacity: int = 0
    rate_limits: dict[str, RateLimit] = {}


class Day(msgspec.Struct, kw_only=True, frozen=True):
    """The last 24 h by event time, late results left out; `span_ms`: less for a younger run."""

    span_ms: int = 0
    results: int = 0
    failed: int = 0
    processed_subjects: int = 0
    cost_nano_usd: int = 0


class Confidence(msgspec.Struct, kw_only=True, frozen=True):
    """How sure the results are. `distribution`: results in steps of 5 %, the last one with 1.0; empty without any.

    `violations`: results below `threshold`, which is the plan's or 0.7, cut to a whole step.
    """

    mean: float | None = None
    threshold: float = 0.7
    violations: int = 0
    distribution: list[int] = []


class Stage(msgspec.Struct, kw_only=True, frozen=True):
    """A step of the pipeline over the run's results: mean time and cost where said, and its share of all stages'."""

    mean_ms: float | None = None
    time_share: float | None = None
    cost_nano_usd: int = 0
    cost_share: float | None = None
    mean_cost_nano_usd: float | None = None


class Sla(msgspec.Struct, kw_only=True, frozen=True):
    """What was promised, and whether it is kept; null where nothing was promised or nothing can be told.

    `within_latency`: share of the results with a latency that kept `latency_ms` (off the histogram, 1 %).
    `deadline_met`: the expected end, or the end, is before `deadline`.
    """

    latency_ms: float | None = None
    within_latency: float | None = None
    error_rate: float | None = None
    error_rate_met: bool | None = None
    deadline: Time | None = None
    deadline_met: bool | None = None


class Shift(msgspec.Struct, kw_only=True, frozen=True):
    """A mean of the last 10 min against that of the 50 min before: what a degradation or a spike is told by.

    `change` = (recent − before) / before. `z`: the difference in standard errors, for shares alone (Wald).
    """

    recent: float | None = None
    before: float | None = None
    recent_count: int = 0
    before_count: int = 0
    change: float | None = None
    z: float | None = None


class Hindrance(msgspec.Struct, kw_only=True, frozen=True):
    """What holds the run up: why it stalled, or what limits it while it runs. `text` is a sentence."""

    kind: Obstacle
    text: str
    tier: int | None = None
    provider: str | None = None
    open_requests: int = 0
    last_event_at: Time | None = None


class Health(msgspec.Struct, kw_only=True, frozen=True):
    """0-100: the mean of the parts (0-1) that are known; healthy from 90, degraded from 70."""

    score: float | None = None
    status: Healthy | None = None
    parts: dict[str, float] = {}


class Kpi(msgspec.Struct, kw_only=True, frozen=True):
    """One of S3's indicators: `attainment` 0-1, null without value or target; `trend`: the last 10 min against before.

    `baseline`: what was measured before, by the run's events.
    """

    name: str
    category: str
    unit: str = "ratio"
    value: float | None = None
    target: float | None = None
    attainment: float | None = None
    status: Attained | None = None
    trend: Velocity | None = None
    baseline: float | None = None


class KpiScores(msgspec.Struct, kw_only=True, frozen=True):
    """0-100: of a category the mean attainment, over all the mean of the categories; null without any."""

    overall: float | None = None
    categories: dict[str, float | None] = {}


class ActiveAlert(msgspec.Struct, kw_only=True, frozen=True):
    """An alert that is pending or firing, and what its figure is at `as_of`.

    `since`: the condition first held; `firing_since`: null while pending. `silenced_by`: what holds it back.
    """

    fingerprint: str
    episode_id: str
    state: Literal["pending", "firing"]
    severity: Severity
    type: str
    message: str
    action: str
    metric: str
    value: float | None = None
    threshold: float | None = None
    labels: dict[str, str] = {}
    since: Time
    firing_since: Time | None = None
    silenced_by: str | None = None


class RunMetrics(Event, tag="run.metrics", kw_only=True, frozen=True, omit_defaults=False):
    """A snapshot: a pure function of the log up to `source_offsets` and of `as_of`.

    `derived`: what counters, plan and heartbeats give together (`metrics.figures.derived`), unknown ones left out.
    `ratios`: every ratio of `docs/metrics.md`, null with nothing to divide by; by tier and model without the nulls.
    """

    as_of: Time
    source_offsets: dict[str, dict[str, int]]
    state: State
    name: str | None = None
    strategy: str | None = None
    started_at: Time | None = None
    last_event_at: Time | None = None
    totals: Counters = {}
    by_tier: dict[str, Counters] = {}
    by_model: dict[str, Counters] = {}
    by_provider: dict[str, Counters] = {}
    by_band: dict[str, Counters] = {}
    by_task_type: dict[str, Counters] = {}
    by_component_type: dict[str, Counters] = {}
    by_variant: dict[str, Counters] = {}
    truncated: list[str] = []
    window_60s: Window | None = None
    window_10m: Window | None = None
    velocity: Velocity | None = None
    latency: Latency = Latency()
    progress: Progress = Progress()
    eta: Eta = Eta()
    projection: Projection = Projection()
    phases: list[Phase] = []
    budget: Budget = Budget()
    operations: Operations = Operations()
    last_24h: Day = Day()
    derived: dict[str, float] = {}
    ratios: dict[str, float | None] = {}
    ratios_by_tier: dict[str, dict[str, float]] = {}
    ratios_by_model: dict[str, dict[str, float]] = {}
    confidence: Confidence = Confidence()
    scores: dict[str, float] = {}
    stages: dict[str, Stage] = {}
    sla: Sla = Sla()
    shifts: dict[str, Shift] = {}
    stalled: Hindrance | None = None
    bottleneck: Hindrance | None = None
    health: Health = Health()
    kpis: list[Kpi] = []
    kpi_scores: KpiScores = KpiScores()
    alerts: list[ActiveAlert] = []
