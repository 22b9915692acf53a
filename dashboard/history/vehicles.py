"""A vehicle's row and profile → S0's vehicle metrics, with what is worth doing. Pure."""

from collections.abc import Mapping

from dashboard.bodies.analytics import (
    Completeness,
    Outcomes,
    Points,
    Processing,
    VehicleAdvice,
    VehicleBody,
    VehicleQuality,
    VehicleRow,
)
from dashboard.live.figures import usd
from events.numbers import NANO_PER_USD
from events.profiles import VehicleProfiled
from metrics.fold.bands import BandName, band
from metrics.intelligence.context import DOCUMENTS, additions, context_score, counted, points, request
from sinks.reading.vehicles import Listed, Vehicle


def vehicle_body(
    found: Vehicle, profile: VehicleProfiled | None, detailed: int, prices_nano_usd: Mapping[BandName, int]
) -> VehicleBody:
    """`detailed`: its images past tier 1; `prices_nano_usd`: what one of these costs by band."""
    return VehicleBody(
        vehicle_id=found.vehicle_id,
        completeness=_completeness(profile),
        processing=Processing(
            total_cost=found.total_cost,
            images_processed=found.images_processed,
            total_images=found.total_images,
            avg_cost_per_image=found.avg_cost_per_image,
            avg_context_score=found.avg_context_score,
            last_processed_at=found.last_processed_at,
            next_suggested_reprocess=found.next_suggested_reprocess,
        ),
        quality=VehicleQuality(
            avg_confidence=_percent(found.avg_confidence),
            validated_items=found.validated_items,
            consensus_items=found.consensus_items,
        ),
        outcomes=Outcomes(
            parts_identified=found.parts_identified,
            modifications_found=found.modifications_found,
            maintenance_alerts=found.maintenance_alerts,
            gaps_identified=found.gaps_identified,
        ),
        recommendations=[
            *_reprocess(found, profile, detailed, prices_nano_usd),
            *_documents(profile, detailed, prices_nano_usd),
        ],
    )


def vehicle_row(found: Listed) -> VehicleRow:
    """A vehicle in a list."""
    score = found.profile_completeness_score
    return VehicleRow(
        vehicle_id=found.vehicle_id,
        score=score,
        tier=None if score is None else band(score),
        avg_context_score=found.avg_context_score,
        total_images=found.total_images,
        images_processed=found.images_processed,
        total_cost=found.total_cost,
        avg_confidence=_percent(found.avg_confidence),
        gaps_identified=found.gaps_identified,
        last_processed_at=found.last_processed_at,
        next_suggested_reprocess=found.next_suggested_reprocess,
    )


def _completeness(profile: VehicleProfiled | None) -> Completeness:
    score = None if profile is None else context_score(profile)
    return Completeness(
        score=score,
        tier=None if score is None else band(score),
        breakdown={
            one.key: Points(count=counted(profile, one), points=points(profile, one), most=one.points * one.most)
            for one in DOCUMENTS
            if profile is not None
        },
    )


def _reprocess(
    found: Vehicle, profile: VehicleProfiled | None, detailed: int, prices: Mapping[BandName, int]
) -> list[VehicleAdvice]:
    """Documents that are there already, and whose images were asked about before."""
    before = found.avg_context_score
    if found.next_suggested_reprocess is None or before is None or profile is None:
        return []
    after = context_score(profile)
    saved = detailed * (prices[band(before)] - prices[band(after)])
    cost = usd(detailed * prices[band(after)])
    return [
        VehicleAdvice(
            action=f"Ask about {_images(detailed)} again",
            impact=f"Documented as {band(after)}, asked as {band(before)}: again for ${cost:.4f}",
            cost_savings=usd(saved) if saved > 0 else None,
            document=None,
            count=None,
            score_before=before,
            score_after=after,
            band_before=band(before),
            band_after=band(after),
        )
    ]


def _documents(profile: VehicleProfiled | None, detailed: int, prices: Mapping[BandName, int]) -> list[VehicleAdvice]:
    if profile is None:
        return []
    return [
        VehicleAdvice(
            action=request(one.document, one.how_many),
            impact=impact(one.score_before, one.score_after, prices),
            cost_savings=usd(detailed * one.saved_nano_usd) if one.saved_nano_usd > 0 else None,
            document=one.document,
            count=one.how_many,
            score_before=one.score_before,
            score_after=one.score_after,
            band_before=band(one.score_before),
            band_after=band(one.score_after),
        )
        for one in additions(profile, prices)
    ]


def impact(before: float, after: int, prices: Mapping[BandName, int]) -> str:
    """ "Context score 40 → 65 (good → rich): $0.0005 → $0.0001 an image"."""
    text = f"Context score {before:.0f} → {after}"
    if band(before) == band(after):
        return text
    costs = [f"${prices[band(score)] / NANO_PER_USD:g}" for score in (before, after)]
    return f"{text} ({band(before)} → {band(after)}): {costs[0]} → {costs[1]} an image"


def _images(count: int) -> str:
    return "1 image" if count == 1 else f"{count:,} images"


def _percent(fraction: float | None) -> float | None:
    return None if fraction is None else 100 * fraction
