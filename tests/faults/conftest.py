"""Faults on the whole product. The short set runs with every other test; what is marked `faults` only by `make faults`.

`--fault-seed N` repeats the moments of a run; the seed of each is printed. One scenario alone:
`pytest -m faults tests/faults/test_kills.py::NAME`.
"""

import random
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

# The naive fold, the log's reader and the small worker are other rooms' own.
for room in ("properties", "streams"):
    sys.path.append(str(Path(__file__).parents[1] / room))

pytest.register_assert_rewrite("verdict", "site_under_test")

from site_under_test import Site  # noqa: E402 - found where the lines above look


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--fault-seed", type=int, help="seed of the faults' moments and the load")
    parser.addoption("--away-minutes", type=float, default=10, help="how long ClickHouse is away in the long outage")
    parser.addoption("--soak-minutes", type=float, default=20, help="how long the soak lasts")


@pytest.fixture
def chance(request: pytest.FixtureRequest) -> random.Random:
    given: int | None = request.config.getoption("--fault-seed", None)
    seed = random.SystemRandom().randrange(10_000) if given is None else given
    print(f"\n{request.node.name}: --fault-seed {seed}")  # noqa: T201 - how to repeat it
    return random.Random(seed)


@pytest.fixture
def minutes(request: pytest.FixtureRequest) -> float:
    """Of the soak."""
    return float(request.config.getoption("--soak-minutes", 20))


@pytest.fixture
def away_s(request: pytest.FixtureRequest) -> float:
    """Of the long outage."""
    return 60 * float(request.config.getoption("--away-minutes", 10))


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """An empty Kafka and an empty ClickHouse of the test's own, nothing else started."""
    found = Site(tmp_path)
    try:
        found.start_kafka()
        found.start_clickhouse()
        yield found
    finally:
        found.end()
