"""What a run found out about its images: by angle and category, parts with confidence, quality, gaps (S2, What happens
next). Pure; docs/sql.md asks ClickHouse for the same.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

import msgspec

from events.results import Gap
from processors.backfill.evidence import Rated, Seen, Sighting
from processors.backfill.plan import ORGANIZE


class View(msgspec.Struct, frozen=True, kw_only=True):
    """Images of one category from one angle; which ones is said of a vehicle's."""

    category: str
    angle: str
    images: int
    image_ids: list[str] = []


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """A component: on how many images, how sure (mean 0-1, None where no answer said), how often confirmed by people.

    `kind`: `visible` (tier 1 saw it), `part` or `modification` (tier 2 identified it).
    """

    kind: str
    name: str
    images: int
    confidence: float | None
    validated: int


class Quality(msgspec.Struct, frozen=True, kw_only=True):
    """Images of one lighting and focus; `mean_score` of 1-10."""

    lighting: str
    focus: str
    images: int
    sufficient_for_detail: int
    suitable_for_expert: int
    mean_score: float


class MissingItem(msgspec.Struct, frozen=True, kw_only=True):
    """A missing document, what it would be worth, how to get it, and how many images and vehicles ask for it."""

    item: str
    value: str | None
    how_to_get: str | None
    images: int
    vehicles: int


class Repeated(msgspec.Struct, frozen=True, kw_only=True):
    """Images asked about past tier 1 more than once; what the first and the newest time cost (S2, Reprocessing)."""

    images: int
    first_nano_usd: int
    newest_nano_usd: int


class Findings(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a vehicle's images, or a run's. `detailed` of the `images` have a result past tier 1."""

    images: int
    detailed: int
    views: list[View]
    parts: list[Part]
    quality: list[Quality]
    gaps: list[MissingItem]
    repeated: Repeated


def findings(seen: Sequence[Seen], paid_nano_usd: Mapping[str, Sequence[int]], *, named: bool = False) -> Findings:
    """Everything about these images; `paid_nano_usd` as Evidence has it; `named`: with the image ids of each view."""
    detailed = {one.image_id for one in seen if one.tier > ORGANIZE}
    repeated = [paid for image_id in detailed if len(paid := paid_nano_usd[image_id]) > 1]
    return Findings(
        images=len({one.image_id for one in seen}),
        detailed=len(detailed),
        views=_views(seen, named=named),
        parts=_parts(seen),
        quality=_quality(seen),
        gaps=_gaps(seen),
        repeated=Repeated(
            images=len(repeated),
            first_nano_usd=sum(paid[0] for paid in repeated),
            newest_nano_usd=sum(paid[-1] for paid in repeated),
        ),
    )


def _views(seen: Iterable[Seen], *, named: bool) -> list[View]:
    ids: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
    for one in seen:
        if one.organized is not None:
            ids[one.organized.category, one.organized.angle].append(one.image_id)
    views = [
        View(category=category, angle=angle, images=len(found), image_ids=sorted(found) if named else [])
        for (category, angle), found in ids.items()
    ]
    return sorted(views, key=lambda view: (-view.images, view.category, view.angle))


def _parts(seen: Iterable[Seen]) -> list[Part]:
    images: defaultdict[tuple[str, str], set[str]] = defaultdict(set)
    sightings: defaultdict[tuple[str, str], list[Sighting]] = defaultdict(list)
    for one in seen:
        for sighting in one.sightings:
            images[sighting.kind, sighting.name].add(one.image_id)
            sightings[sighting.kind, sighting.name].append(sighting)
    parts = [
        Part(
            kind=kind,
            name=name,
            images=len(images[kind, name]),
            confidence=_mean([one.confidence_ppm for one in found if one.confidence_ppm is not None]),
            validated=sum(one.validated for one in found),
        )
        for (kind, name), found in sightings.items()
    ]
    return sorted(parts, key=lambda part: (part.kind, -part.images, part.name))


def _mean(values_ppm: list[int]) -> float | None:
    return sum(values_ppm) / len(values_ppm) / 1e6 if values_ppm else None


def _quality(seen: Iterable[Seen]) -> list[Quality]:
    rated: defaultdict[tuple[str, str], list[Rated]] = defaultdict(list)
    for one in seen:
        if one.organized is not None and (quality := one.organized.image_quality) is not None:
            rated[quality.lighting, quality.focus].append(quality)
    qualities = [
        Quality(
            lighting=lighting,
            focus=focus,
            images=len(found),
            sufficient_for_detail=sum(one.sufficient_for_detail for one in found),
            suitable_for_expert=sum(one.suitable_for_expert for one in found),
            mean_score=sum(one.overall_score for one in found) / len(found),
        )
        for (lighting, focus), found in rated.items()
    ]
    return sorted(qualities, key=lambda quality: (-quality.images, quality.lighting, quality.focus))


def _gaps(seen: Iterable[Seen]) -> list[MissingItem]:
    images: defaultdict[Gap, set[str]] = defaultdict(set)
    vehicles: defaultdict[Gap, set[str]] = defaultdict(set)
    for one in seen:
        for gap in one.gaps:
            images[gap].add(one.image_id)
            if one.vehicle_id is not None:
                vehicles[gap].add(one.vehicle_id)
    missing = [
        MissingItem(
            item=gap.item, value=gap.value, how_to_get=gap.how_to_get, images=len(ids), vehicles=len(vehicles[gap])
        )
        for gap, ids in images.items()
    ]
    return sorted(missing, key=lambda one: (-one.images, one.item, one.value or "", one.how_to_get or ""))
