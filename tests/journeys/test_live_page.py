"""The page over the whole product, in a real browser: it moves by itself, and it says what everything else says."""

import random
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from chromium import PATIENCE_MS, launched
from live_stack import BACKFILL, Stack, environment, eventually
from playwright.sync_api import Page, expect

from dashboard.pages.directory import PAGES
from dashboard.pages.page import Page as PageLine

RUN = "on-the-page"
COMPONENTS = "components"
PICTURED = {"Run", "Models", "Quality", "Lineage"}
"""The pages that README.md shows."""
pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def page(request: pytest.FixtureRequest) -> Iterator[Page]:
    with launched() as browser:
        sharp = 2 if request.config.getoption("--screenshot") else 1
        page = browser.new_page(
            viewport={"width": 1440, "height": 1100},
            color_scheme="dark",
            reduced_motion="reduce",
            device_scale_factor=sharp,
        )
        page.set_default_timeout(PATIENCE_MS)
        yield page


@pytest.fixture
def moving(stack: Stack, request: pytest.FixtureRequest) -> Iterator[None]:
    """A backfill that is under way, slowly: what costs is each transaction of the worker's."""
    speed = 90 if request.config.getoption("--screenshot") else 5
    words = ["--data", str(stack.data), "backfill", "--run", RUN, "--speed", str(speed)]
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
    picture = request.config.getoption("--screenshot")
    more = 300 if picture else 20  # a picture is of a page that has something to show
    before = page.evaluate(f"() => {count}")
    page.wait_for_function(f"() => {count} > {before + more}")
    page.locator('[data-list="activity"] [data-row]').first.wait_for()
    page.locator("[data-chart] canvas").wait_for()
    page.screenshot(path=picture or tmp_path / "page.png")
    assert said == []


@pytest.fixture(scope="module")
def generated(stack: Stack) -> None:
    """Generated components of two days, stored: what the page Quality is about."""
    draw = random.Random(8)
    now = datetime.now(UTC)
    events = [component(number, draw, now - timedelta(minutes=8 * number)) for number in range(360)]
    answer = stack.client.post("/api/events", json=events)
    assert answer.status_code == 200, answer.text
    path = f"/api/quality?run={COMPONENTS}"
    eventually(lambda: _components(stack.get(path)) == len(events), "every component is stored")


def _components(body: Any) -> int:
    return 0 if body is None else int(body["totals"]["components"])


def component(number: int, draw: random.Random, at: datetime) -> dict[str, Any]:
    kind, model = draw.choice(("Button", "Card", "Form", "Navigation")), draw.choice(("claude-sonnet", "gpt-4o"))
    stages = {"embedding": draw.uniform(40, 90), "generation": draw.uniform(500, 1_900), "validation": 120.0}
    worth = {"Button": 1.0, "Card": 1.2, "Navigation": 1.5, "Form": 2.4}[kind]
    names = ("classification_accuracy", "semantic_confidence", "visual_similarity_semantic", "code_quality")
    return {
        "event_id": f"generated-{number}", "event_type": "component.result", "event_time": at.isoformat(),
        "run_id": COMPONENTS, "component_id": f"component-{number}", "component_type": kind, "task_type": "coding",
        "status": "failed" if number % 29 == 0 else "success", "model": model, "provider": "simulated",
        "latency_ms": sum(stages.values()) * worth, "stages": stages, "cost_usd": 0.004 * worth,
        "stage_costs": {"generation": 0.003 * worth, "validation": 0.001 * worth}, "cache_hit": number % 5 == 0,
        "scores": {name: min(1.0, draw.gauss(0.9 - 0.04 * place, 0.03)) for place, name in enumerate(names)},
    }  # fmt: skip


@pytest.mark.parametrize("known", PAGES, ids=lambda known: known.name)
def test_every_page_over_the_whole_product(
    stack: Stack,
    page: Page,
    backfilled: dict[str, object],
    generated: None,
    known: PageLine,
    request: pytest.FixtureRequest,
) -> None:
    said: list[str] = []
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("response", lambda answer: said.append(f"{answer.status} {answer.url}") if answer.status >= 500 else None)
    page.set_viewport_size({"width": 1440, "height": 1000})
    page.goto(f"{stack.url}{known.path}?{asked(stack, known)}")
    page.wait_for_function("() => !document.querySelector('[data-source][data-state=loading]')")
    expect(page.get_by_role("heading", level=1)).to_have_text(known.title)
    picture = request.config.getoption("--screenshot")
    if picture and known.name in PICTURED:
        folder = Path(picture).with_name("pages")
        folder.mkdir(exist_ok=True)
        height = min(1_500, page.evaluate("() => document.documentElement.scrollHeight"))
        page.wait_for_timeout(900)  # bars and numbers come to rest: for the eye alone
        page.screenshot(
            path=folder / f"{known.name.lower().replace(' ', '-')}.png",
            full_page=True,
            clip={"x": 0, "y": 0, "width": 1440, "height": height},
        )
    assert said == []


def asked(stack: Stack, known: PageLine) -> str:
    """What there is most to see of."""
    if known.path == "/lineage":
        first = stack.get(f"/api/results?run={BACKFILL}&tier=3&limit=1")["results"][0]
        return f"image={first['subjectId']}"
    return f"run={COMPONENTS if known.path == '/quality' else BACKFILL}"
