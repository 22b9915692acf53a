"""S0's drawing ("Visual Dashboard Layout") as a scripted log: its numbers on the snapshot, those that can be.

Which cannot, and why, is in docs/decisions/0017-the-drawing.md.
"""

from collections.abc import Iterator
from typing import Any

import pytest

from events.results import Answer, Failure, ImageResult
from events.runs import Baseline, RunDeclared, RunUpdated, TierPlan
from events.snapshots import RunMetrics
from metrics.fold.buckets import MINUTE_MS, moment
from metrics.fold.lifecycle import Stamp
from metrics.fold.partition import Fold, Record
from metrics.registers import RunRegisters
from metrics.snapshot import snapshot

TOTAL, PROCESSED, FAILED, AGAIN, RETRIED = 2_741, 1_872, 54, 145, 33
AS_OF = 1_795_000_009_999  # the 10 min before it are buckets of 599.999 s
EARLIER, LATELY = AS_OF - 60 * MINUTE_MS, AS_OF - 5 * MINUTE_MS
COMPLETE = {1: 2_604, 2: 1_178, 3: 329}
IN_WINDOW = {1: 185, 2: 50, 3: 20}
PROJECTED = {1: 270_000_000, 2: 3_500_000_000, 3: 4_800_000_000}
SPENT = 4_230_000_000
MODELS = {"claude-haiku": 1_922, "gpt-4o-mini": 1_789, "gpt-4o": 526, "claude-opus": 106}
BANDS = {"rich": (847, 60), "good": (412, 30), "medium": (298, 10), "poor": (1_184, 9.99)}
TABLES = {
    "image_tags": 12_847, "part_identifications": 3_421, "vehicle_modifications": 287, "maintenance_alerts": 156,
    "missing_context_reports": 847,
}  # fmt: skip


def prices() -> dict[int, int]:
    """Nano-dollars an image of each tier lately, with which spent + left x price is what is projected of every tier."""
    cheap = 100_000
    left = {tier: TOTAL - complete for tier, complete in COMPLETE.items()}
    rest = sum(PROJECTED.values()) - SPENT - left[1] * cheap
    middle = next(price for price in range(1_000_000, 1_100_000) if (rest - left[2] * price) % left[3] == 0)
    return {1: cheap, 2: middle, 3: (rest - left[2] * middle) // left[3]}


def results() -> Iterator[tuple[int, dict[str, Any]]]:
    """(when, fields) of every result; the plan of an image is done with its tier 1, if it is one of the processed."""
    price = prices()
    for n in range(RETRIED):
        yield EARLIER, {"image": n, "tier": 1, "status": "failed", "cost": 0}
    for n in range(FAILED):
        yield EARLIER, {"image": COMPLETE[1] + n, "tier": 1, "status": "failed", "cost": 0, "will_retry": True}
    images = {
        1: [*range(PROCESSED, COMPLETE[1]), *range(PROCESSED)],
        2: [*range(COMPLETE[1] + FAILED, TOTAL), *range(COMPLETE[2] - (TOTAL - COMPLETE[1] - FAILED))],
        3: list(range(COMPLETE[3])),
    }
    for tier, mine in images.items():
        earlier = len(mine) - IN_WINDOW[tier]
        spent = PROJECTED[tier] - (TOTAL - len(mine)) * price[tier] - IN_WINDOW[tier] * price[tier]
        for nth, image in enumerate(mine):
            cost = price[tier] if nth >= earlier else spent // earlier + (nth < spent % earlier)
            final = tier == 1 and image < PROCESSED
            yield (
                LATELY if nth >= earlier else EARLIER,
                {"image": image, "tier": tier, "status": "success", "cost": cost, "final": final},
            )
    for image in range(AGAIN):
        yield EARLIER, {"image": 100 + image, "tier": 1, "status": "success", "cost": 0}


def log() -> list[Record]:
    models = [model for model, n in MODELS.items() for _ in range(n)]
    scores = [score for n, score in BANDS.values() for _ in range(n)]
    answered = 0
    records = []
    for nth, (at_ms, fields) in enumerate(results()):
        said = fields["status"] == "success"
        answers = None
        if said and answered < 1_000:
            by = "receipt" if answered < 171 else "user" if answered < 342 else None
            answers = [
                Answer(question="?", validated_by=by, asked_models=3, agreeing_models=2 if answered < 921 else 1)
            ]
            answered += 1
        event = ImageResult(
            event_id=f"e{nth}",
            event_time=moment(at_ms),
            run_id="backfill",
            image_id=f"i{fields['image']}",
            tier=fields["tier"],
            status=fields["status"],
            final=fields.get("final", False),
            will_retry=fields.get("will_retry", False),
            error=None if said else Failure(type="timeout", message="no answer"),
            model=models[nth],
            cost_usd=fields["cost"] / 1e9,
            confidence=0.873 if said else None,
            context_score=scores[fields["image"]],
            answers=answers,
            tables=TABLES if nth == 200 else None,
        )
        records.append(Record("results", nth, AS_OF, event))
    return records


@pytest.fixture(scope="module")
def registers() -> RunRegisters:
    registers = RunRegisters("backfill")
    records = log()
    fold = Fold()
    for sequence, at in enumerate(range(0, len(records), 1_000), start=1):
        for segment in fold.apply(records[at : at + 1_000]).values():
            registers.take_partials(segment.partials("backfill", 0, sequence))
    declared = RunDeclared(
        event_id="d",
        event_time=moment(EARLIER),
        run_id="backfill",
        total_images=TOTAL,
        baseline=Baseline(name="All-GPT-4o", unit_cost_usd=0.02),
        cheap_models=["claude-haiku", "gpt-4o-mini"],
    )
    registers.take_run_event(declared, Stamp(EARLIER, 0, 0))
    return registers


@pytest.fixture(scope="module")
def overall(registers: RunRegisters) -> RunMetrics:
    """Before the plan has tiers."""
    return snapshot(registers, AS_OF)


@pytest.fixture(scope="module")
def shown(registers: RunRegisters, overall: RunMetrics) -> RunMetrics:
    """With the drawing's tiers, each over all images."""
    tiers = [TierPlan(tier=tier, images=TOTAL) for tier in COMPLETE]
    updated = RunUpdated(event_id="u", event_time=moment(EARLIER), run_id="backfill", tiers=tiers)
    registers.take_run_event(updated, Stamp(EARLIER, 0, 1))
    return snapshot(registers, AS_OF)


def percent(part: float | None, whole: float = 1) -> int:
    assert part is not None
    return round(100 * part / whole)


def test_overall_progress(overall: RunMetrics) -> None:
    progress, eta = overall.progress, overall.eta
    assert (progress.processed, progress.total, progress.percent, progress.left) == (1_872, 2_741, 68.3, 869)
    assert overall.window_10m is not None
    assert round(overall.window_10m.images_per_minute, 1) == 18.5
    assert eta.text == "47m"
    assert round(overall.projection.spent_nano_usd / 1e9, 2) == 4.23


def test_tiers(shown: RunMetrics) -> None:
    tiles = [(tier.complete, tier.images, round(tier.percent or 0)) for tier in shown.progress.tiers]
    assert tiles == [(2_604, 2_741, 95), (1_178, 2_741, 43), (329, 2_741, 12)]
    assert (shown.progress.failed, percent(shown.progress.failed, TOTAL)) == (54, 2)


def test_costs(shown: RunMetrics) -> None:
    found = shown.projection
    assert found.spent_nano_usd == SPENT
    assert found.by_tier_nano_usd == {"1": 270_000_000, "2": 3_500_000_000, "3": 4_800_000_000}
    assert (found.other_nano_usd, found.projected_nano_usd) == (0, 8_570_000_000)
    assert (found.baseline_nano_usd, found.savings_nano_usd) == (54_820_000_000, 46_250_000_000)


def test_models(shown: RunMetrics) -> None:
    results = shown.totals["results"]
    shares = {model: percent(group["results"], results) for model, group in shown.by_model.items()}
    assert shares == {"claude-haiku": 44, "gpt-4o-mini": 41, "gpt-4o": 12, "claude-opus": 2}
    assert sum(group.get("cost_nano_usd", 0) for group in shown.by_model.values()) == SPENT


def test_context(shown: RunMetrics) -> None:
    images = {band: shown.by_band[band]["subjects"] for band in BANDS}
    assert images == {"rich": 847, "good": 412, "medium": 298, "poor": 1_184}
    shares = {band: percent(shown.ratios[f"{band}_context_share"]) for band in BANDS}
    assert shares == {"rich": 31, "good": 15, "medium": 11, "poor": 43}


def test_quality(shown: RunMetrics) -> None:
    ratios = {name: round(100 * (ratio or 0), 1) for name, ratio in shown.ratios.items()}
    assert (ratios["average_confidence"], ratios["validation_rate"]) == (87.3, 34.2)
    assert (ratios["consensus_rate"], ratios["reprocessing_rate"]) == (92.1, 5.3)
    assert percent(shown.ratios["error_rate"]) == 2


def test_tables(shown: RunMetrics) -> None:
    assert shown.totals["records"] == TABLES


def test_alert_lines(shown: RunMetrics) -> None:
    assert percent(shown.ratios["cheap_model_usage"]) == 85
    assert percent(shown.ratios["consensus_rate"]) == 92
    assert shown.totals["retrying"] == 54
