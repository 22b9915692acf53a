"""A window of the browser as the tests open it, and what axe-core finds in it.

Without a graphics card a dot that pulses takes an eighth of a core: every window asks for calm.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

from chromium import PATIENCE_MS
from playwright.sync_api import Browser, BrowserContext, Page, ViewportSize

Scheme = Literal["dark", "light"]
SCHEMES: tuple[Scheme, ...] = ("dark", "light")
DESKTOP: ViewportSize = {"width": 1440, "height": 900}
PHONE: ViewportSize = {"width": 390, "height": 844}
FITS = """async () => {
    await new Promise((drawn) => requestAnimationFrame(() => setTimeout(drawn)));
    return document.documentElement.scrollWidth <= innerWidth;
}"""
"""As it is drawn: a chart takes its panel's new width on the way there, and is too wide for it before."""
_AXE = Path(__file__).with_name("vendor") / "axe.min.js"
_LEVELS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
_OF_COLOURS = ["color-contrast", "link-in-text-block"]
"""What may be wrong in one scheme alone: the others look at the same document twice."""
_FAULTS = """async (rules) => (await axe.run({ runOnly: rules, resultTypes: ["violations"], preload: false }))
    .violations.filter((fault) => ["serious", "critical"].includes(fault.impact))
    .map((fault) => `${fault.id}: ${fault.nodes.slice(0, 3).map((node) => node.html.slice(0, 160)).join(" | ")}`)"""


@contextmanager
def window(
    chromium: Browser, url: str, viewport: ViewportSize = DESKTOP, scheme: Scheme = "dark", **options: Any
) -> Iterator[BrowserContext]:
    """Its pages are of the server at `url`."""
    with chromium.new_context(
        reduced_motion="reduce", viewport=viewport, color_scheme=scheme, base_url=url, **options
    ) as opened:
        opened.set_default_timeout(PATIENCE_MS)
        yield opened


def faults_on_a_desk(page: Page) -> dict[Scheme, str]:
    """What axe-core calls serious or critical on the open page at a desk, dark and light; empty where nothing is.

    Every rule in the dark, in the light those of colours.
    """
    page.set_viewport_size(DESKTOP)
    page.evaluate(_AXE.read_text())
    found: dict[Scheme, str] = {}
    for scheme in SCHEMES:
        page.emulate_media(color_scheme=scheme)
        found[scheme] = "\n".join(page.evaluate(_FAULTS, _LEVELS if scheme == SCHEMES[0] else _OF_COLOURS))
    return found
