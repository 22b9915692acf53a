"""What stands behind the figures, asked every few seconds while somebody watches: ClickHouse, the worker, its clock."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

from dashboard.errors import HistoryUnavailable
from dashboard.history.results import StoredRuns

ASK_EVERY_S = 3.0
ANSWER_S = 2.0


class Sources:
    """`clickhouse` and `worker`: True while it answers, None while nobody has asked or none is configured.

    `clock_ahead_ms`: how far a worker's clock is ahead of Kafka's (negative: behind); None where they agree.
    """

    def __init__(
        self,
        stored: StoredRuns | None,
        worker_ready: Callable[[], Awaitable[bool]] | None,
        clock_ahead_ms: Callable[[], int | None],
        watched: Callable[[], bool],
    ) -> None:
        self.clickhouse: bool | None = None
        self.worker: bool | None = None
        self.clock_ahead_ms: int | None = None
        self._stored = stored
        self._worker_ready = worker_ready
        self._clock_ahead_ms = clock_ahead_ms
        self._watched = watched

    async def run(self) -> None:
        """Ask until cancelled; nobody is asked while nobody watches."""
        while True:
            if self._watched():
                self.clickhouse, self.worker = await asyncio.gather(self._clickhouse(), self._worker())
                self.clock_ahead_ms = self._clock_ahead_ms()
            await asyncio.sleep(ASK_EVERY_S)

    async def _clickhouse(self) -> bool | None:
        if self._stored is None:
            return None
        with contextlib.suppress(HistoryUnavailable, TimeoutError):
            async with asyncio.timeout(ANSWER_S):
                await self._stored.ping()
                return True
        return False

    async def _worker(self) -> bool | None:
        if self._worker_ready is None:
            return None
        try:
            async with asyncio.timeout(ANSWER_S):
                return await self._worker_ready()
        except Exception:  # noqa: BLE001  (whatever it is, the worker has not answered)
            return False
