"""Behind `imageledger up`: start the children in order, start again what dies, stop all in reverse.

It knows processes, not what they do: a child is an argument list and a probe, given by the composition root. What a
child needs orders its starts, the first and every later one; a running child that lost its need copes by itself.
"""

import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from . import endpoints, processes
from .errors import StartError
from .spares import Spare, launch

_PAUSE_S = 0.1
_FIRST_BACKOFF_S, _LONGEST_BACKOFF_S = 0.2, 30.0
_STABLE_S = 5.0
_START_ATTEMPTS = 5
_LOG_CHECK_S = 5.0
_LOG_MAX_BYTES = 10 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Child:
    """A process to keep running.

    Attributes:
        name: unique; its log is `DIR/logs/NAME.log`.
        argv: the command, without a shell.
        ready: True once it serves; asked every 0.1 s until then, so it answers within a second and does not raise.
            None: by running.
        needs: names of children that are ready before it is started, and that are stopped after it.
        eager: it is started at once and waits for them by itself, so that its imports overlap their start.
        env: its whole environment; None passes on this process's own.
        role: where several do the same (`worker-0`, `worker-1`), the name of their list under `pids` in endpoints.json.
        spare: while it serves, another process stands by to take its place, see `servers.spares`.
        once: it runs to its end, exit code 0, and is not started again; where `ready` is None, that end is its being
            ready.
        start_s: after so long without being ready it counts as failed and is started again.
        patience_s: from SIGTERM to SIGKILL.
    """

    name: str
    argv: Sequence[str]
    ready: Callable[[], bool] | None = None
    needs: Sequence[str] = ()
    eager: bool = False
    env: Mapping[str, str] | None = None
    role: str | None = None
    spare: bool = False
    once: bool = False
    start_s: float = 60.0
    patience_s: float = 15.0


@dataclass(slots=True)
class _Watch:
    """What is known of a child. Times are monotonic seconds."""

    child: Child
    log: Path
    spare: Spare | None = None
    process: subprocess.Popen[bytes] | None = None
    pid: int | None = None
    ready: bool = False
    was_ready: bool = False
    failures: int = 0
    since: float = 0.0  # of the present state: waiting until then, started, or ready
    log_start: int = 0


@dataclass(slots=True)
class Supervisor:
    """Runs `children` on the data folder `data` until SIGINT or SIGTERM.

    Attributes:
        addresses: `kafka`, `clickhouse`, `api` as they go into endpoints.json, those of external servers included.
        say: takes one line on whatever happens to a child.
        on_ready: called once, when every child is ready for the first time.
    """

    children: Sequence[Child]
    data: Path
    addresses: Mapping[str, str] = field(default_factory=dict)
    say: Callable[[str], None] = lambda _: None
    on_ready: Callable[[], None] = lambda: None
    _watches: dict[str, _Watch] = field(init=False)
    _signals: int = field(init=False, default=0)

    def run(self) -> None:
        """Start all, keep all, and after SIGINT or SIGTERM stop all in reverse order; a second signal stops patience.

        To be called in the main thread. Nothing is left behind, however this ends; where this process is killed, Linux
        kills the children.

        Raises:
            DataFolderError: another process supervises the folder.
            StartError: a child failed five times without ever having been ready; the others are stopped.
        """
        lock = processes.FolderLock(self.data)
        logs = self.data / "logs"
        logs.mkdir(exist_ok=True)
        self._watches = {child.name: _watch(child, logs / f"{child.name}.log") for child in self.children}
        try:
            with self._counting_signals():
                try:
                    self._write_endpoints()
                    self._keep()
                finally:
                    self._stop_all()
                    self._clear_endpoints()
        finally:
            lock.release()

    def _keep(self) -> None:
        all_were_ready = False
        logs_checked = time.monotonic()
        while not self._signals:
            for watch in self._watches.values():
                self._look_after(watch, time.monotonic())
            if not all_were_ready and all(watch.ready for watch in self._watches.values()):
                all_were_ready = True
                self.on_ready()
            if all_were_ready:
                self._keep_spares()
            if time.monotonic() - logs_checked > _LOG_CHECK_S:
                logs_checked = time.monotonic()
                self._bound_logs()
            time.sleep(_PAUSE_S)

    def _look_after(self, watch: _Watch, now: float) -> None:
        child, process = watch.child, watch.process
        if process is None:
            if not watch.ready and now >= watch.since and (child.eager or self._needs_are_ready(child)):
                self._start(watch)
        elif process.poll() is not None:
            self._ended(watch, process.returncode, now)
        elif watch.ready:
            if now - watch.since > _STABLE_S:
                watch.failures = 0
        elif _serves(child):
            watch.ready = watch.was_ready = True
            watch.since = now
            self.say(f"{child.name} is ready (pid {process.pid})")
        elif now - watch.since > child.start_s:
            self.say(f"{child.name} is not ready after {child.start_s:.0f} s: ending it")
            process.kill()

    def _keep_spares(self) -> None:
        for watch in self._watches.values():
            if watch.spare is not None and watch.ready:
                watch.spare.keep()

    def _needs_are_ready(self, child: Child) -> bool:
        return all(self._watches[need].ready for need in child.needs)

    def _start(self, watch: _Watch) -> None:
        watch.log_start = watch.log.stat().st_size if watch.log.exists() else 0
        child = watch.child
        watch.process = (watch.spare and watch.spare.take()) or launch(child.argv, child.env, watch.log)
        watch.pid = watch.process.pid
        watch.since = time.monotonic()
        self._write_endpoints()

    def _ended(self, watch: _Watch, code: int, now: float) -> None:
        name, was_ready = watch.child.name, watch.ready
        watch.process, watch.ready = None, False
        if watch.child.once and code == 0:
            watch.ready = watch.was_ready = True
            return
        # Somebody killed it while it served: that says nothing against starting it now, however often it happens.
        watch.failures = 0 if was_ready and code == -signal.SIGKILL else watch.failures + 1
        pause_s = backoff_s(watch.failures)
        watch.since = now + pause_s
        how = f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"
        if not was_ready:
            last = processes.last_line(watch.log, watch.log_start) or "it said nothing"
            how += f" before it was ready: {last} (see {watch.log})"
            if not watch.was_ready and watch.failures >= _START_ATTEMPTS:
                raise StartError(f"{name} did not come up in {_START_ATTEMPTS} attempts: it {how}")
        self.say(f"{name} {how}; starting it again {f'in {pause_s:.1f} s' if pause_s else 'at once'}")

    def _stop_all(self) -> None:
        """The deepest first, those of one depth side by side, so that nobody loses what he needs while he finishes."""
        for watch in self._watches.values():
            if watch.spare is not None:
                watch.spare.end()
        depths = {name: self._depth(name) for name, watch in self._watches.items() if watch.process is not None}
        for depth in sorted(set(depths.values()), reverse=True):
            layer = [self._watches[name] for name in depths if depths[name] == depth]
            for watch in layer:
                self.say(f"stopping {watch.child.name}")
                if watch.process is not None:
                    watch.process.terminate()
            asked = time.monotonic()
            for watch in layer:
                self._await_end(watch, asked + watch.child.patience_s)

    def _depth(self, name: str) -> int:
        return 1 + max((self._depth(need) for need in self._watches[name].child.needs), default=0)

    def _await_end(self, watch: _Watch, deadline: float) -> None:
        process = watch.process
        if process is None:
            return
        patience_s = deadline - time.monotonic()
        if not processes.wait_until(lambda: process.poll() is not None or self._signals > 1, patience_s):
            self.say(f"{watch.child.name} does not stop: killing it")
        processes.stop(process, patience_s=0)
        watch.process = None

    def _bound_logs(self) -> None:
        for watch in self._watches.values():
            processes.bound_log(watch.log, _LOG_MAX_BYTES)

    def _write_endpoints(self) -> None:
        """A child between two lives keeps its old pid there, so that a reader finds every child at any time."""
        single: dict[str, int] = {}
        several: dict[str, list[int]] = {}
        for watch in self._watches.values():
            if watch.pid is None or watch.child.once:
                continue
            if watch.child.role is None:
                single[watch.child.name] = watch.pid
            else:
                several.setdefault(watch.child.role, []).append(watch.pid)
        with endpoints.changing(self.data) as found:
            found.kafka = self.addresses.get("kafka")
            found.clickhouse = self.addresses.get("clickhouse")
            found.clickhouse_reader = self.addresses.get("clickhouse_reader")
            found.api = self.addresses.get("api")
            found.pids = {**single, **several}

    def _clear_endpoints(self) -> None:
        with endpoints.changing(self.data) as found:
            found.kafka = found.clickhouse = found.clickhouse_reader = found.api = None
            found.pids = {}

    @contextmanager
    def _counting_signals(self) -> Iterator[None]:
        def count(_number: int, _frame: object) -> None:
            self._signals += 1

        # A terminal that closes sends SIGHUP; under nohup it is ignored, and stays so.
        numbers = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]
        before = {number: signal.getsignal(number) for number in numbers}
        for number, handler in before.items():
            if number != signal.SIGHUP or handler is not signal.SIG_IGN:
                signal.signal(number, count)
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def _watch(child: Child, log: Path) -> _Watch:
    return _Watch(child, log, Spare(child.argv, child.env, log) if child.spare else None)


def backoff_s(failures: int) -> float:
    """The pause before the next start after so many failures in a row."""
    if failures == 0:
        return 0.0
    doublings = min(failures - 1, 10)  # an outage of a night has thousands, and 2 ** 1024 is no float any more
    return float(min(_FIRST_BACKOFF_S * 2**doublings, _LONGEST_BACKOFF_S))


def _serves(child: Child) -> bool:
    return child.ready() if child.ready is not None else not child.once
