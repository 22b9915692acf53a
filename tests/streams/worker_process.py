"""A worker as a process of its own, which a test may kill, stop and wake.

`main` is that process, told BOOTSTRAP DATA PREFIX SLOT STAGES PATIENCE_MS CLOCK_AHEAD_MS SNAPSHOT_EVERY_S. STAGES are
`real`, `sealing` (the real ones, with runs sealed after SEAL_MS and then at rest), the small `tally`, or the tally with
a fault built in: `lossy`, `mute`, `uncommitted`, `stuck`.
"""

import asyncio
import logging
import os
import signal
import sys
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

from faust.types import TP
from forked import Forked

from streams import status
from streams.app import WorkerSettings, run_worker
from streams.clock import system_clock
from streams.errors import StreamError
from streams.partition import Partition
from streams.positions import Chunk, Positions
from streams.setup import Outgoing, StageSetup
from streams.transport import BatchConsumer
from streams.watchdog import PATIENCE_MS

DEADLINE_S = 120.0
SESSION_S = 3.0
SEAL_MS, REST_MS = 20_000, 5_000
LOSE, FORGET, DELIVER = "lose", "forget", "deliver"


class WorkerProcess:
    """The worker of a slot, started and killed any number of times."""

    def __init__(
        self,
        bootstrap: str,
        data: Path,
        prefix: str,
        slot: str = "one",
        stages: str = "tally",
        patience_ms: int = PATIENCE_MS,
        clock_ahead_ms: int = 0,
        snapshot_every_s: int = 1,
    ) -> None:
        numbers = map(str, (patience_ms, clock_ahead_ms, snapshot_every_s))
        self._arguments = [bootstrap, str(data), prefix, slot, stages, *numbers]
        self._status = status.path_of(data, slot)
        self.log = data / f"{slot}.log"
        self.process: Forked | None = None

    def start(self) -> None:
        self.process = Forked(main, self._arguments, os.environ, self.log, self.log)

    def keep_running(self) -> None:
        """What the supervisor does."""
        if self.process is None or self.process.poll() is not None:
            self.start()

    def send(self, number: signal.Signals) -> None:
        assert self.process is not None
        self.process.send_signal(number)

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def wait(self) -> int:
        assert self.process is not None
        return self.process.wait(DEADLINE_S)

    def status(self) -> status.WorkerStatus | None:
        """What this very process says, or None before it has said anything."""
        found = status.read(self._status)
        return found if found and self.process and found.pid == self.process.pid else None

    def ready(self) -> bool:
        found = self.status()
        return found is not None and found.state == "ready"


async def until(holds: Callable[[], bool], what: str = "the condition", deadline_s: float = DEADLINE_S) -> None:
    """Ask again and again; fail after a deadline."""

    async def asked() -> bool:
        return holds()

    await until_async(asked, what, deadline_s)


async def until_async(holds: Callable[[], Awaitable[bool]], what: str, deadline_s: float = DEADLINE_S) -> None:
    """The same, of what takes time to ask: what is waited for gets four times as much."""
    end = time.monotonic() + deadline_s
    while True:
        asked = time.monotonic()
        if await holds():
            return
        assert time.monotonic() < end, f"{what} did not come true within {deadline_s:.0f} s"
        await asyncio.sleep(max(0.05, 4 * (time.monotonic() - asked)))


def _lose_chunks() -> None:
    """Make the transport lose some of the first chunks: half of them as Faust does, half so that it does not notice.

    And make every seek land a few records too early, so that chunks bring what is folded already.
    """
    from faust.types import Message

    fates = iter([LOSE, FORGET, DELIVER, DELIVER, DELIVER, DELIVER] * 6)
    start = BatchConsumer.__init__

    def start_lossy(self: BatchConsumer, *args: Any, **kwargs: Any) -> None:
        start(self, *args, **kwargs)
        deliver = self.callback

        async def deliver_some(message: Message) -> None:
            match next(fates, DELIVER):
                case "forget":
                    self.positions.done(cast("Chunk", message.value))
                case "deliver":
                    await deliver(message)

        self.callback = deliver_some

    BatchConsumer.__init__ = start_lossy  # type: ignore[method-assign]
    seek = Positions.seek

    async def seek_early(self: Positions, tp: TP, offset: int) -> None:
        await seek(self, tp, max(0, offset - 3))

    Positions.seek = seek_early  # type: ignore[method-assign]


def _die_before_saying() -> None:
    """Make the worker die between the commit of its first chunk and the partials that follow from it."""

    async def die(_self: Partition[Any], outgoing: Sequence[Outgoing]) -> None:
        if outgoing:
            os.kill(os.getpid(), signal.SIGKILL)

    Partition._say = die  # type: ignore[method-assign, assignment]


def _seal_soon() -> None:
    """Months in seconds: a run is sealed, not live any more and at rest soon after its last record."""
    from functools import partial

    from metrics import registers
    from metrics.fold.partition import Fold
    from streams import combine, runs

    combine.Fold = partial(Fold, seal_after_ms=SEAL_MS)  # type: ignore[misc, assignment]
    registers.LIVE_MS = SEAL_MS
    runs.REST_MS = REST_MS


def _lose_commits() -> None:
    """Make every commit of offsets look done, and reach nobody."""

    async def lose(_self: BatchConsumer, _offsets: Mapping[TP, int]) -> bool:
        return True

    BatchConsumer._commit = lose  # type: ignore[method-assign]


def _stop_in_a_fold() -> None:
    """Make the whole process stand still in its first fold, as in an endless loop."""
    from tally import Tally

    def stop(*_arguments: Any) -> Any:
        time.sleep(600)

    Tally.take = stop  # type: ignore[method-assign]


def _stages(name: str) -> list[StageSetup]:  # type: ignore[type-arg]  # any payloads
    if name == "lossy":
        _lose_chunks()
    if name == "mute":
        _die_before_saying()
    if name == "uncommitted":
        _lose_commits()
    if name == "stuck":
        _stop_in_a_fold()
    if name == "sealing":
        _seal_soon()
    if name not in ("real", "sealing"):
        from tally import TALLY

        return [TALLY]
    from streams.combine import COMBINE
    from streams.runs import RUNS

    return [COMBINE, RUNS]


def main() -> None:
    bootstrap, data, prefix, slot, stages, patience_ms, clock_ahead_ms, every_s = sys.argv[1:]
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(levelname)s %(message)s")
    settings = WorkerSettings(
        bootstrap=bootstrap,
        data_dir=Path(data),
        prefix=prefix,
        slot=slot,
        session_timeout_s=SESSION_S,
        stalled_after_ms=int(patience_ms),
        clock=lambda: system_clock() + int(clock_ahead_ms),
        snapshot_every_s=int(every_s),
    )
    try:
        run_worker(settings, _stages(stages))
    except StreamError as error:
        sys.exit(str(error))
