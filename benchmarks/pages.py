"""How long a person waits for each page with a million results stored, in Debian's chromium.

    python -m benchmarks.pages [--results N] [--data DIR] [--only NAME …] [--write]

Prints one JSON document; `--write` keeps it as benchmarks/results/pages.json too. The rows are made inside ClickHouse
(`history_rows`) and the dashboard runs in a process of its own, without Kafka: what is shown is what was stored. Each
page is opened in a new browser context, so nothing is cached in the browser; the second opening of each counts the
store warm. `first_paint_ms` is the browser's own entry (first-contentful-paint; a page of a run arrives with its
figures in it), `loaded_ms` the moment at which every panel has its answer.
Target (issue 8): first useful paint under 1 s, everything under 2 s.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, sync_playwright

from benchmarks.history_rows import Shape, fill
from dashboard.pages.directory import PAGES
from dashboard.pages.page import Page
from servers.clickhouse import server as clickhouse
from sinks.client import connect
from sinks.schema.migrations import migrate

RESULTS = Path(__file__).parent / "results"
CHROMIUM = "/usr/bin/chromium"
PAINT_MS, LOADED_MS = 1_000, 2_000
TIMES = 3
EVERYTHING = "2026-09-01T00:00"
_SERVE = """
import sys
from dashboard.app import serve
from dashboard.config import DashboardConfig
config = DashboardConfig(bootstrap="127.0.0.1:9", clickhouse_url=sys.argv[1])
serve(config, "127.0.0.1", 0, lambda port: print(port, flush=True))
"""
_SETTLED = "() => !document.querySelector('[data-source][data-state=loading]')"
_TIMES = """() => ({
    paint: performance.getEntriesByName("first-contentful-paint")[0]?.startTime ?? null,
    loaded: Math.max(...performance.getEntriesByType("resource").map((one) => one.responseEnd)),
    kib: performance.getEntriesByType("resource").filter((one) => /[.](js|css)$/.test(one.name))
        .reduce((sum, one) => sum + one.encodedBodySize, 0) / 1024,
    slowest: performance.getEntriesByType("resource").sort((one, other) => other.duration - one.duration)
        .slice(0, 1).map((one) => `${new URL(one.name).pathname} ${Math.round(one.duration)}`)[0],
})"""


def main() -> None:
    """Fill, open and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--results", type=int, default=1_000_000)
    parser.add_argument("--runs", type=int, default=4)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--only", nargs="*", default=[])
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    with ExitStack() as stack:
        folder = options.data or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        running = stack.enter_context(clickhouse.start(folder))
        client = connect(running.addresses.migrator, answer_timeout_s=3_600)
        migrate(client)
        if not client.command("SELECT count() FROM snapshots"):
            fill(client, Shape(options.results, options.runs))
        served = subprocess.Popen(
            [sys.executable, "-c", _SERVE, running.addresses.reader], stdout=subprocess.PIPE, text=True
        )
        try:
            assert served.stdout is not None
            url = f"http://127.0.0.1:{int(served.stdout.readline())}"
            found = _pages(url, f"backfill-{options.runs - 1}", options.only)
        finally:
            served.terminate()
            served.wait()
    text = json.dumps({"results": options.results, **found}, indent=2) + "\n"
    print(text, end="")
    if options.write:
        (RESULTS / "pages.json").write_text(text)


def _pages(url: str, run: str, only: list[str]) -> dict[str, Any]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic"]
        )
        chosen = [page for page in PAGES if not only or page.name in only]
        found = {page.name: _page(browser, url, page.path, _asked(page, run)) for page in chosen}
        browser.close()
    return {
        "pages": found,
        "first_paint_target_ms": PAINT_MS,
        "loaded_target_ms": LOADED_MS,
        "met": all(one["first_paint_ms"] < PAINT_MS and one["loaded_ms"] < LOADED_MS for one in found.values()),
    }


def _asked(page: Page, run: str) -> str:
    """One run where a page shows one; else everything that is stored, the most that can be asked."""
    return f"run={run}" if page.of_run else f"from={EVERYTHING}"


def _page(browser: Browser, url: str, path: str, asked: str) -> dict[str, Any]:
    """The best of the warm openings: what the page costs, not what else the machine was doing."""
    taken = []
    for _ in range(TIMES):
        with browser.new_context(viewport={"width": 1440, "height": 900}) as context:
            page = context.new_page()
            page.goto(f"{url}{path}?{asked}")
            page.wait_for_function(_SETTLED, timeout=60_000)
            taken.append(page.evaluate(_TIMES))
    best = min(taken[1:], key=lambda one: one["loaded"])
    answer = {"first_paint_ms": round(best["paint"]), "loaded_ms": round(best["loaded"])}
    print(f"{path:20}{answer} {best['slowest']}", file=sys.stderr, flush=True)
    return {**answer, "script_and_style_kib": round(best["kib"], 1), "cold_loaded_ms": round(taken[0]["loaded"])}


if __name__ == "__main__":
    main()
