"""The way out for events: nothing is lost without being counted."""

import asyncio
from typing import Protocol

from events.envelope import Event
from events.results import ImageResult

PATIENCE_S = 5.0
"""How long a publisher that refuses may take to make room, once per outage."""
FLUSH_S = 30.0
NAMED = 1_000
"""So many refused images are named; the rest is counted."""


class Publisher(Protocol):
    """What a processor needs of the SDK's publisher (events/sdk/publisher.py)."""

    def publish(self, event: Event) -> bool:
        """Takes the event without blocking; False means not taken."""

    def flush(self, timeout_s: float) -> int:
        """Waits; the number of events taken but not yet confirmed by Kafka."""


class Outbox:
    """Publishes events and counts those that were not taken."""

    def __init__(self, publisher: Publisher) -> None:
        self._publisher = publisher
        self._patient = True
        self.refused = 0
        self.refused_images: list[str] = []

    async def put(self, event: Event) -> bool:
        """Publishes; waits for room once per outage, then counts what is refused. False: not taken."""
        taken = self._publisher.publish(event)
        if not taken and self._patient:
            await asyncio.to_thread(self._publisher.flush, PATIENCE_S)
            taken = self._publisher.publish(event)
        self._patient = taken
        if not taken:
            self.refused += 1
            if isinstance(event, ImageResult) and len(self.refused_images) < NAMED:
                self.refused_images.append(event.image_id)
        return taken

    def offer(self, event: Event) -> None:
        """Publishes an event that the next one replaces (a heartbeat): a refusal is no loss."""
        self._publisher.publish(event)

    async def flush(self) -> int:
        """Waits for Kafka; how many of the events that were taken it has not confirmed."""
        return await asyncio.to_thread(self._publisher.flush, FLUSH_S)

    async def close(self) -> int:
        """Waits for Kafka; how many events are not known to be there: refused or unconfirmed."""
        return self.refused + await self.flush()
