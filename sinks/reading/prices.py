"""What an image costs past tier 1 by its vehicle's band, and how sure its result is: as measured, else by S2's list."""

from typing import Literal, NamedTuple

from metrics.fold.bands import BandName, band_sql
from metrics.intelligence.context import LIST_PRICES_NANO_USD

from .chosen import Chosen
from .history import History

FEWEST = 5
"""Results of a band that make a measurement."""


class Prices(NamedTuple):
    """`basis`: `measured` where any band's price is; the others are the list's. `confidence` (0-1): where measured."""

    by_band_nano_usd: dict[BandName, int]
    basis: Literal["measured", "list"]
    confidence: dict[BandName, float]


def prices(history: History, chosen: Chosen = Chosen()) -> Prices:  # noqa: B008 - immutable
    """Of the chosen results that did not fail. Raises ClickHouseError."""
    where = chosen.where("results.tier > 1", "results.status != 'failed'", "isNotNull(results.context_score)")
    bands = band_sql("context_score")
    found = history.rows(
        f"SELECT {bands} AS band, count(cost_nano_usd) AS n, avg(cost_nano_usd) AS mean, "  # noqa: S608 - constants
        "count(confidence_ppm) AS sure, avg(confidence_ppm) / 1e6 AS confidence "
        f"FROM results FINAL {where} GROUP BY band",
        chosen.parameters(),
    )
    measured: dict[BandName, int] = {row["band"]: round(row["mean"]) for row in found if row["n"] >= FEWEST}
    confidence: dict[BandName, float] = {row["band"]: row["confidence"] for row in found if row["sure"] >= FEWEST}
    return Prices(LIST_PRICES_NANO_USD | measured, "measured" if measured else "list", confidence)
