"""Does a process do its work? Asked from outside by a container's healthcheck; None is yes, a text says why not."""

import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol

import msgspec
import psutil

from imageledger import workers
from streams import status

SILENT_MS = 15_000
"""The sink says how it does every second, and asks Kafka before; one silent for so long is stuck or gone."""
_ANSWER_S = 3.0


class SinkStatus(msgspec.Struct, frozen=True, kw_only=True):
    """What the sink last said; `lag` in records by topic, `away` why ClickHouse takes nothing."""

    pid: int
    updated_ms: int
    lag: dict[str, int]
    away: str | None


class _Said(Protocol):
    """The part of sinks.loading.consumer.Status that is kept."""

    @property
    def lag(self) -> Mapping[str, int]: ...

    @property
    def away(self) -> str | None: ...


def now_ms() -> int:
    """Milliseconds since 1970."""
    return time.time_ns() // 1_000_000


def sink_reporter(data: Path, clock_ms: Callable[[], int] = now_ms) -> Callable[[_Said], None]:
    """What the sink calls with its status: keeps it in `DIR/sink/status.json`, always whole."""
    path = _sink_path(data)
    path.parent.mkdir(parents=True, exist_ok=True)

    def report(said: _Said) -> None:
        found = SinkStatus(pid=os.getpid(), updated_ms=clock_ms(), lag=dict(said.lag), away=said.away)
        fresh = path.with_suffix(".tmp")
        fresh.write_bytes(msgspec.json.encode(found))
        fresh.replace(path)

    return report


def of_sink(data: Path, clock_ms: Callable[[], int] = now_ms) -> str | None:
    """The sink is well while it follows Kafka and ClickHouse takes its rows."""
    said = _said_by_sink(data)
    if said is None:
        return f"no sink has said anything under {data} yet"
    silent_ms = clock_ms() - said.updated_ms
    if silent_ms > SILENT_MS:
        return f"the sink has said nothing for {silent_ms // 1_000} s: it is gone, or Kafka does not answer it"
    return None if said.away is None else f"the sink waits for ClickHouse: {said.away}"


def sink_follows(data: Path, clock_ms: Callable[[], int] = now_ms) -> bool:
    """Whether the sink lives and follows Kafka; for ClickHouse it waits by itself, and no new start helps with that."""
    said = _said_by_sink(data)
    return said is not None and clock_ms() - said.updated_ms <= SILENT_MS and psutil.pid_exists(said.pid)


def sink_lag(data: Path, clock_ms: Callable[[], int] = now_ms) -> dict[str, int] | None:
    """Records by topic that the sink has not stored yet; None where it has said nothing of late."""
    said = _said_by_sink(data)
    return None if said is None or clock_ms() - said.updated_ms > SILENT_MS else said.lag


def _said_by_sink(data: Path) -> SinkStatus | None:
    try:
        return msgspec.json.decode(_sink_path(data).read_bytes(), type=SinkStatus)
    except FileNotFoundError:
        return None


def of_worker(data: Path, slot: int, clock_ms: Callable[[], int] = now_ms) -> str | None:
    """A worker is well once every partition that it was given has been recovered."""
    if workers.is_ready(data, slot, clock_ms):
        return None
    said = status.read(status.path_of(data, workers.slot_name(slot)))
    if said is None:
        return f"no worker has said anything for slot {slot} under {data} yet"
    if said.state == "ready":
        return f"worker {slot} has said nothing for {(clock_ms() - said.updated_ms) // 1_000} s: it is gone, or stuck"
    return f"worker {slot} is not ready: it last said {said.state}" + (f" ({said.reason})" if said.reason else "")


def of_api(port: int) -> str | None:
    """The API is well while it answers; whether its sources do is `/readyz`'s answer."""
    import urllib.request

    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/livez", timeout=_ANSWER_S):
            return None
    except OSError as error:
        return f"the API does not answer on port {port}: {error}"


def _sink_path(data: Path) -> Path:
    return data / "sink" / "status.json"
