"""Where the servers of a data folder listen: `DIR/endpoints.json` (DESIGN.md 4.6), and the port that each one keeps."""

import errno
import fcntl
import os
import socket
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from .errors import PortError
from .processes import DYING_S, wait_until

HOST = "127.0.0.1"
FILE_NAME = "endpoints.json"
# Below the range that the kernel takes for outgoing connections (32768 on Linux, 49152 on macOS): a client that tries
# again and again to reach a stopped server there would in the end be given that very port and hold it.
_FIRST_PORT, _LAST_PORT = 20_000, 29_999


class Endpoints(msgspec.Struct, omit_defaults=True):
    """What runs on a data folder. An absent address is a server that nobody started; `pids` has only processes of ours.

    `kafka` is `host:port`, the others are URLs; ClickHouse's carry user and password, hence the file's mode 0600:
    `clickhouse` may add and remove rows, `clickhouse_reader`, for analysts and their tools, may only read.
    """

    kafka: str | None = None
    clickhouse: str | None = None
    clickhouse_reader: str | None = None
    api: str | None = None
    pids: dict[str, int | list[int]] = {}


def read(data: Path) -> Endpoints:
    """What `DIR/endpoints.json` says; empty where there is none."""
    try:
        return msgspec.json.decode((data / FILE_NAME).read_bytes(), type=Endpoints)
    except FileNotFoundError:
        return Endpoints()


@contextmanager
def changing(data: Path) -> Iterator[Endpoints]:
    """Read, let the caller change, write back in one step; servers that start at the same time wait for each other.

    The file is replaced whole, so a reader sees the old or the new one; nothing left to say removes it.
    """
    data.mkdir(parents=True, exist_ok=True)
    with (data / ".endpoints.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        endpoints = read(data)
        yield endpoints
        if endpoints == Endpoints():
            (data / FILE_NAME).unlink(missing_ok=True)
        else:
            _replace(data / FILE_NAME, msgspec.json.format(msgspec.json.encode(endpoints)) + b"\n")


def keep_port(folder: Path, wanted: int | None = None) -> int:
    """The port that the server of `folder` listens on: `wanted`, else the one it had before, else a free one.

    It is remembered in the folder. A free port is looked for from a place that follows from the folder's path, so that
    stacks beside each other differ.

    Raises:
        PortError: `wanted` is taken, or the remembered one is.
    """
    memory = folder / "port"
    remembered = int(memory.read_text("ascii")) if memory.exists() else None
    port = wanted or remembered
    if port is None:
        start = zlib.crc32(os.fsencode(folder.resolve())) % (_LAST_PORT - _FIRST_PORT)
        port = free_port(_FIRST_PORT + start)
    elif not wait_until(lambda: _is_free(port), DYING_S):
        remedy = "choose another one" if wanted else f"delete {memory} so that a free one is chosen"
        raise PortError(f"port {port} on {HOST} is taken{_by_whom(port)}: stop that process, or {remedy}")
    if port != remembered:
        folder.mkdir(parents=True, exist_ok=True)
        _replace(memory, f"{port}\n".encode("ascii"))
    return port


def free_port(first: int = _FIRST_PORT) -> int:
    """The first port from `first` on, going round, that nobody listens on."""
    span = _LAST_PORT - _FIRST_PORT + 1
    for step in range(span):
        port = _FIRST_PORT + (first - _FIRST_PORT + step) % span
        if _is_free(port):
            return port
    raise PortError(f"every port from {_FIRST_PORT} to {_LAST_PORT} on {HOST} is taken: stop what holds them")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        # As servers do it: connections that are still closing (TIME_WAIT) are no hindrance, a listener is.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            if error.errno in (errno.EADDRINUSE, errno.EACCES):
                return False
            raise
    return True


def _by_whom(port: int) -> str:
    # Every command imports this module, and few ever ask.
    import psutil

    try:
        pid = next(
            (c.pid for c in psutil.net_connections("tcp") if c.laddr and c.laddr.port == port and c.status == "LISTEN"),
            None,
        )
        return f" by process {pid} ({psutil.Process(pid).name()})" if pid else ""
    except psutil.Error:  # other users' processes are not shown everywhere
        return ""


def _replace(path: Path, content: bytes) -> None:
    # mkstemp gives mode 0600.
    handle, scratch = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)
    with os.fdopen(handle, "wb") as file:
        file.write(content)
    Path(scratch).replace(path)
