"""Whether the workers of a data folder fold: what their status files say, read for the supervisor and for `/readyz`."""

import socket
import time
from collections.abc import Callable
from pathlib import Path

import psutil

from streams import status

STALE_MS = 10_000
"""A worker writes its status every second; one that has not for so long is gone or stuck."""
CLOCKS_MS = 10_000
"""Clocks that differ by no more agree: it is a bucket, and a busy worker is up to some seconds unsure of it."""


def slot_name(slot: int) -> str:
    """The worker's place among its siblings, as the group and its status file know it."""
    return f"worker-{slot}"


def is_ready(data: Path, slot: int, now_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000) -> bool:
    """True where the slot's worker is alive and every partition assigned to it has been recovered."""
    said = _said(data, slot, now_ms)
    return said is not None and said.state == "ready"


def clock_ahead_ms(
    data: Path, slots: int, now_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000
) -> int | None:
    """How far the worst clock of the workers is ahead of the broker's (negative: behind).

    None where all agree, or none knows yet.
    """
    living = (_said(data, slot, now_ms) for slot in range(slots))
    known = (said.clock_ahead_ms for said in living if said is not None and said.clock_ahead_ms is not None)
    worst = max(known, key=abs, default=0)
    return worst if abs(worst) > CLOCKS_MS else None


def refused(data: Path, slots: int) -> dict[str, int]:
    """Stage → how many records the workers of a data folder have refused; of partitions whose owner has said so."""
    found: dict[str, int] = {}
    for slot in range(slots):
        said = status.read(status.path_of(data, slot_name(slot)))
        for stage, partitions in said.stages.items() if said is not None else ():
            found[stage] = found.get(stage, 0) + sum(partition.letters for partition in partitions.values())
    return found


def _said(data: Path, slot: int, now_ms: Callable[[], int]) -> status.WorkerStatus | None:
    """What the slot's worker says; None where it is gone or stuck.

    Its file outlives a killed worker; only on the worker's own machine can one look.
    """
    said = status.read(status.path_of(data, slot_name(slot)))
    if said is None or now_ms() - said.updated_ms >= STALE_MS:
        return None
    return said if said.host != socket.gethostname() or psutil.pid_exists(said.pid) else None
