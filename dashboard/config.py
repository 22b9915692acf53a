"""What the dashboard needs to be told; nothing in this package reads the environment."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from events.sdk.prices import Prices
from events.sdk.security import OPEN, Security
from events.topics import DEFAULT_PREFIX

LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})


@dataclass(frozen=True, slots=True, kw_only=True)
class DashboardConfig:
    """Where the data are and who may ask.

    `bootstrap`: Kafka's `host:port[,host:port]`; `security`: how to get in.
    `clickhouse_url`: `http://user:password@host:port`; None leaves history out.
    `worker_ready`: asked by `/readyz`; None where no worker belongs to this installation. For `/metrics`:
    `refused`, stage → dead letters; `sink_lag`, records by topic that the sink has not stored yet, None where it says
    nothing just now. `clock_ahead_ms`: how far a worker's clock is ahead of Kafka's (negative: behind), None where they
    agree. `hosts`: the names under which browsers may reach it (the Host header, without port); any other
    is refused.
    `prices`: what results cost that are posted without a cost; None prices none.
    `pictures`: the folder whose images a result's page may show; None shows none.
    """

    bootstrap: str
    security: Security = OPEN
    prefix: str = DEFAULT_PREFIX
    clickhouse_url: str | None = None
    worker_ready: Callable[[], Awaitable[bool]] | None = None
    refused: Callable[[], Mapping[str, int]] = dict
    sink_lag: Callable[[], Mapping[str, int] | None] = lambda: None
    clock_ahead_ms: Callable[[], int | None] = lambda: None
    hosts: frozenset[str] = LOOPBACK_NAMES
    prices: Prices | None = None
    pictures: Path | None = None
