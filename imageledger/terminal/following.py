"""Follows a run through the API's stream, on a terminal or into a pipe, until it ends or somebody has seen enough."""

import asyncio
import signal
import time
from collections import deque
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

import msgspec
from rich.console import Console, Group
from rich.live import Live

from dashboard.bodies.live import Activity, DashboardBody, Progress
from imageledger.api import Api, Message
from imageledger.terminal.drawing import Seen, drawing, plain

GLANCE_S = 0.5
LINE_S = 5.0
"""A pipe gets a line at most so often; a new state is said at once."""
FEED_S = 30.0
FEED_ROWS = 100
SETTLE_S = 5.0
"""Nothing orders a run's end after its last result: so long a finished run stands still before it is over."""

Show = Callable[[Seen], None]


class _Status(msgspec.Struct, frozen=True):
    now: datetime
    kafka: str
    detail: str


class Figures:
    """What the stream has said so far. Moments are of this machine's clock; ages are counted by the server's."""

    def __init__(self, body: DashboardBody, activity: list[Activity]) -> None:
        self.body = body
        self._activity = deque(activity, maxlen=FEED_ROWS)
        self._trouble: str | None = None
        self._ahead_s = 0.0
        self._still_since: datetime | None = None

    def take(self, message: Message, at: datetime) -> None:
        """One message of the stream."""
        if message.name == "snapshot":
            body = msgspec.json.decode(message.data, type=DashboardBody)
            if _counted(body) != _counted(self.body):
                self._still_since = None
            self.body = body
        elif message.name == "activity":
            self._activity.extendleft(msgspec.json.decode(message.data, type=list[Activity]))
        elif message.name == "status":
            status = msgspec.json.decode(message.data, type=_Status)
            self._ahead_s = (status.now - at).total_seconds()
            self._trouble = status.detail if status.kafka == "away" else None
        elif message.name == "lost":
            self._trouble = message.data.decode("utf-8", "replace")

    def seen(self, at: datetime) -> Seen:
        """What there is to show."""
        server_s = at.timestamp() + self._ahead_s
        rows = [row for row in self._activity if server_s - row.timestamp.timestamp() < FEED_S]
        return Seen(body=self.body, activity=rows, age_s=server_s - self.body.as_of.timestamp(), trouble=self._trouble)

    def ended(self, at: datetime) -> bool:
        """Whether the run is finished and its figures have settled."""
        if self.body.state != "finished":
            self._still_since = None
            return False
        self._still_since = self._still_since or at
        return _whole(self.body.progress) or (at - self._still_since).total_seconds() > SETTLE_S


def _whole(progress: Progress) -> bool:
    """Whether every image of the plan has ended, in each tier that counts its own."""
    if progress.total is None or progress.processed + progress.failed < progress.total:
        return False
    return all(tier.total is None or tier.complete + tier.failed >= tier.total for tier in progress.tiers)


def _counted(body: DashboardBody) -> tuple[object, ...]:
    """What only results move: rates fall by themselves."""
    progress = body.progress
    tiers = [(tier.complete, tier.failed) for tier in progress.tiers]
    return progress.processed, progress.failed, tiers, body.costs.total_spent


class Lines:
    """Says a run's course in lines: the first, each new state, and otherwise one every 5 s where something changed."""

    def __init__(self, write: Callable[[str], None], clock: Callable[[], float]) -> None:
        self._write = write
        self._clock = clock
        self._said: tuple[str, bool] | None = None
        self._last = ""
        self._at = 0.0

    def show(self, seen: Seen) -> None:
        """A line, if it is time for one."""
        at, state, text = self._clock(), (seen.body.state, seen.trouble is None), plain(seen)
        if state != self._said or (at - self._at >= LINE_S and text != self._last):
            self._write(text + "\n")
            self._said, self._last, self._at = state, text, at


async def follow(api: Api, run: str, figures: Figures, show: Show, stop: asyncio.Event) -> bool:
    """Show the run twice a second until it has ended (True) or `stop` is set (False)."""

    async def read() -> None:
        async for message in api.stream(run):
            figures.take(message, now())

    reading = asyncio.create_task(read())
    try:
        while not figures.ended(now()):
            show(figures.seen(now()))
            stopped = asyncio.ensure_future(stop.wait())
            await asyncio.wait({stopped, reading}, timeout=GLANCE_S, return_when=asyncio.FIRST_COMPLETED)
            stopped.cancel()
            if reading.done():
                reading.result()
            if stop.is_set():
                return False
        return True
    finally:
        reading.cancel()


def begin(api: Api, run: str) -> Figures:
    """What is known now. Raises UnreachableError where no dashboard answers, or none knows the run."""
    return Figures(api.dashboard(run), api.activity(run))


def on_a_terminal(api: Api, run: str, figures: Figures, console: Console) -> bool:
    """Draw on a screen of its own, which goes when this returns; whether the run has ended."""

    def frame(seen: Seen) -> Group:
        return Group(*drawing(seen, console.width, console.height))

    with Live(frame(figures.seen(now())), console=console, screen=True, auto_refresh=False) as live:
        return asyncio.run(
            _until_told(
                lambda stop: follow(api, run, figures, lambda seen: live.update(frame(seen), refresh=True), stop)
            )
        )


def into_a_pipe(api: Api, run: str, figures: Figures, write: Callable[[str], None]) -> bool:
    """A line now and then, without control characters; whether the run has ended."""
    lines = Lines(write, time.monotonic)
    return asyncio.run(_until_told(lambda stop: follow(api, run, figures, lines.show, stop)))


async def _until_told(body: Callable[[asyncio.Event], Awaitable[bool]]) -> bool:
    """Run `body(stop)`; Ctrl-C and SIGTERM set `stop`."""
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    return await body(stop)


def now() -> datetime:
    """This machine's clock."""
    return datetime.now(UTC)
