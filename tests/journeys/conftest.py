"""One running product for all journeys."""

import json
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import pytest
from live_stack import BACKFILL, Stack, eventually

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


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> Generator[None]:
    """Ends the product after the last journey: a session is longer, and its idle processes slow every test after it."""
    yield
    if nextitem is None or Path(__file__).parent not in nextitem.path.parents:
        stop()


@pytest.fixture(scope="session")
def backfilled(stack: Stack) -> dict[str, Any]:
    """The documented backfill, run once to its end and folded: its processor's own summary."""
    done = stack.run("backfill", "--run", BACKFILL, "--speed", "600", "--json")
    assert done.returncode == 0, done.stderr
    summary: dict[str, Any] = json.loads(done.stdout)
    results = sum(summary["calls"].values())
    eventually(
        lambda: (now := stack.metrics(BACKFILL))["totals"].get("results") == results and now["state"] == "finished",
        "the last result is in the snapshot",
    )
    return summary
