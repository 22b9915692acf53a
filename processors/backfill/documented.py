"""The backfill that S2 documents, made up from a seed: 2,734 images of vehicles whose documentation differs.

Counted out so that the documented economics come out to the nano-dollar, whatever the seed:

    tier 1   2,734 images   × $0.0001                       = $ 0.2734    55 batches of 50, 30 s
    tier 2   1,870 medium   × $0.005                        = $ 9.35
                90 good     × $0.0005                       = $ 0.045
                40 rich     × $0.0001                       = $ 0.004     40 batches of 50, 45 s
    tier 3     200 poor     × $0.02                         = $ 4.00      40 batches of 5, 60 s
                                                      total   $13.6724, against 2,734 × $0.02 = $54.68 by GPT-4o alone

Of the 2,534 images with context, 528 are not sufficient for detail and end after tier 1; on another 6 the model's
answer is no use: it is billed, it is not tried again, and the image has failed for good. Every other failure is
refused or unanswered, costs nothing and is retried with success. So all 2,734 tier 1 calls are paid once.
"""

import random
from collections.abc import Iterator
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from events.profiles import VehicleProfiled
from events.runs import Baseline, Sla
from processors.backfill.context import Band, band, context_score
from processors.backfill.plan import FIND_GAPS, IDENTIFY, ORGANIZE, ModelChoice, Plan, Step
from processors.identity import draws, event_id
from processors.models.base import Image
from processors.models.scenes import Scene, draw_scene
from processors.records import SOURCE

NAME = "Image backfill (simulated models)"
TOTAL = 2_734
IDENTIFIED: dict[Band, int] = {"medium": 1_870, "good": 90, "rich": 40}
"""Images for tier 2, by band."""
INSUFFICIENT: dict[Band, int] = {"medium": 488, "good": 28, "rich": 12}
GAPS = 200
"""Images of vehicles with poor context: tier 3."""
UNREADABLE = 6
"""Images, of vehicles with medium context, over which the model's answer is of no use."""

PRICES_USD: dict[Band, float] = {"rich": 0.0001, "good": 0.0005, "medium": 0.005, "poor": 0.02}
"""S2, Routing."""
ORGANIZE_USD = 0.0001
BASELINE_USD = 0.02
BUDGET_USD = 15.0

VEHICLE_TYPES = ("pickup", "sedan", "coupe", "suv", "convertible", "van")
MINI, CONTEXT = ModelChoice("gpt-4o-mini", "openai"), ModelChoice("gpt-4o-mini-context", "openai")
FULL, HAIKU = ModelChoice("gpt-4o", "openai"), ModelChoice("claude-haiku", "anthropic")

VALUE_WEIGHTS_USD = {
    "image_tags": 0.002,
    "part_identifications": 0.02,
    "vehicle_modifications": 0.25,
    "maintenance_alerts": 0.5,
    "missing_context_reports": 0.1,
}
"""What a row is worth: a demonstration's assumption, not S2's."""


ORGANIZE_STEP = Step(
    tier=ORGANIZE,
    name="Basic organization",
    task_type="image_organization",
    task_complexity="simple",
    choice=MINI,
    fallback=HAIKU,
    prompt_version="organize-1",
    unit_cost_usd=dict.fromkeys(PRICES_USD, ORGANIZE_USD),
    mean_cost_usd=ORGANIZE_USD,
    images=TOTAL,
    batch_size=50,
    batch_seconds=30,
)
IDENTIFY_STEP = Step(
    tier=IDENTIFY,
    name="Context-aware parts",
    task_type="part_identification",
    task_complexity="moderate",
    choice=CONTEXT,
    prompt_version="identify-1",
    unit_cost_usd=PRICES_USD,
    mean_cost_usd=sum(PRICES_USD[name] * count for name, count in IDENTIFIED.items()) / sum(IDENTIFIED.values()),
    images=sum(IDENTIFIED.values()),
    batch_size=50,
    batch_seconds=45,
)
FIND_GAPS_STEP = Step(
    tier=FIND_GAPS,
    name="Gap finding",
    task_type="gap_finding",
    task_complexity="complex",
    choice=FULL,
    prompt_version="gaps-1",
    unit_cost_usd=PRICES_USD,
    mean_cost_usd=PRICES_USD["poor"],
    images=GAPS,
    batch_size=5,
    batch_seconds=60,
)


class Documented(NamedTuple):
    """The plan, and what is to be seen on each image, which the simulated model finds out call by call."""

    plan: Plan
    scenes: dict[str, Scene]


def documented(seed: int, now: datetime) -> Documented:
    """The same vehicles, profiles and images for the same seed; `now` dates the profiles."""
    rng = draws("documented", seed)
    groups = [group for name in ("medium", "good", "rich", "poor") for group in _vehicles(rng, name, now)]
    rng.shuffle(groups)
    images = tuple(image for group in groups for image in group.images)
    plan = Plan(
        name=NAME,
        strategy="context-driven",
        environment="simulated",
        images=images,
        profiles=tuple(group.profile for group in groups),
        steps=(ORGANIZE_STEP, IDENTIFY_STEP, FIND_GAPS_STEP),
        budget_usd=BUDGET_USD,
        baseline=Baseline(name="All-GPT-4o", unit_cost_usd=BASELINE_USD, latency_ms=8_000),
        cheap_models=(MINI.model, CONTEXT.model, HAIKU.model),
        sla=Sla(latency_ms=10_000, error_rate=0.05),
        value_weights_usd=VALUE_WEIGHTS_USD,
    )
    return Documented(plan, _scenes(rng, groups))


class _Vehicle(NamedTuple):
    profile: VehicleProfiled
    images: list[Image]


def _vehicles(rng: random.Random, name: Band, now: datetime) -> Iterator[_Vehicle]:
    """Vehicles of one band, of 8 to 36 images each (the last takes what is left)."""
    left = GAPS if name == "poor" else IDENTIFIED[name] + INSUFFICIENT[name] + UNREADABLE * (name == "medium")
    while left:
        count = min(left, rng.randint(8, 36))
        left -= count
        profile = _profile(rng, name, now)
        kind = rng.choice(VEHICLE_TYPES)
        ids = [_uuid(rng) for _ in range(count)]
        yield _Vehicle(profile, [_image(image_id, profile.vehicle_id, kind) for image_id in ids])


def _image(image_id: str, vehicle_id: str, vehicle_type: str) -> Image:
    uri = f"s3://vehicle-images/{vehicle_id}/{image_id}.jpg"
    return Image(image_id=image_id, vehicle_id=vehicle_id, vehicle_type=vehicle_type, uri=uri)


def _profile(rng: random.Random, wanted: Band, now: datetime) -> VehicleProfiled:
    """A profile whose score lies in the band: drawn with that band's likelihoods until it does."""
    has, receipts, events, tags = {
        "poor": (0.0, 1, 2, 1),
        "medium": (0.05, 2, 60, 3),
        "good": (0.45, 4, 60, 5),
        "rich": (0.85, 9, 80, 9),
    }[wanted]
    vehicle_id = _uuid(rng)
    while True:
        profile = VehicleProfiled(
            event_id=event_id("vehicle.profiled", vehicle_id, now.isoformat()),
            event_time=now,
            source=SOURCE,
            vehicle_id=vehicle_id,
            has_spid=rng.random() < has,
            has_factory_manual=rng.random() < has,
            receipt_count=rng.randint(0, receipts),
            timeline_event_count=rng.randint(0, events),
            user_tag_count=rng.randint(0, tags),
            reference_doc_count=rng.randint(0, receipts),
            previously_analyzed=rng.random() < has / 2,
            well_documented=wanted != "poor" and rng.random() < 0.7,
        )
        if band(context_score(profile)) == wanted:
            return profile


def _scenes(rng: random.Random, vehicles: list[_Vehicle]) -> dict[str, Scene]:
    """What each image shows; which are insufficient or unreadable is drawn, how many is counted out."""
    scenes: dict[str, Scene] = {}
    for name in ("medium", "good", "rich", "poor"):
        ids = [i.image_id for vehicle in vehicles if _band_of(vehicle) == name for i in vehicle.images]
        unreadable = set(rng.sample(ids, UNREADABLE)) if name == "medium" else set()
        rest = [image_id for image_id in ids if image_id not in unreadable]
        # Gap finding does not ask for quality (plan.next_tier), so poor context's photographs may be as they are.
        insufficient = set(rng.sample(rest, INSUFFICIENT.get(name, GAPS // 4)))
        for image_id in ids:
            scene = draw_scene(rng, sufficient=image_id not in insufficient, readable=image_id not in unreadable)
            scenes[image_id] = scene
    return scenes


def _band_of(vehicle: _Vehicle) -> Band:
    return band(context_score(vehicle.profile))


def _uuid(rng: random.Random) -> str:
    return str(UUID(int=rng.getrandbits(128), version=4))
