"""The page over the whole product, in a real browser: it moves by itself, and it says what everything else says."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from live_stack import BACKFILL, Stack, environment, eventually
from playwright.sync_api import Page, expect, sync_playwright

from dashboard.pages.directory import PAGES
from dashboard.pages.page import Page as PageLine

CHROMIUM = Path("/usr/bin/chromium")
FLAGS = "--headless=new --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking"
RUN = "on-the-page"
pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def page(request: pytest.FixtureRequest) -> Iterator[Page]:
    if not CHROMIUM.exists():
        pytest.skip(f"{CHROMIUM} is missing: apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=FLAGS.split())
        sharp = 2 if request.config.getoption("--screenshot") else 1
        yield browser.new_page(
            viewport={"width": 1440, "height": 1100},
            color_scheme="dark",
            reduced_motion="reduce",
            device_scale_factor=sharp,
        )
        browser.close()


@pytest.fixture
def moving(stack: Stack) -> Iterator[None]:
    """A backfill that is under way."""
    words = ["--data", str(stack.data), "backfill", "--run", RUN, "--speed", "90"]
    process = subprocess.Popen([sys.executable, "-m", "imageledger", *words], env=environment())
    yield
    process.terminate()
    process.wait(60)


def test_it_says_what_the_snapshot_says(stack: Stack, page: Page, backfilled: dict[str, object]) -> None:
    figures = stack.metrics(BACKFILL)
    page.goto(f"{stack.url}/?run={BACKFILL}")
    shown = {path: page.locator(f'[data-text="{path}"]').first for path in ("costs.totalSpent", "progress.processed")}
    expect(shown["costs.totalSpent"]).to_have_text("$13.67")
    expect(shown["progress.processed"]).to_have_text(f"{figures['totals']['processed_subjects']:,}")
    # The page's own body, which every number on it is written from, to the nano-dollar.
    body = page.evaluate(f"() => fetch('/api/metrics/dashboard?run={BACKFILL}').then((answer) => answer.json())")
    assert round(body["costs"]["totalSpent"] * 1e9) == figures["totals"]["cost_nano_usd"] == 13_672_400_000


def test_it_moves_by_itself(
    stack: Stack, page: Page, moving: None, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text) if message.type == "error" else None)
    eventually(lambda: stack.metrics(RUN)["totals"], "the run has figures")
    page.goto(f"{stack.url}/?run={RUN}")
    count = "Number(document.querySelector('[data-text=\"progress.processed\"]').textContent.replaceAll(',', ''))"
    before = page.evaluate(f"() => {count}")
    page.wait_for_function(f"() => {count} > {before + 300}", timeout=90_000)
    page.locator('[data-list="activity"] [data-row]').first.wait_for()
    page.locator("[data-chart] canvas").wait_for()
    page.screenshot(path=request.config.getoption("--screenshot") or tmp_path / "page.png")
    assert said == []


@pytest.mark.parametrize("known", PAGES, ids=lambda known: known.name)
def test_every_page_over_the_whole_product(
    stack: Stack,
    page: Page,
    backfilled: dict[str, object],
    known: PageLine,
    request: pytest.FixtureRequest,
) -> None:
    said: list[str] = []
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("response", lambda answer: said.append(f"{answer.status} {answer.url}") if answer.status >= 500 else None)
    page.set_viewport_size({"width": 1440, "height": 1000})
    page.goto(f"{stack.url}{known.path}?run={BACKFILL}")
    page.wait_for_function("() => !document.querySelector('[data-source][data-state=loading]')")
    expect(page.get_by_role("heading", level=1)).to_have_text(known.title)
    if picture := request.config.getoption("--screenshot"):
        folder = Path(picture).with_name("pages")
        folder.mkdir(exist_ok=True)
        page.screenshot(path=folder / f"{known.name.lower().replace(' ', '-')}.png", full_page=True)
    assert said == []
