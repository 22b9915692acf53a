"""What every server process needs: one owner a data folder, a death tied to the parent's, an orderly end."""

import ctypes
import fcntl
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

from .errors import DataFolderError

_PR_SET_PDEATHSIG = 1
# Loaded here and not in the forked child, where little more than a system call is safe.
_LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None
_TAIL_BYTES = 16_384
DYING_S = 1.0
"""How long what a predecessor held is waited for: one that was just killed needs a moment to let go."""


class FolderLock:
    """The right to use a data folder, held until `release` or the holder's end, however that comes.

    It is an flock, which belongs to the open file: a child that inherits `fd` holds it on, past its parent, past exec.

    Raises:
        DataFolderError: another process holds it.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.fd = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        if not wait_until(self._taken, DYING_S):
            holder = os.pread(self.fd, 32, 0).decode("ascii", "replace").strip()
            os.close(self.fd)
            raise DataFolderError(
                f"data folder {folder} is in use by process {holder or 'unknown'}: stop that process, or give another "
                "folder with --data"
            )
        self.name_holder(os.getpid())

    def _taken(self) -> bool:
        try:
            fcntl.flock(self.fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def name_holder(self, pid: int) -> None:
        """Write down who holds the folder, for the message that others get."""
        os.ftruncate(self.fd, 0)
        os.pwrite(self.fd, f"{pid}\n".encode("ascii"), 0)

    def release(self) -> None:
        """Close this process's end; a child that inherited the lock keeps it."""
        os.close(self.fd)


def die_with_parent(parent: int) -> Callable[[], None]:
    """A `preexec_fn` after which Linux kills the child when the thread that started it ends, even by SIGKILL.

    `parent` is the starter's own pid. Elsewhere than on Linux it does nothing: a child then outlives a killed parent,
    and the next start says who holds the data folder.
    """

    def in_child() -> None:
        if _LIBC is not None:
            _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
            if os.getppid() != parent:  # it died before the call above
                os._exit(1)

    return in_child


def stop(process: subprocess.Popen[bytes], patience_s: float) -> int:
    """End one's own child: SIGTERM, then after `patience_s` SIGKILL. Returns its exit code, negative for a signal."""
    if process.poll() is None:
        process.terminate()
        try:
            return process.wait(patience_s)
        except subprocess.TimeoutExpired:
            process.kill()
    return process.wait()


class Server:
    """A server that this process started; as a context it stops at the end. Attributes: `pid`, `log` (its log file)."""

    def __init__(self, process: subprocess.Popen[bytes], log: Path) -> None:
        self._process = process
        self.pid = process.pid
        self.log = log

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self, patience_s: float = 20) -> int:
        """Shut down cleanly, or after `patience_s` by SIGKILL. Returns the exit code (a JVM's clean end is 143)."""
        return stop(self._process, patience_s)

    def kill(self) -> None:
        """SIGKILL, as a fault test wants it; the data folder is free when this returns."""
        self._process.kill()
        self._process.wait()


def wait_until(holds: Callable[[], bool], timeout_s: float, pause_s: float = 0.02) -> bool:
    """Ask `holds` again and again until it says yes (True) or `timeout_s` have passed (False)."""
    deadline = time.monotonic() + timeout_s
    while not holds():
        if time.monotonic() > deadline:
            return False
        time.sleep(pause_s)
    return True


def last_line(log: Path, since: int = 0) -> str:
    """The last line of a log, from byte `since` on, that says something: stack frames, which are indented, do not."""
    try:
        with log.open("rb") as file:
            file.seek(max(since, log.stat().st_size - _TAIL_BYTES))
            lines = file.read().decode("utf-8", "replace").splitlines()
    except FileNotFoundError:
        return ""
    return next((line.strip() for line in reversed(lines) if line.strip() and not line[0].isspace()), "")


def bound_log(log: Path, max_bytes: int) -> None:
    """Keep a log that a process appends to within bounds: past `max_bytes`, move what is there to NAME.1.

    The writer keeps its file (opened with O_APPEND, it goes on at the new end), so lines that arrive between copy and
    cut are lost; a log is not the record here, Kafka is.
    """
    if log.exists() and log.stat().st_size > max_bytes:
        shutil.copyfile(log, log.with_name(log.name + ".1"))
        os.truncate(log, 0)
