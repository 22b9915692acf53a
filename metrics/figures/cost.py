"""What an image, a result, a record costs (S0, Cost metrics)."""

from .formula import n
from .ratio import Ratio

COST = n("cost_nano_usd")

RATIOS = (
    Ratio("cost_per_image_nano_usd", "cost", "nano-USD", "Spent, retries too / images.", COST / n("subjects")),
    Ratio(
        "cost_per_result_nano_usd",
        "cost",
        "nano-USD",
        "Spent / results whose price is known.",
        COST / (n("results") - n("unpriced")),
    ),
    Ratio("cost_per_answer_nano_usd", "cost", "nano-USD", "Spent / answers.", COST / n("answers")),
    Ratio("cost_per_insight_nano_usd", "cost", "nano-USD", "Spent / actionable insights.", COST / n("insights")),
    Ratio(
        "cost_per_table_nano_usd",
        "cost",
        "nano-USD",
        "Spent / tables that got records.",
        COST / n("tables_filled"),
    ),
    Ratio(
        "cost_per_record_nano_usd",
        "cost",
        "nano-USD",
        "Spent / records written to tables.",
        COST / n("records_written"),
    ),
)
