"""What people and thresholds say against the answers (S0, Audit and compliance)."""

from .formula import n
from .ratio import Ratio

RATIOS = (
    Ratio(
        "human_override_rate",
        "audit",
        "0-1",
        "Answers that a person replaced / answers.",
        n("overridden") / n("answers"),
    ),
    Ratio(
        "confidence_violation_rate",
        "audit",
        "0-1",
        "Results below the confidence threshold / results with a confidence.",
        n("confidence_violations") / n("confidence_count"),
    ),
)
