"""From the tails to every open page: a mailbox each, which holds little and skips when its reader is slow."""

import asyncio
from collections import defaultdict, deque
from collections.abc import Iterator
from contextlib import contextmanager

import msgspec

from dashboard.alerts.state import Told
from dashboard.bodies.live import Activity
from dashboard.live.sse import alert_message

MAX_ROWS = 40
"""Rows that wait for a slow reader; older ones are skipped."""
MAX_ALERTS = 1_000
"""Alerts that wait: a page that misses one would show what is not so."""


class Mailbox:
    """What one page has not been told yet: at most one snapshot (the newest), 40 rows, one list of runs, the alerts.

    `rows` are JSON, `alerts` whole messages: encoded once for all mailboxes.
    """

    def __init__(self, run_id: str | None) -> None:
        self.run_id = run_id
        self.snapshot = run_id is not None
        self.runs = True
        self.rows: deque[bytes] = deque(maxlen=MAX_ROWS)
        self.alerts: deque[bytes] = deque(maxlen=MAX_ALERTS)
        self.closed = False
        self.news = asyncio.Event()

    def take_alerts(self) -> list[bytes]:
        """The waiting alerts, oldest first; they no longer wait."""
        alerts = list(self.alerts)
        self.alerts.clear()
        return alerts

    def take_rows(self) -> list[bytes]:
        """The waiting rows, oldest first; they no longer wait."""
        rows = list(self.rows)
        self.rows.clear()
        return rows


class Broadcast:
    """Who listens. Only the event loop's thread uses it."""

    def __init__(self) -> None:
        self._mailboxes: set[Mailbox] = set()
        self._closed = False

    def __len__(self) -> int:
        return len(self._mailboxes)

    @contextmanager
    def listen(self, run_id: str | None) -> Iterator[Mailbox]:
        """A mailbox for one page while it is open; `run_id` None hears of runs alone."""
        mailbox = Mailbox(run_id)
        mailbox.closed = self._closed
        self._mailboxes.add(mailbox)
        try:
            yield mailbox
        finally:
            self._mailboxes.discard(mailbox)

    def snapshot(self, run_id: str) -> None:
        """A newer snapshot of the run is there."""
        for mailbox in self._mailboxes:
            if mailbox.run_id == run_id:
                mailbox.snapshot = True
                mailbox.news.set()

    def runs(self) -> None:
        """The list of runs is another one: a run is new or changed its state."""
        for mailbox in self._mailboxes:
            mailbox.runs = True
            mailbox.news.set()

    def activity(self, rows: list[Activity]) -> None:
        """Results arrived."""
        by_run: defaultdict[str, list[bytes]] = defaultdict(list)
        for row in rows if self._mailboxes else ():
            by_run[row.run_id].append(msgspec.json.encode(row))
        for mailbox in self._mailboxes:
            mine = by_run.get(mailbox.run_id or "")
            if mine:
                mailbox.rows.extend(mine)
                mailbox.news.set()

    def alert(self, told: Told) -> None:
        """An alert fires or is over."""
        listening = [mailbox for mailbox in self._mailboxes if mailbox.run_id == told.event.run_id]
        encoded = alert_message(told) if listening else b""
        for mailbox in listening:
            mailbox.alerts.append(encoded)
            mailbox.news.set()

    def close(self) -> None:
        """The server ends: every stream ends now, and pages come back when it is up again."""
        self._closed = True
        for mailbox in self._mailboxes:
            mailbox.closed = True
            mailbox.news.set()
