"""Obeys an operator's commands: each once, each answered, also over a restart (DESIGN.md 4.2, command.issued).

An answer is `accepted` or `refused` (with the reason), and `effective` when an accepted command has taken effect: no
call is open any more, the new concurrency holds, every image that was meant is done again. What was answered is read
back from the log, so a command that an earlier process took is not taken twice, and what it set still holds.
"""

from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from typing import Literal, Protocol

import msgspec

from events.commands import CommandIssued
from events.runs import CommandAcknowledged
from processors.backfill.selection import selection
from processors.backfill.worklist import Again
from processors.clock import Clock
from processors.errors import CommandError
from processors.gate import Gate
from processors.identity import event_id
from processors.lifecycle import Life
from processors.log import Story
from processors.publishing import Outbox
from processors.records import SOURCE, Author

MAX_CONCURRENCY = 1_000
PACE = ("pause", "resume", "set_concurrency")

Answer = Literal["accepted", "refused", "effective"]


class _Concurrency(msgspec.Struct, forbid_unknown_fields=True):
    concurrency: int


class Work(Protocol):
    """What a processor has to do, as far as commands change it. `reprocess` raises CommandError."""

    def reprocess(self, again: Again) -> int:
        """Takes up again what is meant, and says how many images that are."""

    def left_of(self, command_id: str) -> int:
        """How many of a command's images have not ended yet."""

    def accepted_before(self, again: Again) -> None:
        """An earlier process took this one."""


class Desk:
    """Where commands arrive. `resumed` is called when calls begin again after a pause."""

    def __init__(
        self,
        author: Author,
        outbox: Outbox,
        clock: Clock,
        gate: Gate,
        work: Work,
        life: Life,
        resumed: Callable[[], None],
    ) -> None:
        self._author = author
        self._outbox = outbox
        self._clock = clock
        self._gate = gate
        self._work = work
        self._life = life
        self._resumed = resumed
        self._known: set[str] = set()
        self._not_yet: dict[str, CommandIssued] = {}

    def remember(self, story: Story) -> list[CommandIssued]:
        """Takes what earlier processes obeyed as it was; returns the commands that nobody has answered, in order."""
        answered = [event for event in story.life if isinstance(event, CommandAcknowledged)]
        refused = {event.command_id for event in answered if event.outcome == "refused"}
        accepted = {event.command_id: event for event in reversed(answered) if event.outcome == "accepted"}
        effective = {event.command_id for event in answered if event.outcome == "effective"}
        waiting = []
        for command in story.commands:
            if command.command_id in accepted:
                if command.command_id not in self._known:
                    with suppress(CommandError):  # accepted by another version, which knew more
                        self._restore(command, accepted[command.command_id])
                    if command.command_id not in effective:
                        self._not_yet[command.command_id] = command
                self._known.add(command.command_id)
            elif command.command_id not in refused:
                waiting.append(command)
            else:
                self._known.add(command.command_id)
        return waiting

    def _restore(self, command: CommandIssued, answer: CommandAcknowledged) -> None:
        match command.action:
            case "pause":
                self._gate.change(paused=True)
            case "resume":
                self._gate.change(paused=False)
            case "set_concurrency":
                self._gate.change(capacity=_concurrency(command))
            case "reprocess":
                again = Again(command.command_id, selection(command.args), answer.event_time)
                self._work.accepted_before(again)

    async def take(self, command: CommandIssued) -> None:
        """Obeys a command, or refuses it; one that is known already is left alone."""
        if command.command_id in self._known:
            return
        self._known.add(command.command_id)
        # The moment that the answer names is the one as of which it was obeyed: a restart goes by it (`remember`).
        at = self._clock.now()
        try:
            reason = await self._obey(command, at)
        except CommandError as error:
            await self._answer(command, "refused", at, str(error))
            return
        await self._answer(command, "accepted", at, reason)
        self._not_yet[command.command_id] = command
        await self.settle()

    async def settle(self) -> None:
        """Says of the accepted commands which have taken effect by now."""
        for command in list(self._not_yet.values()):
            left = self._work.left_of(command.command_id) if command.action == "reprocess" else 0
            if left or (command.action == "pause" and self._gate.paused and self._gate.active):
                continue
            if self._not_yet.pop(
                command.command_id, None
            ):  # while an answer was awaited, another call may have said it
                await self._answer(command, "effective", self._clock.now())

    async def _obey(self, command: CommandIssued, at: datetime) -> str | None:
        if command.action in PACE and self._life.phase == "finished":
            raise CommandError(f"{command.action}: the run is finished; only reprocess starts it again")
        if command.action in {"pause", "resume"} and command.args:
            raise CommandError(f"{command.action} takes no arguments, got {', '.join(command.args)}")
        match command.action:
            case "pause":
                already = self._gate.paused
                self._gate.change(paused=True)
                if not already:
                    await self._life.pause(command.reason, command.issued_by)
                return "it was paused already" if already else None
            case "resume":
                already = not self._gate.paused
                self._gate.change(paused=False)
                self._resumed()
                if not already:
                    await self._life.resume(command.reason, command.issued_by)
                return "it was running already" if already else None
            case "set_concurrency":
                before = self._gate.capacity
                self._gate.change(capacity=_concurrency(command))
                return f"from {before} to {self._gate.capacity} calls at a time"
            case "reprocess":
                return await self._reprocess(command, at)

    async def _reprocess(self, command: CommandIssued, at: datetime) -> str:
        again = Again(command.command_id, selection(command.args), at)
        count = self._work.reprocess(again)
        if not count:
            raise CommandError("reprocess: no image of the run that has ended is meant by these arguments")
        if self._life.phase == "finished":
            await self._life.resume(f"reprocess of {count:,} images", command.issued_by)
        self._resumed()
        return f"{count:,} images are done again"

    async def _answer(self, command: CommandIssued, outcome: Answer, at: datetime, reason: str | None = None) -> None:
        await self._outbox.put(
            CommandAcknowledged(
                event_id=event_id("command.acknowledged", command.run_id, command.command_id, outcome),
                event_time=at,
                run_id=command.run_id,
                source=SOURCE,
                reason=reason,
                issued_by=command.issued_by,
                command_id=command.command_id,
                outcome=outcome,
                processor_id=self._author.processor_id,
            )
        )


def _concurrency(command: CommandIssued) -> int:
    try:
        wanted = msgspec.convert(command.args or {}, _Concurrency).concurrency
    except msgspec.ValidationError as error:
        raise CommandError(f"set_concurrency: {error}; it takes `concurrency`, 1 to {MAX_CONCURRENCY}") from error
    if not 1 <= wanted <= MAX_CONCURRENCY:
        raise CommandError(f"set_concurrency: {wanted} calls at a time; it takes `concurrency`, 1 to {MAX_CONCURRENCY}")
    return wanted
