"""One running product for all journeys."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from live_stack import BACKFILL, Stack, eventually


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    running = Stack(tmp_path_factory.mktemp("stack"))
    running.start()
    try:
        yield running
    finally:
        running.stop()


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
