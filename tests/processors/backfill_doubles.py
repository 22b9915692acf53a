"""A model that answers as a test says, and small plans."""

import asyncio
from collections.abc import Callable

from msgspec.structs import replace
from processor_doubles import NOON

from events.profiles import VehicleProfiled
from processors.backfill.documented import documented
from processors.backfill.plan import Plan
from processors.errors import CallError
from processors.models.base import Image, Outcome, Request

GOOD = {"image_quality": {"sufficient_for_detail": True}}
POOR_QUALITY = {"image_quality": {"sufficient_for_detail": False}}

Answer = Callable[[Request], Outcome | CallError]


class Scripted:
    """Answers as the test says, after `seconds`; keeps what it was asked."""

    def __init__(self, say: Answer, seconds: float = 0.1) -> None:
        self._say = say
        self._seconds = seconds
        self.asked: list[tuple[float, Request]] = []
        self.open = self.most = 0

    async def look(self, request: Request) -> Outcome:
        self.asked.append((asyncio.get_running_loop().time(), request))
        self.open += 1
        self.most = max(self.most, self.open)
        try:
            await asyncio.sleep(self._seconds)
        finally:
            self.open -= 1
        said = self._say(request)
        if isinstance(said, CallError):
            raise said
        return said


def small(count: int, timeline_events: int = 4, **changes: object) -> Plan:
    """The documented plan with `count` images of one vehicle, whose context score is 3 × `timeline_events`."""
    profile = VehicleProfiled(event_id="p", event_time=NOON, vehicle_id="car", timeline_event_count=timeline_events)
    images = tuple(Image(image_id=f"i{n}", vehicle_id="car") for n in range(count))
    plan = replace(documented(0, NOON).plan, images=images, profiles=(profile,))
    return replace(plan, **changes)


def succeed(_: Request) -> Outcome:
    return Outcome(output=GOOD, cost_usd=0.001)
