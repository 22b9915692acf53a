"""Kafka dies, ClickHouse is away."""

import os
import random
import signal
import time

import figures
import pytest
from load import Load
from site_under_test import Site, eventually
from verdict import require_equal, shown

from imageledger import health

pytestmark = [pytest.mark.faults]

WORKER_KILLS = 20


@pytest.mark.timeout(800)
def test_kafka_killed_three_times(site: Site, chance: random.Random, rate: int) -> None:
    site.up()
    load = Load(site.bootstrap, "imageledger.", chance, rate).start()
    back_s = []
    try:
        for _ in range(3):
            time.sleep(chance.uniform(1, 8))
            begin = time.monotonic()
            site.kill_kafka()
            site.start_kafka()
            seen = max(as_of for as_of in moments(site))
            eventually(lambda s=seen: max(moments(site)) > s, "a snapshot after Kafka is back")
            back_s.append(time.monotonic() - begin)
    finally:
        load.stop()
    require_equal(site)
    figures.keep("kafka_killed", records=load.published, next_snapshot=figures.spread(back_s))


def moments(site: Site) -> list[float]:
    return [metrics.as_of.timestamp() for metrics in shown(site.bootstrap).values()]


@pytest.mark.timeout(1_400)
def test_clickhouse_stopped_for_ten_minutes(site: Site, chance: random.Random, rate: int, away_s: float) -> None:
    """Live figures first without any other fault, then with the worker killed again and again."""
    site.up()
    load = Load(site.bootstrap, "imageledger.", chance, rate).start()
    lags_s = []
    worker_s: list[float] = []
    try:
        time.sleep(5)
        site.stop_clickhouse()
        begin = time.monotonic()
        while time.monotonic() < begin + away_s / 3:
            time.sleep(5)
            lags_s.append(time.time() - max(moments(site)))
        for _ in range(WORKER_KILLS):
            time.sleep(chance.uniform(0, 12))
            worker_s.append(site.kill_worker())
        time.sleep(max(0.0, begin + away_s - time.monotonic()))  # the length of the outage
    finally:
        load.stop()
    site.start_clickhouse()
    require_equal(site)
    figures.keep(
        "clickhouse_stopped",
        away_s=away_s,
        records=load.published,
        snapshot_age=figures.spread(lags_s),
        worker_ready_again=figures.spread(worker_s),
    )


@pytest.mark.timeout(800)
def test_clickhouse_and_sink_killed_between_insert_and_ack(site: Site, chance: random.Random, rate: int) -> None:
    site.up()
    load = Load(site.bootstrap, "imageledger.", chance, rate).start()
    try:
        for number in range(6):
            time.sleep(chance.uniform(1, 4))
            if number % 2:
                # The sink sleeps while rows are on their way; ClickHouse takes them, then both are gone.
                sink = int(site.pids()["sink"])
                os.kill(sink, signal.SIGSTOP)
                time.sleep(chance.uniform(0, 1))
                site.kill_clickhouse()
                os.kill(sink, signal.SIGKILL)
            else:
                site.kill_clickhouse()
            time.sleep(chance.uniform(0, 2))
            site.start_clickhouse()
            eventually(lambda: health.of_sink(site.data) is None, "the sink stores again")
    finally:
        load.stop()
    require_equal(site)
