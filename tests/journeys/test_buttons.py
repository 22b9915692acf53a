"""The command centre's buttons, pressed in a real browser: the processor answers, and the page says so."""

import subprocess
import sys
from collections.abc import Iterator

import pytest
from live_stack import BACKFILL, Stack, environment, eventually
from playwright.sync_api import Page, expect
from test_live_page import page  # noqa: F401 - the browser

RUN = "steered"
pytestmark = pytest.mark.browser


@pytest.fixture
def steered(stack: Stack) -> Iterator[None]:
    """A backfill that is under way."""
    words = ["--data", str(stack.data), "backfill", "--run", RUN, "--speed", "3"]
    process = subprocess.Popen([sys.executable, "-m", "imageledger", *words], env=environment())
    eventually(lambda: stack.metrics(RUN)["totals"].get("results"), "the run has figures")
    yield
    process.terminate()
    process.wait(60)


def test_pause_speed_up_and_resume(stack: Stack, steered: None, page: Page) -> None:  # noqa: F811 - the fixture
    page.goto(f"{stack.url}/?run={RUN}")
    said = page.locator("[data-command-said]")
    page.get_by_role("button", name="Pause").click()
    expect(said).to_contain_text("Pause: effective")
    page.get_by_role("button", name="Resume").wait_for()
    assert stack.metrics(RUN)["state"] == "paused"
    capacity = stack.metrics(RUN)["operations"]["capacity"]
    page.get_by_role("button", name=f"Speed up to {2 * capacity} calls").click()
    expect(said).to_contain_text(f"effective, from {capacity} to {2 * capacity} calls")
    page.get_by_role("button", name="Resume").click()
    expect(said).to_contain_text("Resume: effective")
    page.get_by_role("button", name="Pause").wait_for()
    eventually(lambda: stack.metrics(RUN)["operations"]["capacity"] == 2 * capacity, "the heartbeat says so")


def test_a_finished_run_takes_reprocess_alone(stack: Stack, backfilled: dict[str, object], page: Page) -> None:  # noqa: F811
    page.goto(f"{stack.url}/?run={BACKFILL}")
    expect(page.get_by_role("button", name="Pause")).to_be_disabled()
    expect(page.get_by_role("button", name="Reprocess failed")).to_be_enabled()


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"runId": "nowhere at all", "action": "pause"}, 404),
        ({"runId": BACKFILL, "action": "explode"}, 400),
        ({"runId": BACKFILL, "action": "pause", "whatever": 1}, 400),
        ({"runId": BACKFILL, "action": "reprocess", "args": {"tier": "x" * 100_000}}, 400),
        ({"action": "pause"}, 400),
    ],
)
def test_what_is_no_command_is_refused(
    stack: Stack, backfilled: dict[str, object], body: dict[str, object], status: int
) -> None:
    answer = stack.client.post("/api/commands", json=body)
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
