"""What is asked of a run's processors, and what they answered: `commands` and `runs` side by side (S0, the buttons)."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Literal

import msgspec

from events.commands import Action, CommandIssued
from events.runs import CommandAcknowledged
from events.sdk.ids import uuid7
from events.sdk.reader import Entry, Reader
from events.sdk.security import OPEN, Security

State = Literal["pending", "accepted", "refused", "effective"]


class Command(msgspec.Struct, kw_only=True, rename="camel"):
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


def issued(
    run_id: str,
    action: Action,
    args: dict[str, Any],
    issued_by: str,
    reason: str | None,
    now: datetime,
    source: str,
) -> CommandIssued:
    """The event of a new command."""
    name = uuid7()
    return CommandIssued(
        event_id=name,
        event_time=now,
        run_id=run_id,
        source=source,
        command_id=name,
        action=action,
        args=args or None,
        issued_by=issued_by,
        reason=reason,
    )


async def commands_of(bootstrap: str, prefix: str, run_id: str, security: Security = OPEN) -> list[Command]:
    """Every command of a run, the oldest first, as it stands now. Raises SdkError."""
    async with Reader(bootstrap, "commands", "runs", prefix=prefix, run_id=run_id, security=security) as reader:
        entries = [entry async for entry in reader.to_now()]
    entries.sort(key=lambda entry: (entry.position.timestamp_ms, entry.position.offset))
    found: dict[str, Command] = {}
    for entry in entries:
        if isinstance(entry.event, CommandIssued):
            found.setdefault(entry.event.command_id, stands(entry.event))
    answer(found, entries)
    return list(found.values())


def stands(command: CommandIssued) -> Command:
    """A command that nobody has answered yet."""
    return Command(
        command_id=command.command_id,
        run_id=command.run_id,
        action=command.action,
        args=dict(command.args or {}),
        issued_by=command.issued_by,
        reason=command.reason,
        issued_at=command.event_time,
    )


def answer(commands: dict[str, Command], entries: Iterable[Entry]) -> None:
    """Takes what processors said of the commands, in the order of the log."""
    for entry in entries:
        said = entry.event
        if isinstance(said, CommandAcknowledged) and said.command_id in commands:
            command = commands[said.command_id]
            command.state = said.outcome
            command.answer = said.reason or command.answer
            command.answered_at, command.processor_id = said.event_time, said.processor_id
