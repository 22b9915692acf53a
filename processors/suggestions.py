"""What to ask the owners for, and what it would save: S2's "Add SPID photo to unlock 95% confidence".

From a run's findings, the vehicles' newest profiles and the prices by band. The confidence that is promised is the one
measured in this run at the band that the document leads to; where the run never asked at that band, the price is named.
"""

from collections import defaultdict
from collections.abc import Mapping

import msgspec

from events.numbers import NANO_PER_USD
from events.profiles import VehicleProfiled
from processors.context import Band, band, context_score
from processors.evidence import Evidence
from processors.findings import Findings, findings
from processors.improvements import Addition, Change, Improvement, additions, improved

PARTS_NAMED = 3
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
    wanted: list[_Wanted] = []
    vehicles: list[VehicleReport] = []
    for vehicle_id, seen in evidence.by_vehicle().items():
        found = findings(seen, evidence.paid_nano_usd, named=True)
        profile = profiles.get(vehicle_id)
        of_vehicle = [] if profile is None else [_Wanted(one, found) for one in additions(profile, prices_usd)]
        vehicles.append(_vehicle(vehicle_id, profile, found, of_vehicle, confidence))
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
        return self.addition.change.saved_nano_usd * self.found.detailed


def _vehicle(
    vehicle_id: str,
    profile: VehicleProfiled | None,
    found: Findings,
    wanted: list[_Wanted],
    confidence: Mapping[Band, float],
) -> VehicleReport:
    score = None if profile is None else context_score(profile)
    return VehicleReport(
        vehicle_id=vehicle_id,
        context_score=score,
        band=None if score is None else band(score),
        found=found,
        prompts=[_prompt(one, confidence) for one in wanted] + _of_gaps(found),
    )


def _prompt(wanted: _Wanted, confidence: Mapping[Band, float]) -> Prompt:
    addition = wanted.addition
    return Prompt(
        text=f"{_request(addition, wanted.found)} {_promise(addition.change, confidence)}",
        document=addition.document,
        images=wanted.found.detailed,
        score_after=addition.change.score_after,
        saves_nano_usd=wanted.saves_nano_usd if addition.change.unlocks else None,
    )


def _request(addition: Addition, found: Findings) -> str:
    """What to do: a receipt is asked for a part that is to be seen on the vehicle's photographs."""
    count = addition.count
    about = ", ".join(_visible(found)[: min(count, PARTS_NAMED)])
    match addition.document:
        case "receipt":
            many = "receipt" if count == 1 else f"{count} receipts"
            return f"Upload {many} for {about}" if about else f"Upload {many}"
        case "timeline event":
            return f"Add {count} timeline events" if count > 1 else "Add a timeline event"
        case "user tag":
            return f"Tag {count} parts on the photographs" if count > 1 else "Tag a part on a photograph"
        case document:
            return f"Add {document}"


def _visible(found: Findings) -> list[str]:
    """The vehicle's parts as a person says them: changed ones first, then unconfirmed ones, on most images first."""
    parts = [part for part in found.parts if part.name not in PAPERS]
    parts.sort(key=lambda part: (WORTH_A_RECEIPT.index(part.kind), part.validated > 0, -part.images, part.name))
    return list(dict.fromkeys(part.name.replace("_", " ") for part in parts))


def _promise(change: Change, confidence: Mapping[Band, float]) -> str:
    if not change.unlocks:
        return f"to raise the context score from {change.score_before:.0f} to {change.score_after}"
    now, then = confidence.get(change.band_before), confidence.get(change.band_after)
    if then is not None and (now is None or then > now):
        return f"to unlock {then:.0%} confidence"
    return f"to unlock ${change.unit_cost_after_nano_usd / NANO_PER_USD:g} an image"


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
        if one.addition.change.unlocks:
            by_document[one.addition.document].append(one)
    prompts = [_for_all(document, lifted) for document, lifted in by_document.items()]
    return sorted(prompts, key=lambda prompt: (-(prompt.saves_nano_usd or 0), prompt.document or ""))


def _for_all(document: str, lifted: list[_Wanted]) -> Prompt:
    documents = document if all(one.addition.count == 1 for one in lifted) else f"{document}s"
    return Prompt(
        text=f"Add {documents} to {len(lifted)} vehicle{'s' * (len(lifted) > 1)}",
        document=document,
        vehicles=len(lifted),
        images=sum(one.found.detailed for one in lifted),
        saves_nano_usd=sum(one.saves_nano_usd for one in lifted),
    )
