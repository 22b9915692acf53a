"""The context-driven backfill: tier by tier, each image routed by its vehicle's context (S2).

Calls begin at the plan's pace, spread evenly over each batch, at most `concurrency` at a time. A failed call that can
be retried is published with `will_retry` and made again after an exponential backoff, at the end of which the image
has failed for good and reaches no later tier. What is asked next is decided by what was seen (plan.next_tier), so a
result is `final` when nothing more is planned for its image.

Event ids are made of run, image, tier and attempt: the same plan started again under the same run id repeats them, and
a repeated id counts once.
"""

import asyncio
import itertools
from collections import defaultdict

from processors.clock import Clock, WallClock
from processors.context import NO_CONTEXT, Context, context_of
from processors.errors import CallError
from processors.identity import draws, event_id
from processors.lifecycle import run_ended
from processors.models.base import Image, Model, Outcome, Request, looked
from processors.plan import Plan, Step, next_tier
from processors.publishing import Outbox, Publisher
from processors.pulse import Load, pulse
from processors.records import Author, Moment, image_result
from processors.summary import Summary

BACKOFF_S, MAX_BACKOFF_S = 2.0, 60.0
"""The wait before attempt n + 1 is BACKOFF_S * 2^(n-1), at most MAX_BACKOFF_S, times a jitter of 0.5 to 1.5."""
REACTION_S = 0.5
"""Waits are cut into pieces this long, so that a stop is noticed."""


async def backfill(
    publisher: Publisher,
    plan: Plan,
    model: Model,
    *,
    run_id: str,
    speed: float = 1.0,
    clock: Clock | None = None,
    stop: asyncio.Event | None = None,
    processor_id: str = "backfill-1",
) -> Summary:
    """Runs the plan: declares it, publishes profiles, results and a heartbeat a second, and finishes the run.

    `speed` divides the plan's times (pace and backoff): at 10, a batch of 30 s takes 3. Setting `stop` ends it early:
    no call is begun any more, open ones are awaited and published, and the run is paused instead of finished. To end
    at once, cancel. Never raises for an image: what failed is in the results and in the summary.
    """
    clock = clock or WallClock()
    began = clock.monotonic()
    outbox = Outbox(publisher)
    author = Author(run_id=run_id, processor_id=processor_id, strategy=plan.strategy, environment=plan.environment)
    work = _Backfill(plan, model, outbox, author, clock, speed, stop or asyncio.Event())
    await outbox.put(plan.declared(run_id, clock.now(), speed))
    for profile in plan.profiles:
        await outbox.put(profile)
    async with pulse(outbox, clock, run_id, processor_id, work.load):
        await work.run()
    summary = work.summary
    summary.stopped = summary.ended < len(plan.images)
    await outbox.put(run_ended(run_id, clock, stopped=summary.stopped))
    summary.unpublished = await outbox.close()
    summary.unpublished_images = outbox.refused_images
    summary.seconds = clock.monotonic() - began
    return summary


class _Backfill:
    """The state of one call of `backfill`."""

    def __init__(
        self,
        plan: Plan,
        model: Model,
        outbox: Outbox,
        author: Author,
        clock: Clock,
        speed: float,
        stop: asyncio.Event,
    ) -> None:
        self.summary = Summary(run_id=author.run_id, images=len(plan.images))
        self._plan = plan
        self._model = model
        self._outbox = outbox
        self._author = author
        self._clock = clock
        self._speed = speed
        self._stop = stop
        self._slots = asyncio.Semaphore(plan.concurrency)
        self._active = 0
        self._step = plan.steps[0]
        self._contexts: dict[str, Context] = {profile.vehicle_id: context_of(profile) for profile in plan.profiles}
        self._queues: defaultdict[int, list[Image]] = defaultdict(list)
        self._queues[plan.steps[0].tier] = list(plan.images)
        self._limit: tuple[int | None, int | None] = (None, None)

    async def run(self) -> None:
        """The tiers in series: what a tier sends on waits until it is through."""
        for step in self._plan.steps:
            if not self._stop.is_set():
                self._step = step
                await self._tier(step, self._queues.pop(step.tier, []))

    def load(self) -> Load:
        """What the next heartbeat says."""
        waiting = self.summary.images - self.summary.ended - self._active
        return Load(
            queue_depth=max(0, waiting),
            active_requests=self._active,
            capacity=self._plan.concurrency,
            provider=self._step.choice.provider,
            state="draining" if self._stop.is_set() else "running",
            rate_limit=self._limit[0],
            rate_limit_remaining=self._limit[1],
        )

    async def _tier(self, step: Step, images: list[Image]) -> None:
        began = self._clock.monotonic()
        async with asyncio.TaskGroup() as calls:
            for index, image in enumerate(images):
                await self._wait_until(began + index * step.spacing_s / self._speed)
                await self._slots.acquire()
                if self._stop.is_set():
                    self._slots.release()
                    return
                calls.create_task(self._image(step, image, step.batch_id(index)))

    async def _image(self, step: Step, image: Image, batch_id: str) -> None:
        """One image through one tier, holding a slot while a call is open; comes with a slot."""
        context = self._contexts.get(image.vehicle_id or "", NO_CONTEXT)
        for attempt in itertools.count(1):
            request = step.request(image, context, attempt)
            said, moment = await self._call(request)
            if not await self._publish(step, request, said, moment, batch_id):
                return
            backoff_s = self._backoff_s(said, request) if isinstance(said, CallError) else 0.0
            await self._wait_until(self._clock.monotonic() + backoff_s / self._speed)
            await self._slots.acquire()
            if self._stop.is_set():
                self._slots.release()
                return

    async def _call(self, request: Request) -> tuple[Outcome | CallError, Moment]:
        self._active += 1
        started_at = self._clock.now()
        try:
            said = await looked(self._model, request)
        finally:
            self._active -= 1
            self._slots.release()
        return said, Moment(started_at=started_at, ended_at=self._clock.now())

    async def _publish(
        self, step: Step, request: Request, said: Outcome | CallError, moment: Moment, batch_id: str
    ) -> bool:
        """Publishes the call's result, sends the image on; whether the call is to be made again."""
        retry, final = False, True
        if isinstance(said, CallError):
            retry = said.retryable and request.attempt < self._plan.max_attempts
            final = not retry
        else:
            self._limit = (said.rate_limit, said.rate_limit_remaining)
            tier = next_tier(step.tier, request.context, said)
            final = tier is None
            if tier is not None:
                self._queues[tier].append(request.image)
        result = image_result(
            self._author,
            request,
            said,
            moment,
            event_id=event_id(self._author.run_id, request.image.image_id, request.tier, request.attempt),
            final=final,
            will_retry=retry,
            batch_id=batch_id,
        )
        self.summary.add(result)
        await self._outbox.put(result)
        return retry

    def _backoff_s(self, error: CallError, request: Request) -> float:
        jitter = 0.5 + draws("backoff", request.image.image_id, request.tier, request.attempt).random()
        backoff_s = min(MAX_BACKOFF_S, BACKOFF_S * 2.0 ** (request.attempt - 1)) * jitter
        return max(backoff_s, error.retry_after_s)

    async def _wait_until(self, due: float) -> None:
        """Waits for a moment of the monotonic clock, or a stop."""
        while (left := due - self._clock.monotonic()) > 0 and not self._stop.is_set():
            await self._clock.sleep(min(left, REACTION_S))
