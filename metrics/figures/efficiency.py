"""What context, caches and cheap models save (S0, Efficiency metrics)."""

from .formula import n
from .ratio import Ratio

TOKENS = n("input_tokens") + n("output_tokens")


def _share_of_band(band: str, lowest: str) -> Ratio:
    return Ratio(
        f"{band}_context_share",
        "efficiency",
        "0-1",
        f"Images whose latest scored result had a context score {lowest} / images with a score.",
        n(f"{band}_subjects") / n("scored_subjects"),
    )


RATIOS = (
    Ratio(
        "cheap_model_usage",
        "efficiency",
        "0-1",
        "Results of the plan's cheap models / results; null where the plan names none.",
        n("cheap_results") / n("results"),
    ),
    Ratio(
        "expensive_model_usage",
        "efficiency",
        "0-1",
        "Results of other models / results; null where the plan names no cheap ones.",
        n("expensive_results") / n("results"),
    ),
    Ratio("tokens_per_image", "efficiency", "tokens", "Tokens sent and received / images.", TOKENS / n("subjects")),
    Ratio("tokens_per_answer", "efficiency", "tokens", "Tokens sent and received / answers.", TOKENS / n("answers")),
    Ratio("cache_hit_rate", "efficiency", "0-1", "Results from a cache / results.", n("cache_hits") / n("results")),
    Ratio(
        "token_reduction_rate",
        "efficiency",
        "0-1",
        "Tokens that context saved / tokens there would have been.",
        n("tokens_saved") / (TOKENS + n("tokens_saved")),
    ),
    Ratio(
        "batch_utilization",
        "efficiency",
        "0-1",
        "Calls under way / calls that may be, by the heartbeats of the last 2 min.",
        n("active_requests") / n("capacity"),
    ),
    _share_of_band("rich", "of 60 or more"),
    _share_of_band("good", "of 30 to below 60"),
    _share_of_band("medium", "of 10 to below 30"),
    _share_of_band("poor", "below 10"),
)
