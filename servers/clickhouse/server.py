"""`imageledger clickhouse`: the real ClickHouse engine behind ClickHouse's HTTP interface, on loopback.

The engine runs in the process that serves it, so the pid that `endpoints.json` has is the store's owner. A program that
has to go on (the supervisor's children do not, a test does) uses `start`.
"""

import asyncio
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

from servers import endpoints, processes
from servers.errors import StartError

from .users import Addresses, addresses, load_passwords

if TYPE_CHECKING:
    from .app import ClickHouseApp

LOG_MAX_BYTES = 8 << 20
_THREADS = 64
_GRACE_S = 2  # for requests that are under way when the end is asked for
_GIB = 2**30


def run(
    data: Path,
    port: int | None = None,
    memory_bytes: int | None = None,
    ready: Callable[[Addresses], None] = lambda _: None,
) -> None:
    """Serve the store in `DIR/clickhouse` until SIGTERM or SIGINT; then end running queries, flush and return.

    Writes its part of `endpoints.json` (the writer's URL) and then calls `ready`, when connections are accepted.
    `port` None keeps the folder's own (endpoints.keep_port). `memory_bytes` bounds all queries and merges together;
    None is a third of the machine's memory, at most 4 GiB. Call it in the main thread, once in a process.

    Raises:
        DataFolderError: another process runs on the folder.
        PortError: the port is taken.
    """
    # The engine takes over a second to import, and who only starts this as a process of its own needs none.
    import psutil

    from .access import SERVER_SETTINGS, Access
    from .app import ClickHouseApp
    from .engine import Engine

    data = data.resolve()
    folder = data / "clickhouse"
    lock = processes.FolderLock(folder)
    with _listener(endpoints.keep_port(folder, port)) as listener:
        found = addresses(data, listener.getsockname()[1])
        memory_bytes = memory_bytes or min(psutil.virtual_memory().total // 3, 4 * _GIB)
        engine = Engine(folder / "store", folder / "config.xml", memory_bytes, SERVER_SETTINGS)
        handle = engine.handle()
        threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="query")
        app = ClickHouseApp(engine, load_passwords(folder / "passwords.json"), Access(handle), threads)
        engine.retire(handle)

        def now_ready() -> None:
            with endpoints.changing(data) as all_endpoints:
                all_endpoints.clickhouse = found.writer
                all_endpoints.clickhouse_reader = found.reader
                all_endpoints.pids["clickhouse"] = os.getpid()
            ready(found)

        try:
            asyncio.run(_serve(app, listener, now_ready))
        finally:
            engine.kill()
            threads.shutdown(cancel_futures=True)
            app.sessions.close()
            engine.close()
            lock.release()


def _listener(port: int) -> socket.socket:
    # The protocol is named because asyncio switches Nagle's delay off only where it sees TCP: 1 ms instead of 44.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((endpoints.HOST, port))
    listener.listen(1024)
    return listener


async def _serve(app: "ClickHouseApp", listener: socket.socket, ready: Callable[[], None]) -> None:
    import uvicorn

    config: Any = uvicorn.Config(
        app,
        lifespan="off",
        ws="none",
        access_log=False,
        server_header=False,
        log_config=None,
        log_level="error",
        timeout_keep_alive=60,
        timeout_graceful_shutdown=_GRACE_S,
    )
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)  # uvicorn raises the signal again after its shutdown
    ready()
    await uvicorn.Server(config).serve(sockets=[listener])


class ClickHouse(processes.Server):
    """A running server that this process started. `addresses`: a URL a user."""

    def __init__(self, process: subprocess.Popen[bytes], found: Addresses, log: Path) -> None:
        super().__init__(process, log)
        self.addresses = found


def start(data: Path, port: int | None = None, memory_bytes: int | None = None, *, timeout_s: float = 60) -> ClickHouse:
    """Start a server as a child of this process, logging to `DIR/logs/clickhouse.log`, and wait until it answers.

    Raises:
        StartError: it ended or did not answer within `timeout_s`; the message has its last line.
    """
    log = data.resolve() / "logs" / "clickhouse.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    processes.bound_log(log, LOG_MAX_BYTES)
    with log.open("ab") as output:
        process = subprocess.Popen(  # noqa: S603  (our own interpreter, no shell)
            [sys.executable, "-m", "servers.clickhouse.server", str(data), str(port or 0), str(memory_bytes or 0)],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
            preexec_fn=processes.die_with_parent(os.getpid()),
        )
    up = processes.wait_until(lambda: process.poll() is not None or _is_up(data, process.pid), timeout_s)
    if up and process.poll() is None:
        found = endpoints.read(data).clickhouse or ""
        return ClickHouse(process, addresses(data, int(found.rpartition(":")[2])), log)
    code = processes.stop(process, patience_s=0)
    raise StartError(f"ClickHouse on {data} did not come up (exit code {code}): {processes.last_line(log)} (see {log})")


def _is_up(data: Path, pid: int) -> bool:
    return endpoints.read(data).pids.get("clickhouse") == pid


if __name__ == "__main__":
    run(Path(sys.argv[1]), int(sys.argv[2]) or None, int(sys.argv[3]) or None)
