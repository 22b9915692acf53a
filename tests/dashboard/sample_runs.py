"""Runs as the worker would publish them: S0's 2,741-image drawing at any share of its work; results for the feed."""

import random
from datetime import UTC, datetime, timedelta
from typing import Any

from events.results import Answer, Failure, ImageResult
from events.snapshots import (
    Budget,
    Eta,
    Latency,
    Operations,
    Percentiles,
    Progress,
    Projection,
    RunMetrics,
    State,
    TierProgress,
    Window,
)
from metrics.figures import derived, kpis, ratios

TOTAL = 2_741
NANO = 1_000_000_000
MODELS = {
    # model: (results, nano-dollars each, provider)
    "claude-haiku": (1_872, 80_000, "anthropic"),
    "gpt-4o-mini": (1_124, 500_000, "openai"),
    "gpt-4o": (250, 10_000_000, "openai"),
    "claude-opus": (54, 18_500_000, "anthropic"),
}
BANDS = {"rich": (847, 80_000), "good": (412, 500_000), "medium": (298, 5_000_000), "poor": (1_184, 15_000_000)}


def snapshot(
    run_id: str = "backfill-2026-11",
    *,
    share: float = 1.0,
    as_of: datetime | None = None,
    state: State = "running",
    plan: bool = True,
    **changes: Any,
) -> RunMetrics:
    """S0's drawing with every count multiplied by `share` (1.0: 1,872 of 2,741 processed)."""
    as_of = as_of or datetime.now(UTC)
    models = {model: _model(int(n * share), nano) for model, (n, nano, _) in MODELS.items()}
    spent = sum(group["cost_nano_usd"] for group in models.values())
    results = sum(group["results"] for group in models.values())
    processed = int(1_872 * share)
    left = TOTAL - processed
    rate = 18.5
    fields: dict[str, Any] = {
        "event_id": f"snapshot-{run_id}-{as_of.timestamp()}",
        "event_time": as_of,
        "source": "sample",
        "run_id": run_id,
        "as_of": as_of,
        "source_offsets": {"results": {"0": results}},
        "state": state,
        "name": "November backfill" if plan else None,
        "started_at": as_of - timedelta(minutes=101 * share),
        "last_event_at": as_of,
        "totals": _totals(results, spent, share),
        "by_tier": {str(tier): _model(n, 1_000_000) for tier, n in _tiers(share).items()},
        "by_model": models,
        "by_provider": {
            "anthropic": _model(int(1_926 * share), 600_000)
            | {"latency_ms_sum": int(900_000 * share), "latency_count": int(1_900 * share)},
            "openai": _model(int(1_374 * share), 2_200_000) | {"failed": int(120 * share)},
        },
        "by_band": {
            band: _model(int(n * share), nano) | {"subjects": int(n * share)} for band, (n, nano) in BANDS.items()
        },
        "window_60s": _window(60_000, rate * (0.9 + 0.2 * random.random())),
        "window_10m": _window(600_000, rate),
        "velocity": "up",
        "latency": Latency(totals=Percentiles(p50=812.0, p95=2_150.0, p99=4_020.0)),
        "progress": Progress(
            total=TOTAL if plan else None,
            processed=processed,
            failed=int(54 * share),
            left=left if plan else None,
            percent=processed / TOTAL if plan else None,
            tiers=[
                TierProgress(
                    tier=tier,
                    name={1: "Cheap sweep", 2: "Detail", 3: "Expert"}[tier] if plan else None,
                    images=TOTAL if plan else None,
                    complete=n,
                    percent=n / TOTAL if plan else None,
                    images_per_minute=rate / tier,
                    seconds_left=(TOTAL - n) / rate * 60 * tier if plan else None,
                )
                for tier, n in _tiers(share).items()
            ],
        ),
        "projection": Projection(
            spent_nano_usd=spent,
            projected_nano_usd=8_570_000_000 if plan else None,
            by_tier_nano_usd={"1": 270_000_000, "2": 3_500_000_000, "3": 4_800_000_000} if plan else {},
            baseline_name="All-GPT-4o" if plan else None,
            baseline_nano_usd=54_820_000_000 if plan else None,
            savings_nano_usd=46_250_000_000 if plan else None,
        ),
        "operations": Operations(processors=2, queue_depth=869, active_requests=12, capacity=16),
    }
    if plan:
        fields["eta"] = Eta(
            seconds=left / rate * 60,
            seconds_low=left / rate * 52,
            seconds_high=left / rate * 70,
            completion=as_of + timedelta(minutes=left / rate),
            text=f"{round(left / rate)}m",
            range_text=f"{round(left / rate * 0.87)}m – {round(left / rate * 1.17)}m",  # noqa: RUF001  (as metrics/forecast/eta.py)
        )
        fields["budget"] = Budget(
            allocated_nano_usd=10 * NANO, remaining_nano_usd=10 * NANO - spent, spent_fraction=spent / (10 * NANO)
        )
    fields |= changes
    fields["derived"] = _derived(fields, plan)
    fields["ratios"] = ratios.of_run(derived.figures(fields["totals"], fields["derived"]))
    kpis_ = kpis.kpis(derived.figures(fields["totals"], fields["derived"]), {}, None)
    return RunMetrics(**{"kpis": kpis_, "kpi_scores": kpis.scores(kpis_)} | fields)


def _derived(fields: dict[str, Any], plan: bool) -> dict[str, float]:
    images = {band: group["subjects"] for band, group in fields["by_band"].items()}
    cheap = sum(fields["by_model"].get(model, {}).get("results", 0) for model in ("claude-haiku", "gpt-4o-mini"))
    found = {f"{band}_subjects": n for band, n in images.items()} | {"scored_subjects": sum(images.values())}
    found |= {"active_requests": fields["operations"].active_requests, "capacity": fields["operations"].capacity}
    if plan:
        found |= {"cheap_results": cheap, "expensive_results": fields["totals"].get("results", 0) - cheap}
    return found


def result(number: int, run_id: str | None = "backfill-2026-11", **changes: Any) -> ImageResult:
    """The number-th result: like the rows of S0's RECENT ACTIVITY."""
    chance = random.Random(number)
    tier = chance.choice((1, 1, 1, 2, 2, 3))
    model = {1: "claude-haiku", 2: "gpt-4o-mini", 3: "gpt-4o"}[tier]
    failed = chance.random() < 0.04
    fields: dict[str, Any] = {
        "event_id": f"event-{run_id}-{number}-{chance.random()}",
        "event_time": datetime.now(UTC),
        "source": "sample",
        "run_id": run_id,
        "image_id": f"{chance.getrandbits(32):08x}-5d3a-4c1e-9f00-{chance.getrandbits(48):012x}",
        "vehicle_id": f"vehicle-{number % 40}",
        "status": "failed" if failed else "success",
        "error": Failure(type="timeout", message="no answer within 30 s", timeout=True) if failed else None,
        "tier": tier,
        "task_type": {1: "angle", 2: "parts", 3: "expert"}[tier],
        "model": model,
        "provider": "anthropic" if tier == 1 else "openai",
        "confidence": None if failed else round(0.8 + 0.19 * chance.random(), 3),
        "cost_usd": {1: 0.00008, 2: 0.0005, 3: 0.015}[tier],
        "latency_ms": 400 + 900 * chance.random(),
        "findings": {"parts": chance.randint(1, 9)} if tier == 2 else None,
        "answers": [Answer(question="what is it?", answer="a car", confidence=0.9)],
        "questions_asked": 1,
        "context_score": chance.choice((70.0, 40.0, 15.0, 5.0)),
    }
    return ImageResult(**fields | changes)


def _tiers(share: float) -> dict[int, int]:
    return {tier: min(TOTAL, int(images * share)) for tier, images in ((1, 2_604), (2, 1_178), (3, 329))}


def _model(results: int, nano: int) -> dict[str, int]:
    return {"results": results, "success": results, "cost_nano_usd": results * nano}


def _window(span_ms: int, images_per_minute: float) -> Window:
    return Window(
        span_ms=span_ms,
        counters={},
        results_per_minute=images_per_minute * 2,
        images_per_minute=images_per_minute,
        cost_nano_usd_per_minute=42_000_000.0,
    )


def _totals(results: int, spent: int, share: float) -> dict[str, Any]:
    counts = {
        "success": results - int(66 * share),
        "failed": int(66 * share),
        "timeouts": int(20 * share),
        "retries": int(31 * share),
        "subjects": int(2_660 * share),
        "processed_subjects": int(1_872 * share),
        "failed_subjects": int(54 * share),
        "reprocessed_subjects": int(141 * share),
        "input_tokens": int(3_400_000 * share),
        "output_tokens": int(610_000 * share),
        "answers": int(8_000 * share),
        "validated_receipt": int(1_900 * share),
        "validated_user": int(836 * share),
        "consensus_asked": int(1_000 * share),
        "consensus_agreed": int(921 * share),
        "unpriced": int(12 * share),
        "duplicates": int(3 * share),
    }
    confident = int(3_200 * share)
    return counts | {
        "results": results,
        "cost_nano_usd": spent,
        "confidence_count": confident,
        "confidence_sum_ppm": confident * 873_000,
    }
