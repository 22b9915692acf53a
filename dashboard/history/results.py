"""What the dashboard asks of ClickHouse, through `sinks` alone; the live part needs none of it."""

import asyncio
from collections.abc import Callable
from typing import TypeVar

from dashboard.bodies.live import RunRow
from dashboard.errors import HistoryUnavailable
from dashboard.live.figures import usd
from sinks.client import connect
from sinks.errors import SinkError
from sinks.reading.history import History, Point, Run

T = TypeVar("T")


class StoredRuns:
    """The runs that ClickHouse holds. It is connected to with the first question, and again after a failure.

    Every method raises HistoryUnavailable where ClickHouse does not answer.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._history: History | None = None

    async def ping(self) -> None:
        """Returns if ClickHouse answers."""
        await self._ask(lambda history: history.rows("SELECT 1"))

    async def rows(self, limit: int) -> list[RunRow]:
        """The stored runs, the one with the latest record first."""
        return [_row(run) for run in await self._ask(lambda history: history.runs(limit))]

    async def newest_snapshot(self, run_id: str) -> bytes | None:
        """The run's last stored `run.metrics` as JSON; None where there is none."""
        return await self._ask(lambda history: history.newest_snapshot_json(run_id))

    async def course(self, run_id: str) -> list[Point]:
        """The run minute by minute, oldest first."""
        return await self._ask(lambda history: history.course(run_id))

    async def _ask(self, question: Callable[[History], T]) -> T:
        try:
            return await asyncio.to_thread(self._answer, question)
        except SinkError as error:
            self._history = None
            raise HistoryUnavailable(f"{error}; live runs are not affected") from error

    def _answer(self, question: Callable[[History], T]) -> T:
        history = self._history or History(connect(self._url))
        self._history = history
        return question(history)


def _row(run: Run) -> RunRow:
    return RunRow(
        run_id=run.run_id,
        name=run.name,
        state=run.state,
        as_of=run.last_event_at,
        started_at=run.started_at,
        percent_complete=None,
        results=run.results,
        total_spent=usd(run.cost_nano_usd),
    )
