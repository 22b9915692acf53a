"""The bands of a context score 0-100 (S2, Routing): an image counts under that of its latest scored result."""

from typing import Literal

BandName = Literal["rich", "good", "medium", "poor"]

BANDS: tuple[tuple[BandName, int], ...] = (("rich", 60), ("good", 30), ("medium", 10), ("poor", 0))
"""Band and the lowest score that is in it, best first."""


def band(context_score: float) -> BandName:
    """The band of a context score 0-100."""
    for name, lowest in BANDS:
        if context_score >= lowest:
            return name
    return BANDS[-1][0]


def band_sql(column: str) -> str:
    """The band of a nullable column; empty where the column is null."""
    cases = ", ".join(f"{column} >= {lowest}, '{name}'" for name, lowest in BANDS)
    return f"multiIf(isNull({column}), '', {cases}, '{BANDS[-1][0]}')"
