"""The picture for the documentation: `write("http://127.0.0.1:8400", Path("docs/screenshot.png"))`."""

from pathlib import Path
from typing import Literal

from conftest import ARGUMENTS, CHROMIUM
from playwright.sync_api import sync_playwright


def write(
    url: str, path: Path, *, scheme: Literal["dark", "light"] = "dark", width: int = 1440, height: int = 1100
) -> None:
    """The page at `url` once it moves: two device pixels a point. No other event loop may run in this thread."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=ARGUMENTS)
        page = browser.new_page(viewport={"width": width, "height": height}, color_scheme=scheme, device_scale_factor=2)
        page.goto(url)
        page.wait_for_function("() => document.querySelector('main [data-text]')?.shown !== undefined")
        page.locator("[data-chart] canvas").wait_for()
        page.locator('[data-list="activity"] [data-row]').first.wait_for()
        page.screenshot(path=path)
        browser.close()
