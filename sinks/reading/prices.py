"""What an image costs past tier 1 by its vehicle's band, and how sure its result is: as measured, else by S2's list."""

from typing import Any, Literal, NamedTuple

from metrics.fold.bands import BandName
from metrics.intelligence.context import LIST_PRICES_NANO_USD

from .chosen import Chosen
from .history import History
from .settled import PRICED_BAND, Standing, exact, once

FEWEST = 5
"""Results of a band that make a measurement."""


class Prices(NamedTuple):
    """`basis`: `measured` where any band's price is; the others are the list's. `confidence` (0-1): where measured."""

    by_band_nano_usd: dict[BandName, int]
    basis: Literal["measured", "list"]
    confidence: dict[BandName, float]


def prices(history: History, chosen: Chosen = Chosen()) -> Prices:  # noqa: B008 - immutable
    """Of the chosen results that did not fail. Raises ClickHouseError.

    Of all results, as the page of a vehicle asks, they are kept while none come.
    """
    if chosen == Chosen():
        return history.kept("prices", lambda: _asked(history, chosen))
    return _asked(history, chosen)


def _asked(history: History, chosen: Chosen) -> Prices:
    found = exact(history, lambda standing: _by_band(history, chosen, standing))
    measured: dict[BandName, int] = {row["band"]: round(row["mean"]) for row in found if row["n"] >= FEWEST}
    confidence: dict[BandName, float] = {row["band"]: row["confidence"] for row in found if row["sure"] >= FEWEST}
    return Prices(LIST_PRICES_NANO_USD | measured, "measured" if measured else "list", confidence)


def _by_band(history: History, chosen: Chosen, standing: Standing | None) -> list[dict[str, Any]]:
    sources, given = once(chosen, standing, "results.tier > 1", f"{PRICED_BAND} != ''")
    counted = " UNION ALL ".join(
        f"SELECT {PRICED_BAND} AS band, count(cost_nano_usd) AS n_priced, "  # noqa: S608 - constants
        "sum(cost_nano_usd) AS nano_usd, count(confidence_ppm) AS n_sure, sum(confidence_ppm) AS ppm "
        f"FROM {source} GROUP BY band"
        for source in sources
    )
    return history.rows(
        "SELECT band, sum(n_priced) AS n, sum(nano_usd) / n AS mean, sum(n_sure) AS sure, "  # noqa: S608 - as above
        f"sum(ppm) / sure / 1e6 AS confidence FROM ({counted}) GROUP BY band",
        given,
    )
