"""What better documentation brings: a higher score, a better band, a lower price (S2, Context scoring system).

Pure: what was asked before, by the context scores on its results; what holds now, by profiles; prices by the plan's
routing (`Step.unit_cost_usd`, `documented.PRICES_USD`). What one more document would bring is
`metrics.intelligence.context`'s.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import NamedTuple

import msgspec

from events.numbers import nano_usd
from events.profiles import VehicleProfiled
from processors.backfill.context import BAND_RANK, Band, band, context_score


class Asked(NamedTuple):
    """An image sufficient for detail, and the context score that it was last asked about with."""

    image_id: str
    vehicle_id: str
    context_score: float


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """From one context score to another, and what an image costs at each."""

    score_before: float
    score_after: int
    band_before: Band
    band_after: Band
    unit_cost_before_nano_usd: int
    unit_cost_after_nano_usd: int

    @property
    def unlocks(self) -> bool:
        """Whether the band is a better one."""
        return BAND_RANK[self.band_after] > BAND_RANK[self.band_before]

    @property
    def saved_nano_usd(self) -> int:
        """What one image costs less."""
        return self.unit_cost_before_nano_usd - self.unit_cost_after_nano_usd


class Improvement(msgspec.Struct, frozen=True, kw_only=True):
    """Images of a vehicle that would now be asked about at a better band than they were.

    Asking again costs `change.unit_cost_after_nano_usd` an image.
    """

    vehicle_id: str
    image_ids: list[str]
    change: Change


def improved(
    before: Iterable[Asked], after: Mapping[str, VehicleProfiled], prices_usd: Mapping[Band, float]
) -> list[Improvement]:
    """The vehicles whose band rose, the largest saving an image first: S2's receipts, 40 → 65, $0.0005 → $0.0001.

    These are what `reprocess` with `context_improved` does again (`selection`). `before`: the images as
    they were last asked about (`Evidence.asked`). `after`: vehicle → its newest profile. A rise within a band changes
    no price, so there is nothing to do again. A vehicle is named once for each score that its images were asked at:
    several, where an earlier reprocessing was cut short.
    """
    images: defaultdict[tuple[str, float], list[str]] = defaultdict(list)
    for one in before:
        if one.vehicle_id in after:
            images[one.vehicle_id, one.context_score].append(one.image_id)
    found = [
        Improvement(
            vehicle_id=vehicle_id,
            image_ids=sorted(ids),
            change=change(score, context_score(after[vehicle_id]), prices_usd),
        )
        for (vehicle_id, score), ids in images.items()
    ]
    risen = [one for one in found if one.change.unlocks]
    return sorted(risen, key=lambda one: (-one.change.saved_nano_usd, one.vehicle_id, one.change.score_before))


def change(before: float, after: int, prices_usd: Mapping[Band, float]) -> Change:
    """What a context score of `after` instead of `before` means."""
    return Change(
        score_before=before,
        score_after=after,
        band_before=band(before),
        band_after=band(after),
        unit_cost_before_nano_usd=nano_usd(prices_usd[band(before)]),
        unit_cost_after_nano_usd=nano_usd(prices_usd[band(after)]),
    )
