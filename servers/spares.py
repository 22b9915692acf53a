"""A process that stands by to become a child: what a start takes that needs nothing but time, it has behind it."""

import contextlib
import os
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from . import processes

FLAG = "--spare"
_AGAIN_S = 30.0
"""One that cannot even wait is tried again after so long."""


class Spare:
    """Of one child.

    Args:
        argv: the child's command. With FLAG behind it, it does nothing that others see before it has read a line from
            its standard input, and ends where that ends.
        env: its whole environment; None passes on this process's own.
        log: the child's, which gets what the spare says.
    """

    def __init__(self, argv: Sequence[str], env: Mapping[str, str] | None, log: Path) -> None:
        self._argv = [*argv, FLAG]
        self._env = env
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None
        self._not_before = 0.0

    def keep(self) -> None:
        """Have one from now on. To be called again and again."""
        now = time.monotonic()
        if (self._process is None or self._process.poll() is not None) and now >= self._not_before:
            self._not_before = now + _AGAIN_S
            with contextlib.suppress(OSError):  # no memory or no process left, perhaps: nobody needs it yet
                self._process = launch(self._argv, self._env, self._log, stdin=subprocess.PIPE)

    def take(self) -> subprocess.Popen[bytes] | None:
        """The child, if one stood by."""
        process, self._process = self._process, None
        self._not_before = 0.0
        if process is None or process.stdin is None or process.poll() is not None:
            return None
        try:
            with process.stdin as told:
                told.write(b"\n")
        except BrokenPipeError:
            return None
        return process

    def end(self) -> None:
        """It holds nothing, so it is ended without ceremony."""
        if self._process is not None:
            processes.stop(self._process, patience_s=0)


def launch(
    argv: Sequence[str], env: Mapping[str, str] | None, log: Path, stdin: int = subprocess.DEVNULL
) -> subprocess.Popen[bytes]:
    """A process of a supervisor, which ends with it; what it says goes behind what is in `log`."""
    with log.open("ab") as output:
        return subprocess.Popen(  # noqa: S603  (the composition root's own argument list, no shell)
            argv,
            env=env,
            stdin=stdin,
            stdout=output,
            stderr=output,
            # A session of its own: Ctrl-C in the terminal reaches the supervisor alone, which stops all in order.
            start_new_session=True,
            preexec_fn=processes.die_with_parent(os.getpid()),
        )
