"""The calls of a backfill: begun at the plan's pace, made again after a backoff, each told to the log."""

import asyncio
from collections.abc import Awaitable, Callable

from processors.backfill.context import Context
from processors.backfill.plan import Plan, Step, sufficient_for_detail
from processors.backfill.worklist import Job, Worklist
from processors.clock import Clock
from processors.errors import CallError
from processors.gate import Gate
from processors.identity import draws, event_id
from processors.logged import logged
from processors.models.base import Image, Model, Outcome, Request, looked
from processors.publishing import Outbox
from processors.records import Author, Moment, image_result

BACKOFF_S, MAX_BACKOFF_S = 2.0, 60.0
"""The wait before attempt n + 1 is BACKOFF_S * 2^(n-1), at most MAX_BACKOFF_S, times a jitter of 0.5 to 1.5."""
REACTION_S = 0.5
"""Waits are cut into pieces this long, so that a stop is noticed."""


class Calls:
    """Takes jobs off the worklist and makes their calls.

    `rate_limit`: the provider's, and what is left of it. `ended`: to be called after each call.
    """

    def __init__(
        self,
        plan: Plan,
        model: Model,
        outbox: Outbox,
        author: Author,
        clock: Clock,
        speed: float,
        gate: Gate,
        worklist: Worklist,
        context: Callable[[Image], Context],
    ) -> None:
        self.rate_limit: tuple[int | None, int | None] = (None, None)
        self.ended: Callable[[], Awaitable[None]]
        self._plan = plan
        self._model = model
        self._outbox = outbox
        self._author = author
        self._clock = clock
        self._speed = speed
        self._gate = gate
        self._worklist = worklist
        self._context = context
        self._step: Step = plan.steps[0]
        self._due: float | None = None
        self._changed = asyncio.Event()

    @property
    def provider(self) -> str:
        """Whose calls are made now."""
        return self._step.choice.provider

    async def run(self) -> None:
        """Until nothing is left, or the gate is closed; open calls are awaited and published."""
        async with asyncio.TaskGroup() as calls:
            while not self._gate.closed:
                self._changed.clear()
                job = self._worklist.next()
                if job is None:
                    if not self._worklist.open:
                        return
                    await self._changed.wait()
                elif await self._may_begin(job.step):
                    calls.create_task(self._image(job))
                else:
                    self._worklist.close(job)

    async def more(self) -> bool:
        """Waits until there is work again; False when the gate is closed instead."""
        while not self._gate.closed and not self._worklist.left:
            self._changed.clear()
            await self._changed.wait()
        return not self._gate.closed

    def resumed(self) -> None:
        """Calls may begin again, at the plan's pace from now: what was missed is not made up for in a burst."""
        self._due = self._clock.monotonic() + self._step.spacing_s / self._speed
        self.wake()

    def wake(self) -> None:
        """Something has changed: look again."""
        self._changed.set()

    async def _may_begin(self, step: Step) -> bool:
        """Waits for the pace and for a slot."""
        if step is not self._step or self._due is None:
            self._step, self._due = step, self._clock.monotonic()
        due = self._due
        self._due += step.spacing_s / self._speed
        await self._wait_until(due)
        return await self._gate.enter()

    async def _image(self, job: Job) -> None:
        """One image through one tier; comes with a slot, and holds one while a call is open."""
        try:
            while await self._attempt(job) and await self._gate.enter():
                pass
        finally:
            self._worklist.close(job)
            self.wake()

    async def _attempt(self, job: Job) -> bool:
        """Makes one call and publishes its result; after the backoff, whether it is to be made again."""
        standing = job.standing
        request = job.step.request(standing.image, self._context(standing.image), standing.attempt)
        started_at = self._clock.now()
        try:
            said = await looked(self._model, request)
        finally:
            self._gate.leave()
        moment = Moment(started_at=started_at, ended_at=self._clock.now())
        if isinstance(said, Outcome):
            self.rate_limit = (said.rate_limit, said.rate_limit_remaining)
        retry = isinstance(said, CallError) and said.retryable and request.attempt < self._plan.max_attempts
        result = image_result(
            self._author,
            request,
            said,
            moment,
            event_id=self._event_id(request, job.command_id),
            final=self._is_final(request, said, retry=retry),
            will_retry=retry,
            batch_id=job.batch_id,
            command_id=job.command_id,
        )
        self._worklist.take(logged(result))
        await self._outbox.put(result)
        await self.ended()
        if retry and isinstance(said, CallError):
            await self._wait_until(self._clock.monotonic() + _backoff_s(said, request) / self._speed)
        return retry

    def _is_final(self, request: Request, said: Outcome | CallError, *, retry: bool) -> bool:
        if isinstance(said, CallError):
            return not retry
        sufficient = sufficient_for_detail(said.output)
        return self._worklist.onward(request.image, request.tier, sufficient=sufficient) is None

    def _event_id(self, request: Request, command_id: str | None) -> str:
        named = (self._author.run_id, request.image.image_id, request.tier, request.attempt)
        return event_id(*named) if command_id is None else event_id(*named, command_id)

    async def _wait_until(self, due: float) -> None:
        """Waits for a moment of the monotonic clock, or a stop."""
        while (left := due - self._clock.monotonic()) > 0 and not self._gate.closed:
            await self._clock.sleep(min(left, REACTION_S))


def _backoff_s(error: CallError, request: Request) -> float:
    jitter = 0.5 + draws("backoff", request.image.image_id, request.tier, request.attempt).random()
    backoff_s = min(MAX_BACKOFF_S, BACKOFF_S * 2.0 ** (request.attempt - 1)) * jitter
    return max(backoff_s, error.retry_after_s)
