"""Whether a call may begin now: not while paused, not more than `capacity` at a time, never after a stop."""

import asyncio


class Gate:
    """Calls go in one by one and out again; `paused` and `capacity` may change at any moment."""

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self.active = 0
        self.paused = False
        self.closed = False
        self._changed = asyncio.Event()

    async def enter(self) -> bool:
        """Waits until a call may begin, and counts it; False when the gate is closed."""
        while not self.closed and (self.paused or self.active >= self.capacity):
            self._changed.clear()
            await self._changed.wait()
        if not self.closed:
            self.active += 1
        return not self.closed

    def leave(self) -> None:
        """A call has ended."""
        self.active -= 1
        self._changed.set()

    def change(self, *, paused: bool | None = None, capacity: int | None = None) -> None:
        """Pauses or goes on, allows more or fewer calls at a time; open calls are not touched."""
        self.paused = self.paused if paused is None else paused
        self.capacity = capacity or self.capacity
        self._changed.set()

    def close(self) -> None:
        """No call begins any more."""
        self.closed = True
        self._changed.set()
