"""Heartbeats: once a second a processor says that it is alive and how busy it is; idle, less often."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Literal, NamedTuple

from events.heartbeats import ProcessorHeartbeat
from processors.clock import Clock
from processors.identity import event_id
from processors.publishing import Outbox
from processors.records import SOURCE

INTERVAL_S = 1.0

IDLE_S = 30.0
"""A processor that stays with nothing to do beats so often."""

State = Literal["starting", "running", "paused", "draining", "stopped"]


class Load(NamedTuple):
    """How busy: images that wait, calls that are open and may be open; whose calls, and what that provider allows."""

    queue_depth: int
    active_requests: int
    capacity: int
    provider: str
    state: State = "running"
    rate_limit: int | None = None
    rate_limit_remaining: int | None = None


@asynccontextmanager
async def pulse(
    outbox: Outbox, clock: Clock, run_id: str, processor_id: str, load: Callable[[], Load]
) -> AsyncIterator[None]:
    """Beats once a second (of the clock) while the block runs, and once more, `stopped`, however it ends."""

    def beat(now: Load) -> None:
        at = clock.now()
        outbox.offer(
            ProcessorHeartbeat(
                event_id=event_id("heartbeat", run_id, processor_id, at.isoformat(), now.state),
                event_time=at,
                run_id=run_id,
                source=SOURCE,
                processor_id=processor_id,
                **now._asdict(),
            )
        )

    async def beating() -> None:
        last, silent_s = load(), 0.0
        beat(last)
        while True:
            await clock.sleep(INTERVAL_S)
            silent_s += INTERVAL_S
            now = load()
            if now != last or now.queue_depth or now.active_requests or silent_s >= IDLE_S:
                beat(now)
                last, silent_s = now, 0.0

    task = asyncio.create_task(beating())
    await asyncio.sleep(0)  # the first beat comes before anything is done
    try:
        yield
    finally:
        task.cancel()
        beat(load()._replace(state="stopped", active_requests=0))
