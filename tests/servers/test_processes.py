"""Locks and logs of server processes."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from servers.errors import DataFolderError
from servers.processes import FolderLock, bound_log, last_line, stop, wait_until

SLEEP = [sys.executable, "-c", "print('up', flush=True); import time; time.sleep(600)"]


def test_a_folder_lock_is_held_once_and_can_be_taken_after(tmp_path: Path) -> None:
    lock = FolderLock(tmp_path / "new")
    with pytest.raises(DataFolderError, match=f"{tmp_path / 'new'} is in use by process {os.getpid()}"):
        FolderLock(tmp_path / "new")
    lock.release()
    FolderLock(tmp_path / "new").release()


def test_a_lock_that_a_child_inherited_ends_with_the_child(tmp_path: Path) -> None:
    lock = FolderLock(tmp_path)
    child = subprocess.Popen(SLEEP, pass_fds=(lock.fd,))
    lock.name_holder(child.pid)
    lock.release()
    try:
        with pytest.raises(DataFolderError, match=f"process {child.pid}:"):
            FolderLock(tmp_path)
    finally:
        child.kill()
        child.wait()
    FolderLock(tmp_path).release()


def test_stop_is_patient_then_not() -> None:
    deaf = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); " + SLEEP[2]
    for program, patience_s, code in [(SLEEP[2], 30, -15), (deaf, 0.2, -9)]:
        child = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE)
        assert child.stdout is not None
        assert child.stdout.readline() == b"up\n"
        assert stop(child, patience_s) == code
        child.stdout.close()


def test_the_last_line_is_the_one_that_says_why(tmp_path: Path) -> None:
    log = tmp_path / "kafka.log"
    assert last_line(log) == ""
    log.write_text("old trouble\n")
    since = log.stat().st_size
    assert last_line(log, since) == ""
    with log.open("a") as file:
        file.write("Exception in thread\n\tat kafka.Kafka\nCaused by: no space left\n\tat java.base\n\n")
    assert last_line(log, since) == "Caused by: no space left"


def test_a_log_stays_bounded_while_it_is_written_to(tmp_path: Path) -> None:
    log = tmp_path / "api.log"
    with log.open("ab", buffering=0) as writer:
        for number in range(100):
            writer.write(b"%04d\n" % number * 20)
            bound_log(log, 500)
        writer.write(b"last\n")
    assert log.stat().st_size <= 600
    assert (tmp_path / "api.log.1").stat().st_size <= 600
    assert log.read_bytes().endswith(b"last\n")
    assert b"\0" not in log.read_bytes()


def test_wait_until_gives_up() -> None:
    assert not wait_until(lambda: False, 0.05)
    assert wait_until(lambda: True, 0)
