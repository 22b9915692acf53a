"""Results as short as a test says them."""

import itertools
import json
from typing import Any

import msgspec
from processor_doubles import NOON

from events.profiles import VehicleProfiled
from events.results import Answer, ImageResult

_numbers = itertools.count()


def result(image_id: str, tier: int = 1, *, output: Any = None, **fields: Any) -> ImageResult:
    """A successful result of vehicle `car` under an id of its own, unless `fields` say otherwise."""
    raw = msgspec.Raw(b"" if output is None else json.dumps(output).encode())
    given = {"event_id": f"made-{next(_numbers)}", "status": "success", "vehicle_id": "car"} | fields
    return ImageResult(event_time=NOON, image_id=image_id, tier=tier, output=raw, **given)


def said(question: str, confidence: float | None = None, **fields: Any) -> Answer:
    return Answer(question=question, confidence=confidence, **fields)


def profile(vehicle_id: str = "car", **fields: Any) -> VehicleProfiled:
    return VehicleProfiled(event_id=f"profile-{vehicle_id}", event_time=NOON, vehicle_id=vehicle_id, **fields)
