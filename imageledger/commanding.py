"""What was asked of a run's processors, and what they answered: `commands` and `runs` side by side."""

import asyncio
from collections.abc import Iterable
from datetime import datetime
from typing import Any, Literal

import msgspec

from events.commands import Action, CommandIssued
from events.runs import CommandAcknowledged
from events.sdk.ids import uuid7
from events.sdk.publisher import Publisher
from events.sdk.reader import Entry, Reader
from imageledger.errors import ImageledgerError, UnreachableError
from imageledger.reach import require_kafka
from imageledger.settings import Settings

State = Literal["pending", "accepted", "refused", "effective"]
SOURCE = "imageledger.commands"
CONFIRM_S = 20.0


class CommandError(ImageledgerError):
    """Nobody can take the command, or who could refused it."""


class Command(msgspec.Struct, kw_only=True):
    """A command and where it stands. `answer`: what the processor said with its newest answer."""

    command_id: str
    run_id: str
    action: Action
    args: dict[str, Any] = {}
    issued_by: str = "unknown"
    reason: str | None = None
    issued_at: datetime
    state: State = "pending"
    answer: str | None = None
    answered_at: datetime | None = None
    processor_id: str | None = None


async def issue(settings: Settings, command: CommandIssued, wait_s: float) -> Command:
    """Puts the command into the log, and waits up to `wait_s` seconds for its answer; the command as it stands then.

    Raises UnreachableError, SdkError, and CommandError where no such run was ever declared.
    """
    bootstrap = settings.kafka_address()
    await require_kafka(bootstrap)
    async with Reader(bootstrap, "runs", prefix=settings.prefix, run_id=command.run_id) as answers:
        known = [entry async for entry in answers.to_now()]
        if not known:
            raise CommandError(
                f"no run {command.run_id} was ever declared: `imageledger status` shows the newest, "
                "the dashboard's /api/runs all of them"
            )
        await asyncio.to_thread(_publish, settings, command)
        stands = _stands(command)
        try:
            await asyncio.wait_for(_answered(answers, stands), wait_s)
        except TimeoutError:
            return stands
    return stands


def issued(
    run_id: str, action: Action, args: dict[str, Any], issued_by: str, reason: str | None, now: datetime
) -> CommandIssued:
    """The event of a new command."""
    name = uuid7()
    return CommandIssued(
        event_id=name,
        event_time=now,
        run_id=run_id,
        source=SOURCE,
        command_id=name,
        action=action,
        args=args or None,
        issued_by=issued_by,
        reason=reason,
    )


async def commands_of(settings: Settings, run_id: str) -> list[Command]:
    """Every command of a run, the oldest first, as it stands now. Raises UnreachableError and SdkError."""
    bootstrap = settings.kafka_address()
    await require_kafka(bootstrap)
    async with Reader(bootstrap, "commands", "runs", prefix=settings.prefix, run_id=run_id) as reader:
        entries = [entry async for entry in reader.to_now()]
    entries.sort(key=lambda entry: (entry.position.timestamp_ms, entry.position.offset))
    found: dict[str, Command] = {}
    for entry in entries:
        if isinstance(entry.event, CommandIssued):
            found.setdefault(entry.event.command_id, _stands(entry.event))
    _answer(found, entries)
    return list(found.values())


def _publish(settings: Settings, command: CommandIssued) -> None:
    with Publisher(settings.kafka_address(), prefix=settings.prefix, source=SOURCE) as publisher:
        if not publisher.publish(command) or publisher.flush(CONFIRM_S):
            raise UnreachableError(f"the command did not reach Kafka at {settings.kafka_address()}: issue it again")


async def _answered(answers: Reader, stands: Command) -> None:
    async for entry in answers.follow():
        _answer({stands.command_id: stands}, [entry])
        if stands.state != "pending":
            return


def _stands(command: CommandIssued) -> Command:
    return Command(
        command_id=command.command_id,
        run_id=command.run_id,
        action=command.action,
        args=dict(command.args or {}),
        issued_by=command.issued_by,
        reason=command.reason,
        issued_at=command.event_time,
    )


def _answer(commands: dict[str, Command], entries: Iterable[Entry]) -> None:
    for entry in entries:
        said = entry.event
        if isinstance(said, CommandAcknowledged) and said.command_id in commands:
            command = commands[said.command_id]
            command.state = said.outcome
            command.answer = said.reason or command.answer
            command.answered_at, command.processor_id = said.event_time, said.processor_id
