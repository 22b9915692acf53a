"""A dashboard over a real Kafka, and Debian's chromium in front of it."""

import sys
from collections.abc import Generator, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from chromium import launched
from playwright.sync_api import Browser, BrowserContext

# The dashboard tests' helpers serve here too.
sys.path.insert(0, str(Path(__file__).parents[1] / "dashboard"))

from serving import Served, new_prefix, served, wait_for
from windows import window

_OPEN = ExitStack()


@pytest.fixture(scope="session")
def chromium() -> Browser:
    """The browser, for all tests of this folder."""
    return _OPEN.enter_context(launched())


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> Generator[None]:
    """Closes the browser after the folder's last test: while it is open a loop runs, and others could start none."""
    yield
    if nextitem is None or Path(__file__).parent not in nextitem.path.parents:
        _OPEN.close()


@pytest.fixture(scope="module")
def dashboard(kafka: str) -> Iterator[Served]:
    """Ready, with no run yet."""
    with served(kafka, new_prefix(kafka)) as running:
        wait_for(lambda: running.get("/readyz").status_code == 200)
        yield running


@pytest.fixture(scope="module")
def desk(chromium: Browser, dashboard: Served) -> Iterator[BrowserContext]:
    """One profile for a module: a new one has to compile every script anew."""
    with window(chromium, dashboard.url) as opened:
        yield opened


@pytest.fixture
def context(desk: BrowserContext) -> Iterator[BrowserContext]:
    """Without the pages of the test before. What a test stores, as the theme, it stores in a window of its own."""
    yield desk
    for page in desk.pages:
        page.close()
