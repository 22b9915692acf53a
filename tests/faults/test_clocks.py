"""A worker whose clock is an hour wrong: totals and buckets come from events, and the skew is named."""

import random
import time

import figures
import pytest
from load import Load
from site_under_test import PREFIX, Site, eventually
from verdict import Expected, require_equal_snapshots
from worker_process import WorkerProcess

pytestmark = [pytest.mark.faults, pytest.mark.timeout(800)]

HOUR_MS = 3_600_000


@pytest.mark.parametrize("ahead_ms", [HOUR_MS, -HOUR_MS])
def test_a_worker_whose_clock_is_an_hour_wrong(site: Site, chance: random.Random, rate: int, ahead_ms: int) -> None:
    site.migrate()
    worker = WorkerProcess(site.bootstrap, site.folder, PREFIX, stages="real", clock_ahead_ms=ahead_ms)
    worker.start()
    load = Load(site.bootstrap, PREFIX, chance, rate, judged=20 * rate).start()
    try:
        for _ in range(3):
            time.sleep(chance.uniform(1, 4))
            worker.kill()
            worker.start()
            eventually(worker.ready, "the worker")
        load.stop()
        require_equal_snapshots(site.bootstrap, Expected(site.bootstrap, PREFIX), PREFIX)
        figures.equal()
        trickle = Load(site.bootstrap, PREFIX, chance, 20).start()
        eventually(lambda: (said := worker.status()) and said.clock_ahead_ms is not None, "a word on the clock")
        trickle.stop()
        said = worker.status()
        assert said is not None
        assert abs((said.clock_ahead_ms or 0) - ahead_ms) < 2_000
    finally:
        worker.kill()
