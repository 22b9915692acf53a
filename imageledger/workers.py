"""Whether the workers of a data folder fold: what their status files say, read for the supervisor and for `/readyz`."""

import socket
import time
from collections.abc import Callable
from pathlib import Path

import psutil

from streams import status

STALE_MS = 10_000
"""A worker writes its status every second; one that has not for so long is gone or stuck."""


def slot_name(slot: int) -> str:
    """The worker's place among its siblings, as the group and its status file know it."""
    return f"worker-{slot}"


def is_ready(data: Path, slot: int, now_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000) -> bool:
    """True where the slot's worker is alive and every partition assigned to it has been recovered."""
    said = status.read(status.path_of(data, slot_name(slot)))
    return said is not None and said.state == "ready" and now_ms() - said.updated_ms < STALE_MS and _lives(said)


def refused(data: Path, slots: int) -> dict[str, int]:
    """Stage → how many records the workers of a data folder have refused; of partitions whose owner has said so."""
    found: dict[str, int] = {}
    for slot in range(slots):
        said = status.read(status.path_of(data, slot_name(slot)))
        for stage, partitions in said.stages.items() if said is not None else ():
            found[stage] = found.get(stage, 0) + sum(partition.letters for partition in partitions.values())
    return found


def _lives(said: status.WorkerStatus) -> bool:
    """Its file outlives a killed worker; only on the worker's own machine can one look."""
    return said.host != socket.gethostname() or psutil.pid_exists(said.pid)
