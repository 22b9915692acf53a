"""A run's life as its processor tells it: declared, paused, resumed, finished; and as the log tells it back."""

from collections.abc import Container, Iterable
from datetime import datetime
from typing import Literal

from events.runs import AnyRunEvent, RunDeclared, RunFinished, RunPaused, RunResumed, RunUpdated, TierPlan
from processors.clock import Clock
from processors.errors import ResumeError
from processors.identity import event_id
from processors.log import EMPTY, EMPTY_STORY, Log, Story
from processors.publishing import FLUSH_S, Outbox
from processors.records import SOURCE

Phase = Literal["new", "open", "paused", "finished"]


class Life:
    """Publishes the run's events and knows its phase; `catch_up` begins where earlier processes left it.

    `since`: when the run was first declared; `ended_at`: when it was last finished.
    """

    def __init__(self, run_id: str, outbox: Outbox, clock: Clock) -> None:
        self.phase: Phase = "new"
        self.since: datetime | None = None
        self.ended_at: datetime | None = None
        self._size: tuple[int | None, list[TierPlan] | None] = (None, None)
        self._run_id = run_id
        self._outbox = outbox
        self._clock = clock

    def remember(self, events: Iterable[AnyRunEvent]) -> None:
        """The run's events, in their order."""
        for event in events:
            match event:
                case RunDeclared():
                    self.phase, self._size = "open", (event.total_images, event.tiers)
                    self.since = self.since or event.started_at or event.event_time
                case RunUpdated():
                    total, tiers = self._size
                    self._size = event.total_images or total, event.tiers or tiers
                case RunPaused():
                    self.phase = "paused"
                case RunResumed():
                    self.phase = "open"
                case RunFinished():
                    self.phase, self.ended_at = "finished", event.event_time

    @property
    def seconds(self) -> float:
        """From the run's declaration to its end, or to now."""
        if self.since is None:
            return 0.0
        until = self.ended_at if self.phase == "finished" and self.ended_at is not None else self._clock.now()
        return (until - self.since).total_seconds()

    async def catch_up(self, log: Log, vehicles: Container[str] = ()) -> Story:
        """Reads the run's story, once what an earlier process left on disk is in the log too. Raises ResumeError."""
        if log is EMPTY:
            return EMPTY_STORY
        if left := await self._outbox.flush():
            raise ResumeError(
                f"{left:,} events that an earlier process left on disk did not reach Kafka within {FLUSH_S:.0f} s, "
                f"so how far run {self._run_id} is cannot be read: see that Kafka takes them, and start it again"
            )
        story = await log.story(self._run_id, vehicles)
        self.remember(story.life)
        return story

    async def begin(self, declared: RunDeclared, *, paused: bool = False) -> None:
        """The run begins, or goes on; `paused`: an operator's pause still holds."""
        was = self.phase
        await self._declare(declared)
        if was != "new" and not paused:
            await self.resume("the processor was started again")

    async def _declare(self, declared: RunDeclared) -> None:
        """Declares the run; one that was declared before only says what is another now: images, pace."""
        if self.phase == "new":
            self.remember([declared])
            await self._outbox.put(declared)
        elif (declared.total_images, declared.tiers) != self._size:
            self._size = declared.total_images, declared.tiers
            now = self._clock.now()
            name = event_id("run.updated", self._run_id, now.isoformat())
            await self._outbox.put(
                RunUpdated(
                    event_id=name,
                    event_time=now,
                    run_id=self._run_id,
                    source=SOURCE,
                    reason="started again with more images, or at another pace",
                    total_images=declared.total_images,
                    tiers=declared.tiers,
                )
            )

    async def pause(self, reason: str | None, issued_by: str | None = None) -> None:
        """No call begins any more."""
        self.phase = "paused"
        await self._put(RunPaused, "run.paused", reason, issued_by)

    async def resume(self, reason: str | None, issued_by: str | None = None) -> None:
        """Calls begin again."""
        self.phase = "open"
        await self._put(RunResumed, "run.resumed", reason, issued_by)

    async def finish(self) -> None:
        """Nothing is left to do."""
        self.phase = "finished"
        self.ended_at = await self._put(RunFinished, "run.finished", None, None)

    async def _put(
        self,
        kind: type[RunPaused | RunResumed | RunFinished],
        name: str,
        reason: str | None,
        issued_by: str | None,
    ) -> datetime:
        now = self._clock.now()
        await self._outbox.put(
            kind(
                event_id=event_id(name, self._run_id, now.isoformat()),
                event_time=now,
                run_id=self._run_id,
                source=SOURCE,
                reason=reason,
                issued_by=issued_by,
            )
        )
        return now
