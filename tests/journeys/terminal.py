"""A program in a terminal of so many rows and columns: what it writes is read by a real emulator."""

import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import termios
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

import pyte

DEADLINE_S = 120.0


class Terminal:
    """`argv` on a pseudo-terminal. `rows` is the screen as a person sees it now, `written` all bytes that came."""

    def __init__(self, argv: list[str], env: dict[str, str], *, columns: int = 80, rows: int = 24) -> None:
        self.screen = pyte.Screen(columns, rows)
        self.written = b""
        self._stream = pyte.ByteStream(self.screen)
        self._master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        # A session of its own whose terminal this is, so that Ctrl-C comes from the terminal, as a person's does.
        self.process = subprocess.Popen(
            argv,
            stdin=slave,
            stdout=slave,
            stderr=slave,
            # COLUMNS and LINES, which pytest-xdist sets for its workers, would be believed before the terminal.
            env={name: value for name, value in env.items() if name not in {"COLUMNS", "LINES"}}
            | {"TERM": "xterm-256color"},
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        )
        os.close(slave)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        os.close(self._master)

    @property
    def rows(self) -> list[str]:
        return [row.rstrip() for row in self.screen.display]

    @property
    def text(self) -> str:
        return "\n".join(self.rows)

    def press(self, keys: bytes) -> None:
        os.write(self._master, keys)

    def resize(self, columns: int, rows: int) -> None:
        self.screen.resize(rows, columns)
        fcntl.ioctl(self._master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        os.killpg(self.process.pid, signal.SIGWINCH)

    def until(self, holds: Callable[[str], object], what: str) -> str:
        """Read on until the screen's text satisfies `holds`; returns it."""
        end = time.monotonic() + DEADLINE_S
        while not holds(self.text):
            assert time.monotonic() < end, f"not within {DEADLINE_S:.0f} s: {what}\n{self.text}"
            if not self._read(0.2):
                assert holds(self.text), f"it ended before: {what}\n{self.text}"
        return self.text

    def exit_code(self) -> int:
        """Read to the end."""
        end = time.monotonic() + DEADLINE_S
        while self._read(0.2):
            assert time.monotonic() < end, f"it does not end\n{self.text}"
        return self.process.wait(DEADLINE_S)

    def _read(self, patience_s: float) -> bool:
        """What has come; False once the program is gone and all of it is read."""
        ready, _, _ = select.select([self._master], [], [], patience_s)
        if not ready:
            return self.process.poll() is None
        try:
            chunk = os.read(self._master, 65_536)
        except OSError:  # Linux says EIO when the other end is closed
            return False
        self.written += chunk
        self._stream.feed(chunk)
        return True
