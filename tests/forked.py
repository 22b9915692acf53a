"""Processes that begin with everything imported: forked from one that has imported the product and done nothing else.

A worker takes a second of processor time to start, a command half of one, nearly all of it imports, and the tests start
some 150. To a test they are processes as any: a pid, signals, an exit code, an environment and an output of their own.
That each starts from nothing too is shown where `imageledger up` starts it, and by the terminals of the journeys.
"""

import atexit
import multiprocessing
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

_DEADLINE_S = 120.0
_SERVER = multiprocessing.get_context("forkserver")
_SERVER.set_forkserver_preload(
    [
        "dashboard.errors",
        "httpx",
        "imageledger.cli.main",
        "imageledger.findings",
        "imageledger.proof.verify",
        "imageledger.wiring",
        "processors.backfill.run",
        "pythonjsonlogger.json",
        "rich.progress",
        "sinks.errors",
        "streams.app",
        "streams.combine",
        "streams.runs",
    ]
)


class Forked:
    """`main` in a process of its own, told `words`; what it writes is appended to the files `out` and `err`."""

    def __init__(
        self, main: Callable[[], object], words: Sequence[str], env: Mapping[str, str], out: Path, err: Path
    ) -> None:
        self._process = _SERVER.Process(target=_begin, args=(main, [*words], dict(env), out, err))
        self._process.start()
        assert self._process.pid is not None
        self.pid: int = self._process.pid

    @property
    def returncode(self) -> int | None:
        """None while it runs; negative where a signal ended it."""
        return self._process.exitcode

    def poll(self) -> int | None:
        """The same."""
        return self._process.exitcode

    def wait(self, timeout: float = _DEADLINE_S) -> int:
        """Its exit code. Raises TimeoutExpired."""
        self._process.join(timeout)
        if (code := self._process.exitcode) is None:
            raise subprocess.TimeoutExpired(self._process.name, timeout)
        return code

    def send_signal(self, number: signal.Signals) -> None:
        """Nothing where it is over."""
        if self._process.exitcode is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """SIGKILL."""
        self.send_signal(signal.SIGKILL)


def run(main: Callable[[], object], words: Sequence[str], env: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """A process to its end."""
    with tempfile.TemporaryDirectory() as folder:
        out, err = Path(folder, "out"), Path(folder, "err")
        process = Forked(main, words, env, out, err)
        try:
            code = process.wait()
        finally:
            process.kill()
        return subprocess.CompletedProcess([*words], code, out.read_text(), err.read_text())


def _begin(main: Callable[[], object], words: list[str], env: dict[str, str], out: Path, err: Path) -> None:
    for path, number in ((out, 1), (err, 2)):
        opened = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        os.dup2(opened, number)
        os.close(opened)
    sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115 - for the life of the process
    sys.stderr = open(2, "w", encoding="utf-8", errors="backslashreplace", buffering=1, closefd=False)  # noqa: SIM115
    os.environ.clear()
    os.environ.update(env)
    sys.argv = ["imageledger", *words]
    main()


@atexit.register
def _end_all() -> None:
    """Before `multiprocessing` waits for them."""
    for process in _SERVER.active_children():
        process.kill()
