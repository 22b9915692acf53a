"""Workers come, go, sleep, wake up, and lose their folder."""

import random
import shutil
import signal
import subprocess
import time
from collections.abc import Callable

import figures
import pytest
from load import Load
from site_under_test import Site, eventually, sleep_and_wake
from verdict import require_equal

pytestmark = [pytest.mark.faults, pytest.mark.timeout(800)]


def test_one_three_one_workers_and_a_rolling_restart(site: Site, chance: random.Random, rate: int) -> None:
    site.up()
    load = Load(site.bootstrap, "imageledger.", chance, rate).start()
    idle = Idle(site, range(3))
    try:
        others = {slot: site.worker(slot) for slot in (1, 2)}
        idle.eventually(lambda: site.shared_by(0, 1, 2), "three share the partitions")
        for slot in others:
            idle.end(others[slot], signal.SIGTERM, chance)
            others[slot] = site.worker(slot)
            idle.eventually(lambda: site.shared_by(0, 1, 2), f"worker {slot} is back")
        for slot in others:
            idle.end(others[slot], chance.choice([signal.SIGTERM, signal.SIGKILL]), chance)
        idle.eventually(lambda: len(site.owned(0)) == 4, "one worker for all")
    finally:
        load.stop()
    require_equal(site)
    figures.keep("workers", records=load.published, longest_idle_s=round(idle.longest_s, 1))


class Idle:
    """How long a partition was nobody's."""

    def __init__(self, site: Site, slots: range) -> None:
        self._site, self._slots = site, slots
        self._owned_at = dict.fromkeys(range(4), time.monotonic())
        self.longest_s = 0.0

    def eventually(self, holds: Callable[[], bool], what: str) -> None:
        """`eventually`, with an eye on the partitions."""

        def looked() -> bool:
            now = time.monotonic()
            for number in set[int]().union(*map(self._site.owned, self._slots)):
                self.longest_s = max(self.longest_s, now - self._owned_at[number])
                self._owned_at[number] = now
            return holds()

        eventually(looked, what)

    def end(self, worker: subprocess.Popen[bytes], how: signal.Signals, chance: random.Random) -> None:
        """A signal to a worker after up to three seconds, and its end, with an eye on the partitions all the time."""
        begin = time.monotonic() + chance.uniform(0, 3)
        self.eventually(lambda: time.monotonic() > begin, "a moment")
        worker.send_signal(how)
        self.eventually(lambda: worker.poll() is not None, "the end of a worker")


def test_a_sleeper_wakes_up_when_another_has_its_partitions(site: Site, chance: random.Random, rate: int) -> None:
    site.up()
    load = Load(site.bootstrap, "imageledger.", chance, rate).start()
    try:
        for _ in range(4):
            sleep_and_wake(site, chance)
    finally:
        load.stop()
    eventually(lambda: len(site.owned(0)) == 4, "one worker for all")
    require_equal(site)


def test_the_state_folder_is_deleted_and_a_worker_starts_on_an_empty_machine(
    site: Site, chance: random.Random, rate: int
) -> None:
    site.up()
    load = Load(site.bootstrap, "imageledger.", chance, rate).start()
    try:
        time.sleep(5)
        shutil.rmtree(site.data / "workers")
        time.sleep(chance.uniform(0, 2))
        site.kill_worker()
        site.data = site.folder / "another machine"
        elsewhere = site.worker(1)
        eventually(lambda: len(site.owned(1)) == 2, "the worker elsewhere has its share")
        time.sleep(chance.uniform(0, 3))
        elsewhere.kill()
        site.data = site.folder / "data"
        eventually(lambda: len(site.owned(0)) == 4, "one worker for all")
    finally:
        load.stop()
    require_equal(site)
