"""Pipes between the event loop and the engine's threads: bounded, and waiting on one never blocks the loop."""

import asyncio
import fcntl
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Any

PIPE_BYTES = 2**20


def new_pipe() -> tuple[int, int]:
    """A read and a write end, large where the system allows it."""
    source, sink = os.pipe()
    if sys.platform == "linux":
        with suppress(OSError):  # the system's limit for all of a user's pipes; a small pipe is only slower
            fcntl.fcntl(sink, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
    return source, sink


async def _ready(descriptor: int, watch: Callable[..., Any], unwatch: Callable[[int], Any]) -> None:
    future: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def wake() -> None:
        if not future.done():
            future.set_result(None)

    watch(descriptor, wake)
    try:
        await future
    finally:
        unwatch(descriptor)


async def read_some(source: int) -> bytes:
    """The next bytes of a non-blocking read end, at most 1 MiB; none at the end."""
    loop = asyncio.get_running_loop()
    while True:
        try:
            return os.read(source, PIPE_BYTES)
        except BlockingIOError:
            await _ready(source, loop.add_reader, loop.remove_reader)


async def write_all(sink: int, data: bytes) -> None:
    """Write to a non-blocking write end; raises `BrokenPipeError` when nobody reads any more."""
    loop = asyncio.get_running_loop()
    rest = memoryview(data)
    while rest:
        try:
            rest = rest[os.write(sink, rest) :]
        except BlockingIOError:
            await _ready(sink, loop.add_writer, loop.remove_writer)
