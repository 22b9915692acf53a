"""`imageledger commands`: a command into the log, and its answer out of it."""

import asyncio

from dashboard.commands import Command, answer, commands_of, stands
from events.commands import CommandIssued
from events.sdk.reader import Reader
from imageledger.errors import ImageledgerError, UnreachableError
from imageledger.kafka import publisher_of, reader_of, require_kafka
from imageledger.settings import Settings

SOURCE = "imageledger.commands"
CONFIRM_S = 20.0


class CommandError(ImageledgerError):
    """Nobody can take the command, or who could refused it."""


async def issue(settings: Settings, command: CommandIssued, wait_s: float) -> Command:
    """Puts the command into the log, and waits up to `wait_s` seconds for its answer; the command as it stands then.

    Raises UnreachableError, SdkError, and CommandError where no such run was ever declared.
    """
    await require_kafka(settings)
    async with reader_of(settings, "runs", run_id=command.run_id) as answers:
        known = [entry async for entry in answers.to_now()]
        if not known:
            raise CommandError(
                f"no run {command.run_id} was ever declared: `imageledger status` shows the newest, "
                "the dashboard's /api/runs all of them"
            )
        await asyncio.to_thread(_publish, settings, command)
        stood = stands(command)
        try:
            await asyncio.wait_for(_answered(answers, stood), wait_s)
        except TimeoutError:
            return stood
    return stood


async def listed(settings: Settings, run_id: str) -> list[Command]:
    """Every command of a run, the oldest first, as it stands now. Raises UnreachableError and SdkError."""
    await require_kafka(settings)
    return await commands_of(settings.kafka_address(), settings.prefix, run_id, settings.kafka_security())


def _publish(settings: Settings, command: CommandIssued) -> None:
    with publisher_of(settings, SOURCE) as publisher:
        if not publisher.publish(command) or publisher.flush(CONFIRM_S):
            raise UnreachableError(f"the command did not reach Kafka at {settings.kafka_address()}: issue it again")


async def _answered(answers: Reader, command: Command) -> None:
    async for entry in answers.follow():
        answer({command.command_id: command}, [entry])
        if command.state != "pending":
            return
