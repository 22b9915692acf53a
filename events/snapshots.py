"""`run.metrics`: a run's figures at a moment, and the log prefix that they are the fold of (DESIGN.md 4.2, 5.6).

Money is whole nano-dollars, fractions are 0-1, times are RFC 3339. A ratio with nothing to divide by is null.
"""

from typing import Any, Literal

import msgspec

from .envelope import Event, Time

State = Literal["warming_up", "running", "stalled", "paused", "finished"]
Velocity = Literal["up", "steady", "down"]

Counters = dict[str, Any]
"""Counter name → int; `scores` {name: {sum_micro, count}}, `findings` and `records` {name: int}. Zeros are left out."""


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


class Progress(msgspec.Struct, kw_only=True, frozen=True):
    """How far: images whose plan is done, of those planned (`percent` 0-100); null total where no plan was declared."""

    total: int | None = None
    processed: int = 0
    failed: int = 0
    left: int | None = None
    percent: float | None = None
    tiers: list[TierProgress] = []


class Eta(msgspec.Struct, kw_only=True, frozen=True):
    """When: a range in seconds from `as_of`, its middle, and how an operator reads it ("47m", "40m – 55m")."""

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


class Budget(msgspec.Struct, kw_only=True, frozen=True):
    """What may be spent; null where the plan has no budget."""

    allocated_nano_usd: int | None = None
    remaining_nano_usd: int | None = None
    spent_fraction: float | None = None


class Operations(msgspec.Struct, kw_only=True, frozen=True):
    """The newest heartbeats of the last 2 min, added up over processors."""

    processors: int = 0
    queue_depth: int = 0
    active_requests: int = 0
    capacity: int = 0


class Kpi(msgspec.Struct, kw_only=True, frozen=True):
    """One of S3's indicators: attainment 0-1, null without value or target."""

    name: str
    category: str
    value: float | None = None
    target: float | None = None
    attainment: float | None = None
    status: str | None = None
    trend: str | None = None


class RunMetrics(Event, tag="run.metrics", kw_only=True, frozen=True, omit_defaults=False):
    """A snapshot: a pure function of the log up to `source_offsets` and of `as_of`."""

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
    budget: Budget = Budget()
    operations: Operations = Operations()
    kpis: list[Kpi] = []
