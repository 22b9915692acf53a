"""A worker's word counts while the worker lives."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from imageledger import workers
from streams import status

NOW_MS = 1_795_000_000_000


def says(data: Path, pid: int, host: str, state: status.WorkerState = "ready") -> None:
    said = status.WorkerStatus(pid=pid, slot="worker-0", state=state, updated_ms=NOW_MS, host=host)
    status.write(status.path_of(data, "worker-0"), said)


@pytest.fixture
def dead_pid() -> int:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def is_ready(data: Path, later_ms: int = 0) -> bool:
    return workers.is_ready(data, 0, lambda: NOW_MS + later_ms)


def test_the_last_word_of_a_killed_worker_does_not_count(tmp_path: Path, dead_pid: int) -> None:
    says(tmp_path, os.getpid(), socket.gethostname())
    assert is_ready(tmp_path)
    says(tmp_path, dead_pid, socket.gethostname())
    assert not is_ready(tmp_path)
    says(tmp_path, dead_pid, "another machine")  # whose processes cannot be seen from here
    assert is_ready(tmp_path)


def test_neither_does_an_old_word_nor_another_state(tmp_path: Path) -> None:
    says(tmp_path, os.getpid(), socket.gethostname())
    assert not is_ready(tmp_path, later_ms=workers.STALE_MS)
    says(tmp_path, os.getpid(), socket.gethostname(), state="recovering")
    assert not is_ready(tmp_path)
