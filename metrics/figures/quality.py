"""How good the answers are (S0, Quality metrics)."""

from .formula import least, n
from .ratio import Ratio

VALIDATED = n("validated_receipt") + n("validated_user") + n("validated_expert")

RATIOS = (
    Ratio(
        "average_confidence",
        "quality",
        "0-1",
        "Mean of the results' own confidence.",
        n("confidence_sum_ppm") / n("confidence_count") / 1_000_000,
    ),
    Ratio(
        "validation_rate",
        "quality",
        "0-1",
        "Answers that a receipt, a user or an expert confirmed, in the result or by feedback / answers.",
        least(1, VALIDATED / n("answers")),
    ),
    Ratio(
        "receipt_validation_rate",
        "quality",
        "0-1",
        "The same by receipts alone.",
        least(1, n("validated_receipt") / n("answers")),
    ),
    Ratio(
        "user_validation_rate",
        "quality",
        "0-1",
        "The same by users alone.",
        least(1, n("validated_user") / n("answers")),
    ),
    Ratio(
        "consensus_rate",
        "quality",
        "0-1",
        "Of the answers that two or more models were asked for, those where more than half agreed.",
        n("consensus_agreed") / n("consensus_asked"),
    ),
    Ratio(
        "reprocessing_rate",
        "quality",
        "0-1",
        "Images with more than one success at one tier / images.",
        n("reprocessed_subjects") / n("subjects"),
    ),
    Ratio("error_rate", "quality", "0-1", "Failed results / results.", n("failed") / n("results")),
    Ratio("timeout_rate", "quality", "0-1", "Results that timed out / results.", n("timeouts") / n("results")),
    Ratio(
        "data_quality",
        "quality",
        "0-1",
        "Completeness: answers given / questions asked.",
        least(1, n("answers") / n("questions_asked")),
    ),
)
