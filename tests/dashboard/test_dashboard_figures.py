"""A snapshot becomes S0's bodies, field by field."""

import re
from pathlib import Path
from typing import Any

import msgspec
import pytest
from sample_runs import snapshot

from dashboard.live import figures, readings
from events.snapshots import RunMetrics

S0 = {
    "current": {"imagesPerMinute", "costPerMinute", "activeRequests", "queueDepth"},
    "progress": {
        "total", "processed", "tier1Complete", "tier2Complete", "tier3Complete", "percentComplete", "eta",
    },
    "costs": {
        "totalSpent", "projectedTotal", "avgCostPerImage", "costByTier", "costByModel", "budgetRemaining",
        "baselineTotal", "savings",
    },
    "quality": {"avgConfidence", "validationRate", "consensusRate", "errorRate", "reprocessingRate"},
    "efficiency": {
        "cheapModelUsage", "expensiveModelUsage", "contextScoreDistribution", "contextDistribution", "tokensPerImage",
    },
}  # fmt: skip


def body(event: RunMetrics) -> dict[str, Any]:
    found: dict[str, Any] = msgspec.to_builtins(figures.dashboard_body(event))
    return found


@pytest.mark.parametrize("part", sorted(S0))
def test_every_name_of_the_interface_is_there(part: str) -> None:
    assert S0[part] <= set(body(snapshot())[part])


def test_progress_is_that_of_the_drawing() -> None:
    progress = body(snapshot())["progress"]
    assert (progress["total"], progress["processed"], progress["remaining"]) == (2_741, 1_872, 869)
    assert progress["percentComplete"] == pytest.approx(68.296, abs=0.001)
    assert (progress["tier1Complete"], progress["tier2Complete"], progress["tier3Complete"]) == (2_604, 1_178, 329)
    assert progress["eta"] == "47m"
    assert [tier["percent"] for tier in progress["tiers"]] == pytest.approx([95.0, 42.98, 12.0], abs=0.01)


def test_money_is_dollars_of_whole_nano_dollars() -> None:
    costs = body(snapshot())["costs"]
    spent = (1_872 * 80_000 + 1_124 * 500_000 + 250 * 10_000_000 + 54 * 18_500_000) / 1e9
    assert costs["totalSpent"] == spent
    assert (costs["projectedTotal"], costs["baselineTotal"], costs["savings"]) == (8.57, 54.82, 46.25)
    assert costs["avgCostPerImage"] == pytest.approx(spent / 2_660)
    assert costs["costByModel"]["claude-haiku"] == 0.14976
    assert set(costs["costByTier"]) == {"1", "2", "3"}
    assert costs["budgetRemaining"] == pytest.approx(10 - spent)


def test_a_model_row_multiplies_out() -> None:
    for row in body(snapshot())["costs"]["byModel"]:
        assert row["images"] * row["unitCost"] == pytest.approx(row["cost"])
    assert sum(row["percent"] for row in body(snapshot())["costs"]["byModel"]) == pytest.approx(100)


def test_a_price_is_over_the_results_whose_price_is_known() -> None:
    event = snapshot(by_model={"m": {"results": 10, "unpriced": 4, "cost_nano_usd": 6_000_000}}, totals={"results": 10})
    (row,) = body(event)["costs"]["byModel"]
    assert (row["unitCost"], row["unpriced"]) == (0.001, 4)


def test_percentages_are_0_to_100() -> None:
    quality = body(snapshot())["quality"]
    assert quality == pytest.approx(
        {
            "avgConfidence": 87.3,
            "validationRate": 100 * 2_736 / 8_000,
            "consensusRate": 92.1,
            "errorRate": 100 * 66 / 3_300,
            "reprocessingRate": 100 * 141 / 2_660,
        }
    )


def test_more_validations_than_answers_are_no_more_than_all() -> None:
    event = snapshot(totals={"answers": 4, "validated_user": 9})
    assert body(event)["quality"]["validationRate"] == 100


def test_nothing_to_divide_by_is_null_and_not_zero() -> None:
    found = body(snapshot(plan=False, totals={}, by_model={}, by_tier={}, by_band={}, window_10m=None))
    assert set(found["quality"].values()) == {None}
    assert found["progress"]["percentComplete"] is None
    assert found["costs"]["avgCostPerImage"] is None
    assert found["efficiency"]["tokensPerImage"] is None
    assert found["context"] == []


def test_context_is_distributed_by_subjects() -> None:
    found = body(snapshot())
    assert found["efficiency"]["contextScoreDistribution"] == {"rich": 847, "good": 412, "medium": 298, "poor": 1_184}
    assert found["efficiency"]["contextDistribution"] == found["efficiency"]["contextScoreDistribution"]
    assert [band["band"] for band in found["context"]] == ["rich", "good", "medium", "poor"]
    assert found["efficiency"]["poorContextPercent"] == pytest.approx(43.2, abs=0.01)


def test_the_cost_projection_is_s0s_and_adds_up() -> None:
    found = msgspec.to_builtins(readings.cost_projection(snapshot()))
    assert found["breakdown"] == {"tier1": 0.27, "tier2": 3.5, "tier3": 4.8}
    assert sum(found["breakdown"].values()) == pytest.approx(found["projectedTotal"])
    assert found["remainingImages"] == 869
    assert found["currentSpend"] == body(snapshot())["costs"]["totalSpent"]
    assert found["estimatedCompletion"].endswith("Z")


def test_a_provider_is_judged_by_its_failures() -> None:
    providers = {
        "openai": {"results": 100, "failed": 4, "latency_ms_sum": 9_000, "latency_count": 90},
        "anthropic": {"results": 100, "failed": 6},
        "local": {"results": 10, "failed": 9},
    }
    health = readings.realtime_body(snapshot(by_provider=providers), [], []).api_health
    assert {name: found.status for name, found in health.items()} == {
        "openai": "ok",
        "anthropic": "degraded",
        "aws": "unknown",
        "local": "down",
    }
    assert (health["openai"].latency, health["anthropic"].latency) == (100.0, None)


def test_every_figure_that_a_script_reads_is_in_the_body() -> None:
    read = {
        path
        for script in (Path(figures.__file__).parents[1] / "static").glob("*.js")
        if script.stem in {"app", "commands", "course", "freshness"}  # those that hear the snapshot
        for path in re.findall(r"(?<![.\w])body\.((?:[a-z]\w*\.?)+)", script.read_text())
    }
    assert len(read) >= 4
    for path in read:
        found: Any = body(snapshot())
        for name in path.rstrip(".").split("."):
            assert name in found, f"no {path} in the body"
            found = found[name]
