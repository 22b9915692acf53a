"""The common faults in one go under a steady load: six kills, a sleeper, a dead Kafka, all while ClickHouse is away."""

import random
import time

import pytest
from load import Load
from site_under_test import Site, eventually, sleep_and_wake
from verdict import require_equal

RATE = 25
AWAY_S = 60.0
JUDGED = 1_500
"""At the rate for so many records, which lasts over the kills, and then a trickle: the judge is slow and plain."""


@pytest.mark.timeout(900)
def test_the_common_faults_together(site: Site, chance: random.Random) -> None:
    site.up()
    load = Load(site.bootstrap, "imageledger.", chance, RATE, judged=JUDGED).start()
    try:
        time.sleep(chance.uniform(1, 3))
        site.kill_clickhouse()
        away_since = time.monotonic()
        for _ in range(6):
            time.sleep(chance.uniform(0.1, 5))
            site.kill_worker()
        sleep_and_wake(site, chance)
        time.sleep(chance.uniform(0.1, 2))
        site.kill_kafka()
        site.start_kafka()
        time.sleep(max(0.0, away_since + AWAY_S - time.monotonic()))  # the length of the outage
        site.start_clickhouse()
    finally:
        load.stop()
    print(f"{load.published:,} records; {time.monotonic() - away_since:.0f} s of faults")  # noqa: T201 - what was tried
    eventually(site.is_ready, "the worker after the last fault")
    expected = require_equal(site)
    assert site.start("doctor").wait(60) == 0
    said = (site.folder / "doctor.log").read_text()
    assert f"{sum(expected.refused.values()):,} records refused" in said
    assert "FAIL" not in said
