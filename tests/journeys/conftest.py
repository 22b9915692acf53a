"""One running product for all journeys."""

import json
import subprocess
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import pytest
from live_stack import BACKFILL, DEADLINE_S, Followed, Stack, environment, eventually
from terminal import Terminal

_RUNNING: list[Stack] = []


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    running = Stack(tmp_path_factory.mktemp("stack"))
    _RUNNING.append(running)
    running.start()
    yield running
    stop()


def stop() -> None:
    while _RUNNING:
        _RUNNING.pop().stop()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What needs no product comes before it is started: with runs of the last hour it takes a fifth of a core."""
    items.sort(key=lambda item: "stack" in getattr(item, "fixturenames", ()))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> Generator[None]:
    """Ends the product after the last journey: a session is longer, and its idle processes slow every test after it."""
    yield
    if nextitem is None or Path(__file__).parent not in nextitem.path.parents:
        stop()


@pytest.fixture(scope="session")
def followed(stack: Stack) -> Followed:
    words = stack.command("backfill", "--run", BACKFILL, "--speed", "600", "--json")
    backfill = subprocess.Popen(words, env=environment(), stdout=subprocess.PIPE)
    eventually(lambda: stack.metrics(BACKFILL)["totals"].get("results"), "the run has figures")
    pipe = stack.begin("watch", "--run", BACKFILL)
    with Terminal(stack.command("watch", "--run", BACKFILL), environment()) as terminal:
        assert terminal.exit_code() == 0
        screen = terminal.rows
    said, _ = backfill.communicate(timeout=DEADLINE_S)
    assert backfill.returncode == 0
    piped = pipe.communicate(timeout=DEADLINE_S)
    watched = subprocess.CompletedProcess(pipe.args, pipe.returncode, *piped)
    return Followed(json.loads(said), screen, watched)


@pytest.fixture(scope="session")
def backfilled(stack: Stack, followed: Followed) -> dict[str, Any]:
    """The documented backfill once it is folded to its end: its processor's own summary."""
    results = sum(followed.summary["calls"].values())
    eventually(
        lambda: (now := stack.metrics(BACKFILL))["totals"].get("results") == results and now["state"] == "finished",
        "the last result is in the snapshot",
    )
    return followed.summary
