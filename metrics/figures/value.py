"""What came of the money (S0, Business value metrics; DESIGN.md 4.3, Value delivered)."""

from .cost import COST
from .formula import n
from .ratio import Ratio

VALUE = n("value_nano_usd")

RATIOS = (
    Ratio(
        "value_per_dollar",
        "value",
        "USD/USD",
        "Records * the weight that the plan gives their table / spent; null where the plan gives none.",
        VALUE / COST,
    ),
    Ratio("roi", "value", "USD/USD", "(Value delivered - spent) / spent: 3 is 300 %.", (VALUE - COST) / COST),
    Ratio("insights_per_image", "value", "per image", "Actionable insights / images.", n("insights") / n("subjects")),
    Ratio(
        "records_per_image",
        "value",
        "per image",
        "Records written to tables / images.",
        n("records_written") / n("subjects"),
    ),
)
