"""`reprocess`: which images it means, and from which tier on each is done again."""

from collections.abc import Mapping
from typing import Any, Protocol

import msgspec

from processors.backfill.context import BAND_RANK, Context, band
from processors.backfill.plan import FIND_GAPS, ORGANIZE, next_tier
from processors.errors import CommandError
from processors.models.base import Image

FILTERS = "failed, tier, model, error_type, image_ids, vehicle_id, context_improved, all"


class Ended(Protocol):
    """What is known of an image whose plan is done."""

    image: Image
    models: dict[int, str]
    tier: int
    error: str | None
    score: float | None
    sufficient: bool


class Selection(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The arguments of `reprocess`; an image is done again when all that are given hold for it.

    failed: its last result failed. tier: it has a result of this tier. model: one of its newest results is by this
    model. error_type: it failed with this error. image_ids: these images, one a line. vehicle_id: this vehicle's
    images. context_improved: its vehicle's profile has reached a better, cheaper band since it was looked at. all:
    every image. Only images that have ended are meant: the others are under way anyhow.
    """

    failed: bool = False
    tier: int | None = None
    model: str | None = None
    error_type: str | None = None
    image_ids: str | None = None
    vehicle_id: str | None = None
    context_improved: bool = False
    all: bool = False

    def first_tier(self, ended: Ended, context: Context) -> int | None:
        """The tier from which the image is done again, None where it is not meant.

        That of `tier`; the lowest that `model` did; where the newer context leads; where it failed; else the first.
        """
        if not self._means(ended):
            return None
        by_model = [tier for tier, model in ended.models.items() if model == self.model]
        if self.tier is not None:
            return self.tier if self.tier in ended.models and (self.model is None or self.tier in by_model) else None
        if self.context_improved:
            return _improved(ended, context)
        if self.model is not None:
            return min(by_model, default=None)
        return ended.tier if self.failed or self.error_type is not None else ORGANIZE

    def _means(self, ended: Ended) -> bool:
        image = ended.image
        return (
            (not self.failed or ended.error is not None)
            and self.error_type in {None, ended.error}
            and (self.image_ids is None or image.image_id in self.image_ids.split("\n"))
            and self.vehicle_id in {None, image.vehicle_id}
        )


def selection(args: Mapping[str, Any] | None) -> Selection:
    """The arguments, checked. Raises CommandError, which says what is wrong with them."""
    try:
        found = msgspec.convert(dict(args or {}), Selection)
    except msgspec.ValidationError as error:
        raise CommandError(f"reprocess: {error}; its arguments are {FILTERS}") from error
    if found == Selection():
        raise CommandError(f"reprocess names no image: give at least one of {FILTERS}")
    return found


def _improved(ended: Ended, context: Context) -> int | None:
    if ORGANIZE not in ended.models or (ended.error is not None and ended.tier == ORGANIZE):
        return None
    if ended.score is not None and BAND_RANK[context.band] <= BAND_RANK[band(ended.score)]:
        return None
    tier = next_tier(ORGANIZE, context, sufficient=ended.sufficient)
    return None if tier == FIND_GAPS else tier
