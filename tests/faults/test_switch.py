"""A running stack goes over to a copy of its log, under load, and back."""

import asyncio
import random
import signal
import time

import pytest
from judge import read
from load import Load
from site_under_test import PREFIX, Site, eventually
from verdict import require_equal

pytestmark = [pytest.mark.faults, pytest.mark.timeout(800)]

OTHER = "rebuilt."


def test_a_stack_is_switched_under_load_and_back(site: Site, chance: random.Random, rate: int) -> None:
    site.up()
    load = Load(site.bootstrap, PREFIX, chance, rate).start()
    try:
        time.sleep(5)
        before = site.worker_pid()
        bridge = site.start("switch", "--into", OTHER, "--follow")
        eventually(lambda: site.worker_pid() != before and site.is_ready(), "the worker of the other prefix", 600)
        time.sleep(5)
    finally:
        load.stop()
    eventually(lambda: held(site, OTHER) == held(site, PREFIX), "what the bridge has still to copy", pause_s=1)
    require_equal(site, prefix=OTHER)
    require_done(site, "verify", "--wait", "240")
    bridge.send_signal(signal.SIGINT)
    assert bridge.wait(60) == 0
    before = site.worker_pid()
    require_done(site, "switch", "--back")
    eventually(lambda: site.worker_pid() != before and site.is_ready(), "the worker of the former prefix")
    require_equal(site)


def held(site: Site, prefix: str) -> list[int]:
    """How many records each copied topic of the load has."""
    topics = ("results", "feedback", "runs", "heartbeats")
    return [len(asyncio.run(read(site.bootstrap, prefix + topic))) for topic in topics]


def require_done(site: Site, *words: str) -> None:
    assert site.start(*words).wait(600) == 0, (site.folder / f"{words[0]}.log").read_text()
