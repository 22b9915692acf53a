"""A sink as a process of its own, for faults; its arguments are those of `main`. SIGTERM ends it cleanly."""

import asyncio
import contextlib
import signal
import sys

from sinks.loading import consumer
from sinks.loading.lane import Limits


async def main(bootstrap: str, prefix: str, url: str, database: str) -> None:
    running = asyncio.create_task(
        consumer.run(
            bootstrap,
            prefix,
            url,
            database=database,
            group=f"{prefix}sink",
            instance_id="one",
            limits=Limits(records=150),
        )
    )
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, running.cancel)
    with contextlib.suppress(asyncio.CancelledError):
        await running


asyncio.run(main(*sys.argv[1:]))
