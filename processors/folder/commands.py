"""What the folder processor does with an operator's commands: it pauses, goes on, and takes more or fewer at a time."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from events.commands import CommandIssued
from processors.backfill.worklist import Again
from processors.commands import Desk
from processors.errors import CommandError
from processors.gate import Gate
from processors.log import Log


@asynccontextmanager
async def obeying(log: Log, run_id: str, desk: Desk, gate: Gate, stop: asyncio.Event) -> AsyncIterator[None]:
    """While the block runs, commands are obeyed as they come, and `stop` closes the gate."""

    async def listen() -> None:
        async for event in log.coming(run_id, ()):
            if isinstance(event, CommandIssued):
                await desk.take(event)

    async def close() -> None:
        await stop.wait()
        gate.close()

    async with asyncio.TaskGroup() as beside:
        tasks = [beside.create_task(work) for work in (listen(), close())]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()


class NothingTwice:
    """What `reprocess` means to a folder: a file is measured again when it is another."""

    def reprocess(self, again: Again) -> int:  # noqa: ARG002  as commands.Work
        """Refuses."""
        raise CommandError(
            "reprocess: a file gives the same result twice. One that changed, or could not be read, is measured "
            "again when `imageledger process` is started again"
        )

    def left_of(self, command_id: str) -> int:  # noqa: ARG002  as commands.Work
        """Nothing."""
        return 0

    def accepted_before(self, again: Again) -> None:  # noqa: ARG002  as commands.Work
        """Nobody took one."""
        raise CommandError("reprocess: no version of this processor takes it")
