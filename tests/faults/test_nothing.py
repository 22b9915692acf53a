"""No fault at all: whether the load and its judge agree with the product."""

import random
import time

import pytest
from load import Load
from site_under_test import PREFIX, Site
from verdict import require_equal

pytestmark = [pytest.mark.faults, pytest.mark.timeout(800)]


def test_an_undisturbed_load(site: Site, chance: random.Random, rate: int) -> None:
    site.up()
    load = Load(site.bootstrap, PREFIX, chance, rate).start()
    time.sleep(5)
    load.stop()
    require_equal(site)
