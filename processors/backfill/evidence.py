"""The newest word on every image of a run, out of its results: what findings are made of.

An image's newest result of a tier that did not fail holds: reprocessing replaces what was found before.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import NamedTuple

import msgspec

from events.numbers import nano_usd, ppm
from events.results import Gap, ImageResult
from processors.backfill.context import Band, band
from processors.backfill.improvements import Asked
from processors.backfill.plan import ORGANIZE

CATALOGUED = ("visible", "part", "modification")
"""What questions are about, before their colon: tier 1 saw it, tier 2 identified it (models/outputs.py)."""


class Rated(msgspec.Struct, frozen=True):
    """`image_quality` of the tier 1 output (S2, What each tier does)."""

    lighting: str = "unknown"
    focus: str = "unknown"
    sufficient_for_detail: bool = False
    suitable_for_expert: bool = False
    overall_score: float = 0


class Organized(msgspec.Struct, frozen=True):
    """Of the tier 1 output, what images are organised by."""

    category: str = "unknown"
    angle: str = "unknown"
    image_quality: Rated | None = None

    @property
    def sufficient(self) -> bool:
        """Whether parts can be identified on it."""
        return self.image_quality is not None and self.image_quality.sufficient_for_detail


class Sighting(NamedTuple):
    """A component on an image; `kind` is one of CATALOGUED."""

    kind: str
    name: str
    confidence_ppm: int | None
    validated: bool


class Seen(NamedTuple):
    """What counts of a result. `organized` is of tier 1 alone."""

    image_id: str
    vehicle_id: str | None
    tier: int
    context_band: Band | None
    organized: Organized | None
    sightings: list[Sighting]
    gaps: list[Gap]


class Evidence:
    """Takes a run's results in the log's order (an image's own order is enough); a repeated event id counts once.

    `paid_nano_usd`: image → what each of its results past tier 1 cost, the oldest first.
    """

    def __init__(self, results: Iterable[ImageResult] = ()) -> None:
        self.paid_nano_usd: defaultdict[str, list[int]] = defaultdict(list)
        self._events: set[str] = set()
        self._newest: dict[tuple[str, int], Seen] = {}
        self._scores: dict[str, float] = {}
        for result in results:
            self.add(result)

    def add(self, result: ImageResult) -> None:
        """Counts a result."""
        if result.event_id in self._events:
            return
        self._events.add(result.event_id)
        if result.context_score is not None:
            self._scores[result.image_id] = result.context_score
        if result.status == "failed":
            return
        self._newest[result.image_id, result.tier] = _seen(result)
        if result.tier > ORGANIZE:
            self.paid_nano_usd[result.image_id].append(nano_usd(result.cost_usd or 0.0))

    @property
    def seen(self) -> list[Seen]:
        """Of each image and tier the newest."""
        return list(self._newest.values())

    @property
    def asked(self) -> list[Asked]:
        """The images on which parts can be identified; one that no context was known of was asked about with none."""
        return [
            Asked(seen.image_id, seen.vehicle_id, self._scores.get(seen.image_id, 0.0))
            for seen in self._newest.values()
            if seen.vehicle_id is not None and seen.organized is not None and seen.organized.sufficient
        ]

    def by_vehicle(self) -> Mapping[str, list[Seen]]:
        """The same of each vehicle, by its id."""
        found: defaultdict[str, list[Seen]] = defaultdict(list)
        for one in self._newest.values():
            if one.vehicle_id is not None:
                found[one.vehicle_id].append(one)
        return dict(sorted(found.items()))

    def confidence(self) -> dict[Band, float]:
        """How sure parts were identified, by the band of the context with which was asked: mean 0-1."""
        found: defaultdict[Band, list[int]] = defaultdict(list)
        for one in self._newest.values():
            if one.tier > ORGANIZE and one.context_band is not None:
                found[one.context_band] += [s.confidence_ppm for s in one.sightings if s.confidence_ppm is not None]
        return {name: sum(sure) / len(sure) / 1e6 for name, sure in found.items() if sure}


def _seen(result: ImageResult) -> Seen:
    return Seen(
        image_id=result.image_id,
        vehicle_id=result.vehicle_id,
        tier=result.tier,
        context_band=None if result.context_score is None else band(result.context_score),
        organized=_organized(bytes(result.output)) if result.tier == ORGANIZE else None,
        sightings=_sightings(result),
        gaps=result.gaps or [],
    )


def _sightings(result: ImageResult) -> list[Sighting]:
    found = []
    for answer in result.answers or []:
        kind, _, name = answer.question.partition(":")
        if kind in CATALOGUED and name:
            sure = None if answer.confidence is None else ppm(answer.confidence)
            found.append(Sighting(kind, name, sure, answer.validated_by is not None))
    return found


def _organized(output: bytes) -> Organized:
    """The output's view and quality; unknown where another processor wrote something else."""
    try:
        return msgspec.json.decode(output, type=Organized)
    except msgspec.DecodeError:
        return Organized()
