"""The context-driven backfill: tier by tier, each image routed by its vehicle's context (S2).

Calls begin at the plan's pace, spread evenly over each batch, at most `concurrency` at a time. A failed call that can
be retried is published with `will_retry` and made again after an exponential backoff, at the end of which the image
has failed for good and reaches no later tier. What is asked next is decided by what was seen (plan.next_tier), so a
result is `final` when nothing more is planned for its image.

The log is the only memory. Started again under its run id, a run goes on where its results and commands in the log
leave it, so no image is done twice and none is forgotten. Event ids are made of run, image, tier and attempt (and of
the command that asked for it): should a result be made twice after all, it counts once.
"""

import asyncio
import logging
from collections.abc import Callable

from events.commands import CommandIssued
from events.profiles import VehicleProfiled
from processors.backfill.calls import Calls
from processors.backfill.context import NO_CONTEXT, Context, context_of
from processors.backfill.plan import Plan
from processors.backfill.worklist import Worklist
from processors.clock import Clock, WallClock
from processors.commands import Desk
from processors.errors import ResumeError
from processors.gate import Gate
from processors.lifecycle import Life
from processors.log import EMPTY, Log, Story
from processors.models.base import Image, Model
from processors.publishing import Outbox, Publisher
from processors.pulse import Load, State, pulse
from processors.records import SOURCE, Author
from processors.summary import Summary

_log = logging.getLogger(__name__)

Report = Callable[[Summary], None]


async def backfill(
    publisher: Publisher,
    plan: Plan,
    model: Model,
    *,
    run_id: str,
    log: Log = EMPTY,
    speed: float = 1.0,
    clock: Clock | None = None,
    stop: asyncio.Event | None = None,
    finished: Report | None = None,
    processor_id: str = "backfill-1",
) -> Summary:
    """Runs the plan, or what the log says is left of it: declares the run, publishes results and heartbeats, ends it.

    `speed` divides the plan's times (pace and backoff): at 10, a batch of 30 s takes 3. Setting `stop` ends it early:
    no call is begun any more, open ones are awaited and published, and the run is paused instead of finished. To end
    at once, cancel. With `finished`, it stays when the run is finished: each time, `finished` gets the summary, and
    `reprocess` commands start the run again, until `stop`.

    Never raises for an image: what failed is in the results and in the summary, which is of the whole run. Raises
    ResumeError where the run in the log is another, and what `log` raises.
    """
    clock = clock or WallClock()
    outbox = Outbox(publisher)
    author = Author(run_id=run_id, processor_id=processor_id, strategy=plan.strategy, environment=plan.environment)
    work = _Backfill(plan, model, outbox, author, clock, speed, log, stop or asyncio.Event())
    async with pulse(outbox, clock, run_id, processor_id, work.load):
        await work.run(finished)
    summary = work.summary
    summary.unpublished = await outbox.close()
    summary.unpublished_images = outbox.refused_images
    summary.seconds = work.life.seconds
    return summary


class _Backfill:
    """One call of `backfill`: what it knows and what it does, put together."""

    def __init__(
        self,
        plan: Plan,
        model: Model,
        outbox: Outbox,
        author: Author,
        clock: Clock,
        speed: float,
        log: Log,
        stop: asyncio.Event,
    ) -> None:
        self.summary = Summary(run_id=author.run_id, images=len(plan.images))
        self.life = Life(author.run_id, outbox, clock)
        self._plan = plan
        self._outbox = outbox
        self._author = author
        self._clock = clock
        self._speed = speed
        self._log = log
        self._stop = stop
        self._state: State = "starting"
        self._vehicles = {image.vehicle_id for image in plan.images if image.vehicle_id is not None}
        self._contexts: dict[str, Context] = {}
        self._gate = Gate(plan.concurrency)
        self._worklist = Worklist(plan, self._context, self.summary)
        self._calls = Calls(plan, model, outbox, author, clock, speed, self._gate, self._worklist, self._context)
        self._desk = Desk(author, outbox, clock, self._gate, self._worklist, self.life, self._calls.resumed)
        self._calls.ended = self._desk.settle

    async def run(self, finished: Report | None) -> None:
        """From the log to the run's end, and on if somebody stays for it."""
        waiting = await self._catch_up()
        await self._begin()
        for command in waiting:
            await self._desk.take(command)
        await self._desk.settle()
        if self._gate.paused:
            _log.warning("run %s is paused by command: no call begins until it is resumed", self._author.run_id)
        self._state = "running"
        async with asyncio.TaskGroup() as beside:
            tasks = [beside.create_task(work) for work in (self._listen(), self._await_stop())]
            while await self._to_the_end(finished):
                pass
            for task in tasks:
                task.cancel()

    def load(self) -> Load:
        """What the next heartbeat says."""
        limit, remaining = self._calls.rate_limit
        state: State = self._state
        if state == "running":
            state = "draining" if self._gate.closed else "paused" if self._gate.paused else "running"
        return Load(
            queue_depth=max(0, self._worklist.left - self._gate.active),
            active_requests=self._gate.active,
            capacity=self._gate.capacity,
            provider=self._calls.provider,
            state=state,
            rate_limit=limit,
            rate_limit_remaining=remaining,
        )

    async def _catch_up(self) -> list[CommandIssued]:
        """Reads where the run stands; the commands that nobody has answered."""
        story = await self.life.catch_up(self._log, self._vehicles)
        await self._know(story)
        waiting = self._desk.remember(story)
        seen: set[str] = set()
        async for result in self._log.results(self._author.run_id):
            if result.image_id not in self._worklist:
                self._require_ours(result.source, result.image_id)
            elif result.event_id not in seen:
                seen.add(result.event_id)
                self._worklist.replay(result)
        self._worklist.start()
        return waiting

    def _require_ours(self, source: str, image_id: str | None) -> None:
        if source == SOURCE:
            raise ResumeError(
                f"run {self._author.run_id} in the log has results on other images ({image_id}), so it is another "
                "plan's: continue it with the arguments that it was begun with (--seed), or choose another --run"
            )

    async def _know(self, story: Story) -> None:
        """The vehicles' profiles: a new run says what it knows, a continued one goes by the newest in the log."""
        new = self.life.phase == "new"
        for profile in self._plan.profiles:
            known = None if new else story.profiles.get(profile.vehicle_id)
            self._contexts[profile.vehicle_id] = context_of(known or profile)
            if known is None:
                await self._outbox.put(profile)

    async def _begin(self) -> None:
        """Says that the run begins, or goes on."""
        if self.life.phase == "new":
            await self._outbox.flush()  # a run that is declared has its profiles in the log: see _know
        if self.life.phase != "finished" or self._worklist.left:
            declared = self._plan.declared(self._author.run_id, self._clock.now(), self._speed)
            await self.life.begin(declared, paused=self._gate.paused)

    async def _to_the_end(self, finished: Report | None) -> bool:
        """Works until nothing is left, and says so; whether there is more to do after that."""
        await self._calls.run()
        self.summary.stopped = self._gate.closed and self._worklist.left > 0
        if self.summary.stopped:
            if self.life.phase != "paused":
                await self.life.pause("the processor was stopped")
            return False
        if self.life.phase != "finished":
            await self._outbox.flush()  # whoever sees the run finished finds its results
            await self.life.finish()
        if finished is None or self._gate.closed:
            return False
        self.summary.seconds = self.life.seconds
        finished(self.summary)
        return await self._calls.more()

    async def _listen(self) -> None:
        """Obeys commands and learns of profiles as they come."""
        async for event in self._log.coming(self._author.run_id, self._vehicles):
            if isinstance(event, VehicleProfiled):
                self._contexts[event.vehicle_id] = context_of(event)
            else:
                await self._desk.take(event)

    async def _await_stop(self) -> None:
        await self._stop.wait()
        self._gate.close()
        self._calls.wake()

    def _context(self, image: Image) -> Context:
        return self._contexts.get(image.vehicle_id or "", NO_CONTEXT)
