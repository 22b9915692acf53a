"""S1's figures of generation quality: the mean of each score, and what each stage of the pipeline takes and costs."""

from collections.abc import Mapping

from events.numbers import PPM
from events.snapshots import Counters, Stage


def scores(totals: Counters) -> dict[str, float]:
    """Score → its mean over the results that have it; `totals`: as a snapshot carries them."""
    return {name: score["sum_micro"] / score["count"] / PPM for name, score in sorted(totals.get("scores", {}).items())}


def stages(totals: Counters) -> dict[str, Stage]:
    """Stage → its mean time and cost, and its share of all stages' time and cost."""
    times, costs = totals.get("stages", {}), totals.get("stage_costs", {})
    all_ms = sum(time["ms_sum"] for time in times.values())
    all_nano_usd = sum(cost["nano_usd_sum"] for cost in costs.values())
    return {
        name: _stage(times.get(name, {}), costs.get(name, {}), all_ms, all_nano_usd)
        for name in sorted(times.keys() | costs.keys())
    }


def _stage(time: Mapping[str, int], cost: Mapping[str, int], all_ms: int, all_nano_usd: int) -> Stage:
    return Stage(
        mean_ms=time["ms_sum"] / time["count"] if time else None,
        time_share=time["ms_sum"] / all_ms if time and all_ms else None,
        cost_nano_usd=cost.get("nano_usd_sum", 0),
        cost_share=cost["nano_usd_sum"] / all_nano_usd if cost and all_nano_usd else None,
        mean_cost_nano_usd=cost["nano_usd_sum"] / cost["count"] if cost else None,
    )
