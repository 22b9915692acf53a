"""What to ask the owners for, and what it would save: S2's "Add SPID photo to unlock 95% confidence".

From a run's findings, the vehicles' newest profiles and the prices by band. The confidence that is promised is the one
measured in this run at the band that the document leads to; where the run never asked at that band, the price is named.
"""

from collections import defaultdict
from collections.abc import Mapping

import msgspec

from events.numbers import nano_usd
from events.profiles import VehicleProfiled
from metrics.fold.bands import band
from metrics.intelligence.context import Addition, additions, context_score, promise, request
from processors.backfill.context import Band
from processors.backfill.evidence import Evidence
from processors.backfill.findings import Findings, findings
from processors.backfill.improvements import Improvement, improved

WORTH_A_RECEIPT = ("modification", "part", "visible")
"""Kinds of parts, in the order in which a receipt for one is asked for."""
PAPERS = frozenset({"vin_plate", "spid_sticker", "door_jamb_label"})
"""Seen on photographs, and nothing that there is a receipt for."""


class Prompt(msgspec.Struct, frozen=True, kw_only=True):
    """A sentence for an owner, or at the run for all of them.

    `images` went past tier 1; asking about them again would cost `saves_nano_usd` less, None for what changes no price.
    `document` is None where a gap report asks.
    """

    text: str
    document: str | None = None
    vehicles: int = 1
    images: int = 0
    score_after: int | None = None
    saves_nano_usd: int | None = None


class VehicleReport(msgspec.Struct, frozen=True, kw_only=True):
    """A vehicle's findings and prompts; score and band are its newest profile's, None without one."""

    vehicle_id: str
    context_score: int | None
    band: Band | None
    found: Findings
    prompts: list[Prompt]


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What a run found, what to ask for, and which vehicles are worth asking about again already."""

    run_id: str
    found: Findings
    confidence_by_band: dict[Band, float]
    prompts: list[Prompt]
    improved: list[Improvement]
    vehicles: list[VehicleReport]


def report(
    run_id: str, evidence: Evidence, profiles: Mapping[str, VehicleProfiled], prices_usd: Mapping[Band, float]
) -> Report:
    """The run's report: `profiles` by vehicle id, `prices_usd` what an image costs by its vehicle's band."""
    confidence = evidence.confidence()
    prices = {band: nano_usd(price) for band, price in prices_usd.items()}
    wanted: list[_Wanted] = []
    vehicles: list[VehicleReport] = []
    for vehicle_id, seen in evidence.by_vehicle().items():
        found = findings(seen, evidence.paid_nano_usd, named=True)
        profile = profiles.get(vehicle_id)
        of_vehicle = [] if profile is None else [_Wanted(one, found) for one in additions(profile, prices)]
        vehicles.append(_vehicle(vehicle_id, profile, found, of_vehicle, prices, confidence))
        wanted += of_vehicle
    return Report(
        run_id=run_id,
        found=findings(evidence.seen, evidence.paid_nano_usd),
        confidence_by_band=confidence,
        prompts=_of_run(wanted),
        improved=improved(evidence.asked, profiles, prices_usd),
        vehicles=vehicles,
    )


class _Wanted(msgspec.Struct, frozen=True):
    """A document of a vehicle, and what was found on its images."""

    addition: Addition
    found: Findings

    @property
    def saves_nano_usd(self) -> int:
        return self.addition.saved_nano_usd * self.found.detailed


def _vehicle(
    vehicle_id: str,
    profile: VehicleProfiled | None,
    found: Findings,
    wanted: list[_Wanted],
    prices_nano_usd: Mapping[Band, int],
    confidence: Mapping[Band, float],
) -> VehicleReport:
    score = None if profile is None else context_score(profile)
    return VehicleReport(
        vehicle_id=vehicle_id,
        context_score=score,
        band=None if score is None else band(score),
        found=found,
        prompts=[_prompt(one, prices_nano_usd, confidence) for one in wanted] + _of_gaps(found),
    )


def _prompt(wanted: _Wanted, prices_nano_usd: Mapping[Band, int], confidence: Mapping[Band, float]) -> Prompt:
    """A receipt is asked for a part that is to be seen on the vehicle's photographs."""
    one = wanted.addition
    asked = request(one.document, one.how_many, _visible(wanted.found))
    return Prompt(
        text=f"{asked} {promise(one.score_before, one.score_after, prices_nano_usd, confidence)}",
        document=one.document,
        images=wanted.found.detailed,
        score_after=one.score_after,
        saves_nano_usd=wanted.saves_nano_usd if one.lifts else None,
    )


def _visible(found: Findings) -> list[str]:
    """The vehicle's parts as a person says them: changed ones first, then unconfirmed ones, on most images first."""
    parts = [part for part in found.parts if part.name not in PAPERS]
    parts.sort(key=lambda part: (WORTH_A_RECEIPT.index(part.kind), part.validated > 0, -part.images, part.name))
    return list(dict.fromkeys(part.name.replace("_", " ") for part in parts))


def _of_gaps(found: Findings) -> list[Prompt]:
    """The gap finder's own words."""
    return [
        Prompt(text=": ".join(filter(None, (gap.how_to_get or gap.item, gap.value))), images=gap.images)
        for gap in found.gaps
    ]


def _of_run(wanted: list[_Wanted]) -> list[Prompt]:
    """For each document, over the vehicles that it would lift into a better band: the largest saving first."""
    by_document: defaultdict[str, list[_Wanted]] = defaultdict(list)
    for one in wanted:
        if one.addition.lifts:
            by_document[one.addition.document].append(one)
    prompts = [_for_all(document, lifted) for document, lifted in by_document.items()]
    return sorted(prompts, key=lambda prompt: (-(prompt.saves_nano_usd or 0), prompt.document or ""))


def _for_all(document: str, lifted: list[_Wanted]) -> Prompt:
    documents = document if all(one.addition.how_many == 1 for one in lifted) else f"{document}s"
    return Prompt(
        text=f"Add {documents} to {len(lifted)} vehicle{'s' * (len(lifted) > 1)}",
        document=document,
        vehicles=len(lifted),
        images=sum(one.found.detailed for one in lifted),
        saves_nano_usd=sum(one.saves_nano_usd for one in lifted),
    )
