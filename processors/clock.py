"""Time as an argument: the wall's in production, a virtual one in tests."""

import asyncio
import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """`now` dates events, `monotonic` (seconds) measures and paces, `sleep` (seconds) waits."""

    def now(self) -> datetime: ...  # noqa: D102  said by the class

    def monotonic(self) -> float: ...  # noqa: D102  said by the class

    async def sleep(self, seconds: float) -> None: ...  # noqa: D102  said by the class


class WallClock:
    """The machine's clock and asyncio's sleep."""

    def now(self) -> datetime:
        """The date and time, UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Seconds that never run backwards."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Waits."""
        await asyncio.sleep(seconds)
