"""What a worker says of itself, for whoever supervises it: one small JSON file, always whole."""

import os
from pathlib import Path
from typing import Literal

import msgspec

WorkerState = Literal["starting", "recovering", "ready", "stopping", "failed"]


class PartitionStatus(msgspec.Struct, kw_only=True, frozen=True):
    """`applied`: the last offset folded, by topic (without prefix). `letters`: how many records were refused."""

    ready: bool
    applied: dict[str, int]
    letters: int = 0


class WorkerStatus(msgspec.Struct, kw_only=True, frozen=True):
    """`ready` means: a member of the group, and every partition that is assigned has been recovered (maybe none is).

    `stages`: stage → partition number → its status. `updated_ms`: when this was written, once a second while the worker
    lives. `reason`: why it failed. `host`: where `pid` counts. `clock_ahead_ms`: how far the worker's clock is ahead of
    the broker's (negative: behind); None while that is not known.
    """

    pid: int
    slot: str
    state: WorkerState
    updated_ms: int
    stages: dict[str, dict[int, PartitionStatus]] = {}
    reason: str | None = None
    host: str = ""
    clock_ahead_ms: int | None = None


def path_of(data_dir: Path, slot: str) -> Path:
    """Where the worker of a slot keeps its status."""
    return data_dir / "workers" / slot / "status.json"


def write(path: Path, status: WorkerStatus) -> None:
    """Replace the file at once."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_suffix(f".{os.getpid()}.tmp")
    fresh.write_bytes(msgspec.json.encode(status))
    fresh.replace(path)


def read(path: Path) -> WorkerStatus | None:
    """The last status written, or None where there is none. It may be of a process that has died: see `pid`."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=WorkerStatus)
    except FileNotFoundError:
        return None
