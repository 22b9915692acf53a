"""Faults on the whole product. The short set runs with every other test; what is marked `faults` only by `make faults`.

`--fault-seed N` repeats the moments of a run; the seed of each is printed, and stands in the table at the end. One
scenario alone: `pytest -m faults -s tests/faults/test_kills.py`; on a machine that is slow or busy with a
`--fault-scale` below 1.
"""

import random
import sys
import time
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import pytest

# The naive fold, the log's reader and the small worker are other rooms' own.
for room in ("properties", "streams"):
    sys.path.append(str(Path(__file__).parents[1] / room))

pytest.register_assert_rewrite("verdict", "site_under_test")

import figures  # noqa: E402 - found where the lines above look
from site_under_test import Site, say  # noqa: E402

_BEGAN = time.monotonic()
_NOT_RUN = "Failed: not run: "
ORDER = (
    "kills", "hostile_records", "sleeper", "kafka", "clock", "switched", "three_one", "killed_between",
    "million", "more_of_everything", "state_folder", "stopped_for_ten", "undisturbed", "soak",
)  # fmt: skip
"""What is worth most comes first: an hour may be over before the last."""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--fault-seed", type=int, help="seed of the faults' moments and the load")
    parser.addoption(
        "--fault-scale", type=float, default=1, help="share of the load's rate and of the counts of records"
    )
    parser.addoption("--fault-minutes", type=float, help="no scenario begins after so long: it fails as not run")
    parser.addoption("--away-minutes", type=float, default=10, help="how long ClickHouse is away in the long outage")
    parser.addoption("--soak-minutes", type=float, default=20, help="how long the soak lasts")


@pytest.fixture
def chance(request: pytest.FixtureRequest) -> random.Random:
    given: int | None = request.config.getoption("--fault-seed", None)
    seed = random.SystemRandom().randrange(10_000) if given is None else given
    request.node.user_properties.append(("seed", seed))
    say(f"{request.node.name}: --fault-seed {seed}")  # how to repeat it
    return random.Random(seed)


@pytest.fixture
def scale(request: pytest.FixtureRequest) -> float:
    """What counts of records are multiplied with."""
    return float(request.config.getoption("--fault-scale", 1))


@pytest.fixture
def rate(scale: float) -> int:
    """The load's records a second: on two cores it leaves half of one free."""
    return int(2_000 * scale)


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


def pytest_runtest_setup(item: pytest.Item) -> None:
    """The hour is kept, whatever the machine: what has not begun by then is named, and has failed."""
    minutes = item.config.getoption("--fault-minutes", None)
    if minutes is not None and item.get_closest_marker("faults") and time.monotonic() - _BEGAN > 60 * minutes:
        pytest.fail(f"not run: {minutes:.0f} minutes are over", pytrace=False)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Those of this folder in their order, before those of other folders that `make faults` runs too."""

    def place(item: pytest.Item) -> int:
        ours = Path(__file__).parent in item.path.parents
        return next(n for n, word in enumerate((*ORDER, "")) if word in item.nodeid) if ours else len(ORDER) + 1

    places = [number for number, item in enumerate(items) if item.get_closest_marker("faults")]
    chosen = sorted((items[number] for number in places), key=place)
    for number, item in zip(places, chosen, strict=True):
        items[number] = item


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Generator[None, Any, Any]:
    """A row of the table as soon as a scenario is over, whatever becomes of those that follow."""
    report = yield
    if item.get_closest_marker("faults"):
        if call.when == "setup":
            figures.begin()
        if call.when == "call" or (call.when == "setup" and report.failed):
            seed = dict(item.user_properties).get("seed", "")
            scale = item.config.getoption("--fault-scale", 1)
            said = "" if call.excinfo is None else call.excinfo.exconly().splitlines()[0]
            if said.startswith(_NOT_RUN):
                return report  # what an earlier run said of it stands
            figures.enter(item.name.removeprefix("test_").replace("_", " "), call.duration, seed, scale, said)
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Every scenario: its verdict, its time, its seed."""
    if "faults" not in (config.option.markexpr or ""):
        return
    terminalreporter.section("faults")
    for verdict in ("passed", "failed", "error"):
        for report in terminalreporter.stats.get(verdict, ()):
            seed = dict(report.user_properties).get("seed", "")
            name = report.nodeid.rpartition("/")[2]
            terminalreporter.write_line(f"{verdict:7} {report.duration:6.0f} s  seed {seed:<6} {name}")
