"""Everything on one machine: which processes `up` and `demo` keep running, and when each is ready."""

import sys
import urllib.request
from collections.abc import Callable, Sequence
from functools import partial
from http.client import HTTPException

from imageledger import health, workers
from imageledger.settings import Settings
from servers import endpoints
from servers.clickhouse import users
from servers.kafka import server as kafka
from servers.supervisor import Child, Supervisor

_PROBE_S = 0.8
_SERVERS_S = 60.0
_START_S = 2 * _SERVERS_S
_WAIT = ("--wait", str(_SERVERS_S))
"""Given to what starts beside the servers: its imports take as long as their start."""


def run(
    settings: Settings, children: Sequence[Child], say: Callable[[str], None], on_ready: Callable[[], None]
) -> None:
    """Keep `children` running until SIGINT or SIGTERM. Raises ServerError where they cannot be started."""
    Supervisor(children, settings.data, addresses(settings), say, on_ready).run()


def addresses(settings: Settings) -> dict[str, str]:
    """Where each part is reached, configured or started here; the port of a folder's server is chosen once."""
    data = settings.data
    found = {
        "kafka": settings.kafka or f"{endpoints.HOST}:{endpoints.keep_port(data / 'kafka')}",
        # Asked for here so that a taken port is said before anything starts.
        "api": f"http://{settings.host}:{endpoints.keep_port(data / 'api', settings.port)}",
    }
    if settings.clickhouse is None:
        own = users.addresses(data, endpoints.keep_port(data / "clickhouse"))
        return found | {"clickhouse": own.writer, "clickhouse_reader": own.reader}
    reader = {"clickhouse_reader": settings.clickhouse_reader} if settings.clickhouse_reader else {}
    return found | {"clickhouse": settings.clickhouse} | reader


def children(settings: Settings) -> list[Child]:
    """The servers that are not configured, then what stands on them."""
    found = addresses(settings)
    own = []
    if settings.kafka is None:
        own.append(Child(name="kafka", argv=_command(settings, "kafka"), ready=lambda: kafka.answers(found["kafka"])))
    if settings.clickhouse is None:
        own.append(
            Child(
                name="clickhouse",
                argv=_command(settings, "clickhouse"),
                ready=lambda: _answers(f"http://{found['clickhouse'].rpartition('@')[2]}/ping"),
            )
        )
    migrate = Child(name="migrate", argv=_command(settings, "migrate", *_WAIT), once=True, start_s=_START_S)
    return [*own, migrate, *_workers(settings), *_readers(settings, found["api"]), *_bridge(settings)]


def backfill(settings: Settings, speed: float) -> Child:
    """The demo's processor, begun when the figures can follow it: the folder's unfinished backfill, or a new one.

    It stays for commands; started again after a crash it goes on with the same run.
    """
    argv = _command(settings, "backfill", "--speed", str(speed), "--continue", "--stay")
    return Child(name="backfill", argv=argv, needs=["worker-0", "sink", "api"], once=True, ready=lambda: True)


def _workers(settings: Settings) -> list[Child]:
    return [
        Child(
            name=f"worker-{slot}",
            role="worker",
            spare=True,
            argv=_command(settings, "worker", "--slot", str(slot), *_WAIT),
            needs=["migrate"],
            eager=True,
            start_s=_START_S,
            ready=partial(workers.is_ready, settings.data, slot),
        )
        for slot in range(settings.workers)
    ]


def _readers(settings: Settings, api: str) -> list[Child]:
    return [
        Child(
            name="sink",
            argv=_command(settings, "sink"),
            needs=["migrate"],
            ready=partial(health.sink_follows, settings.data),
        ),
        Child(
            name="api",
            argv=_command(settings, "api", "--port", str(settings.port)),
            needs=["migrate"],
            eager=True,
            ready=lambda: _answers(f"{api}/livez"),
        ),
    ]


def _bridge(settings: Settings) -> list[Child]:
    """Whoever is to be told of alerts, where that is configured."""
    if not settings.alert_webhooks and not settings.alert_notify:
        return []
    return [Child(name="alerts", argv=_command(settings, "alerts", "forward"), needs=["migrate"])]


def _command(settings: Settings, *words: str) -> list[str]:
    return [sys.executable, "-m", "imageledger", "--data", str(settings.data.resolve()), *words]


def _answers(url: str) -> bool:
    """Asked ten times a second, so by the library that makes no TLS context (45 ms of processor time) for each ask."""
    try:
        with urllib.request.urlopen(url, timeout=_PROBE_S):  # noqa: S310 - our own server's address
            return True
    except (OSError, HTTPException):
        return False
