"""Workers come, go, sleep, wake up, and lose their folder."""

import random
import shutil
import signal
import time

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
            time.sleep(chance.uniform(0, 3))
            others[slot].terminate()
            others[slot].wait(60)
            others[slot] = site.worker(slot)
            idle.eventually(lambda: site.shared_by(0, 1, 2), f"worker {slot} is back")
        for slot in others:
            time.sleep(chance.uniform(0, 3))
            others[slot].send_signal(chance.choice([signal.SIGTERM, signal.SIGKILL]))
            others[slot].wait(60)
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

    def eventually(self, holds: object, what: str) -> None:
        """`eventually`, with an eye on the partitions."""

        def looked() -> bool:
            now = time.monotonic()
            for number in set[int]().union(*map(self._site.owned, self._slots)):
                self.longest_s = max(self.longest_s, now - self._owned_at[number])
                self._owned_at[number] = now
            return bool(holds())  # type: ignore[operator]

        eventually(looked, what)


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
