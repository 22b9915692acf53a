"""SIGKILL of the worker and of the sink at random moments."""

import random
import time

import figures
import pytest
from load import Load
from site_under_test import Site, eventually
from verdict import require_equal

pytestmark = [pytest.mark.faults, pytest.mark.timeout(800)]

WORKER_KILLS, SINK_KILLS = 10, 10
"""The worker is killed twenty times more while ClickHouse is away (`test_servers_away`)."""


def test_worker_and_sink_killed_at_any_moment(site: Site, chance: random.Random, rate: int) -> None:
    site.up()
    load = Load(site.bootstrap, "imageledger.", chance, rate).start()
    worker_s: list[float] = []
    sink_s: list[float] = []
    fates = ["worker"] * WORKER_KILLS + ["sink"] * SINK_KILLS
    chance.shuffle(fates)
    try:
        for fate in fates:
            time.sleep(chance.uniform(0, 6))
            if fate == "worker":
                worker_s.append(site.kill_worker())
            else:
                sink_s.append(site.kill_sink())
    finally:
        load.stop()
    eventually(site.is_ready, "the worker after the last kill")
    require_equal(site)
    figures.keep(
        "kills",
        records=load.published,
        worker_ready_again=figures.spread(worker_s),
        sink_running_again=figures.spread(sink_s),
    )
