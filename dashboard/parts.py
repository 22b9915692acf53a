"""The running parts behind the routes, wired once."""

import asyncio
import contextlib
import logging
import time
import zlib
from collections.abc import AsyncIterator
from typing import Literal

import msgspec

from dashboard.alerts.state import LiveAlerts
from dashboard.bodies.live import RunRow
from dashboard.config import DashboardConfig
from dashboard.errors import HistoryUnavailable, RunUnknown
from dashboard.history.results import StoredRuns
from dashboard.history.store import Store
from dashboard.ingest import Ingest
from dashboard.live import sse
from dashboard.live.activity import ActivityFeed
from dashboard.live.broadcast import Broadcast
from dashboard.live.readings import run_row
from dashboard.live.runs import LiveRuns, Snapshot
from dashboard.live.series import Series
from dashboard.live.sources import Sources
from dashboard.live.tail import Tail, Take
from events.envelope import epoch_ms
from events.topics import Name, full_name


def _tail(config: DashboardConfig, name: Name, take: Take, start: Literal["beginning", "end"] = "beginning") -> Tail:
    return Tail(config.bootstrap, full_name(name, config.prefix), take, start=start, security=config.security)


RUNS_KEPT_S = 1.0
STORED_EVERY_MS = 60_000
"""The store has one snapshot a minute: of what began so shortly before it knows no more."""


class Parts:
    """Three tails, what they fill, who listens, and the way in. `stored` is None where no ClickHouse is configured."""

    def __init__(self, config: DashboardConfig) -> None:
        self.config = config
        self.stored = StoredRuns(config.clickhouse_url) if config.clickhouse_url else None
        self._store = Store(config.clickhouse_url) if config.clickhouse_url else None
        self.broadcast = Broadcast()
        self.live = LiveRuns(self._snapshot)
        self.feed = ActivityFeed(self.broadcast.activity)
        self.alerts = LiveAlerts(self.broadcast.alert)
        self.ingest = Ingest(config.bootstrap, config.prefix, config.security, prices=config.prices)
        self.metrics_tail = _tail(config, "metrics", self.live.take)
        self.results_tail = _tail(config, "results", self.feed.take, start="end")
        self.sources = Sources(self.stored, config.worker_ready, config.clock_ahead_ms, lambda: len(self.broadcast) > 0)
        self.alerts_tail = _tail(config, "alerts", self.alerts.take)
        self._standings: dict[str, tuple[str | None, int]] = {}
        self._runs_message: tuple[float, bytes] | None = None

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """The tails run inside; at the end streams are closed first."""
        logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # an absence is said once by us, not at every attempt
        tasks = [asyncio.create_task(part.run()) for part in self._parts()]
        try:
            yield
        finally:
            self.broadcast.close()
            while pending := [task for task in tasks if not task.done()]:
                for task in pending:
                    task.cancel()  # again and again: a library on the way may swallow one
                await asyncio.wait(pending, timeout=1)
            await self.ingest.close()
            if self._store is not None:
                self._store.close()

    def _parts(self) -> tuple[Tail | Sources, ...]:
        return self.metrics_tail, self.results_tail, self.alerts_tail, self.sources

    def store(self) -> Store:
        """For questions of somebody's own. Raises HistoryUnavailable where no ClickHouse is configured."""
        if self._store is None:
            raise HistoryUnavailable(
                "no ClickHouse is configured: set IMAGELEDGER_CLICKHOUSE, or start `imageledger up`"
            )
        return self._store

    def _snapshot(self, run_id: str) -> None:
        if not len(self.broadcast):
            return  # nobody listens: the snapshot is decoded when somebody asks
        self.broadcast.snapshot(run_id)
        row = run_row(self.live.get(run_id).event)
        standing = row.state, row.firing
        if self._standings.get(run_id) != standing:
            self._standings[run_id] = standing
            self._runs_message = None
            self.broadcast.runs()

    async def snapshot(self, run_id: str | None) -> Snapshot:
        """The newest snapshot of the run, live or stored; of the active run where none is named.

        Raises RunUnknown, and HistoryUnavailable where only ClickHouse could know.
        """
        run_id = run_id or self.live.active()
        if run_id is None:
            raise RunUnknown("there is no run yet: `imageledger demo` makes one, POST /api/events takes yours")
        try:
            return self.live.get(run_id)
        except RunUnknown:
            if self.stored is None:
                raise
        stored = await self.stored.newest_snapshot(run_id)
        if stored is None:
            raise RunUnknown(f"no snapshot of run {run_id!r}, live or stored: /api/runs lists the runs")
        return Snapshot(stored, f"stored-{zlib.crc32(stored):x}")

    async def course(self, run_id: str) -> Series:
        """The run's course; what was before the topic's first snapshot comes from ClickHouse, where it answers.

        Raises as `snapshot` does.
        """
        began = (await self.snapshot(run_id)).event.started_at
        seen = self.live.series(run_id)
        if self.stored is None or (began is not None and seen.since(epoch_ms(began) + STORED_EVERY_MS)):
            return seen
        with contextlib.suppress(HistoryUnavailable):
            return seen.after(await self.stored.course(run_id))
        return seen

    def runs_message(self) -> bytes:
        """The live runs as an event of the stream: at most a second old, never older than a new state or alert."""
        now = time.monotonic()
        if self._runs_message is None or now - self._runs_message[0] > RUNS_KEPT_S:
            self._runs_message = now, sse.message("runs", msgspec.json.encode(self.live_rows()))
        return self._runs_message[1]

    def live_rows(self) -> list[RunRow]:
        """The live runs, newest first."""
        return [run_row(snapshot.event) for snapshot in self.live.newest_first()]
