"""The command centre in a real browser: what it says, that it moves, and that it is honest when it cannot."""

import json
import re
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import pytest
from chromium import PATIENCE_MS
from playwright.sync_api import Browser, BrowserContext, Locator, Page, ViewportSize, expect
from sample_runs import TOTAL, result, snapshot
from serving import Served, new_prefix, served, wait_for
from windows import DESKTOP, FITS, PHONE, SCHEMES, Scheme, window

from dashboard.pages.formats import FORMATS
from events.snapshots import Budget, Eta, Progress, RunMetrics, State

pytestmark = pytest.mark.browser
NOISE = {"error", "warning"}
STALE = re.compile("stale")
WORDS = {"tier", "state", "velocity", "band", "plain", "mark", "moment", "words"}
"""Formats of words; the others write numbers."""


class Watched:
    """A page that remembers every complaint and every request."""

    def __init__(self, context: BrowserContext, url: str) -> None:
        self.page = context.new_page()
        self.complaints: list[str] = []
        self.requests: list[str] = []
        self.page.on("console", lambda message: self.complaints.append(message.text) if message.type in NOISE else None)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.goto(url)


def new_run(dashboard: Served, **changes: Any) -> str:
    run = f"run-{uuid.uuid4().hex[:12]}"
    publish(dashboard, run, **changes)
    wait_for(lambda: dashboard.get("/api/metrics/dashboard", run=run).status_code == 200)
    return run


def publish(dashboard: Served, run: str, **changes: Any) -> None:
    dashboard.publish("metrics", run, snapshot(run, **changes))


def panel(page: Page, heading: str) -> Locator:
    return page.get_by_role("region", name=re.compile(heading, re.IGNORECASE))


def test_where_no_run_is_it_waits_and_shows_the_first_one_by_itself(context: BrowserContext, dashboard: Served) -> None:
    assert dashboard.get("/api/runs").json() == []
    page = Watched(context, "/").page
    expect(page.get_by_role("heading", name="No run yet")).to_be_visible()
    expect(page.get_by_text("imageledger demo")).to_be_visible()
    publish(dashboard, "the-first")
    expect(page.get_by_role("heading", name="Overall progress")).to_be_visible()


def test_everything_of_the_drawing_is_there(context: BrowserContext, dashboard: Served) -> None:
    watched = Watched(context, f"/?run={new_run(dashboard)}")
    page = watched.page
    expect(page.get_by_role("heading", level=1)).to_have_text("IMAGE PROCESSING COMMAND CENTER")
    expect(page.get_by_text(re.compile(r"Updated: \d+s ago"))).to_be_visible()
    progress = panel(page, "Overall progress")
    for text in ("68.2%", "1,872 / 2,741 images", "47m", "18.5 img/min", "speeding up"):
        expect(progress).to_contain_text(text)
    expect(progress.get_by_role("progressbar")).to_have_attribute("aria-valuenow", "68.3")
    tiles = page.get_by_role("article")
    expect(tiles).to_have_count(4)
    for place, (name, percent, count) in enumerate(
        [("Tier 1", "95%", "2,604 / 2,741"), ("Tier 2", "42%", "1,178 / 2,741"), ("Tier 3", "12%", "329 / 2,741"),
         ("Failed", "2%", "54 / 2,741")]
    ):  # fmt: skip
        for text in (name, percent, count):
            expect(tiles.nth(place)).to_contain_text(text, ignore_case=True)
    costs = panel(page, "Cost breakdown")
    for text in ("$8.57", "vs All-GPT-4o", "$54.82", "→ Save $46.25", "left of $10.00"):
        expect(costs).to_contain_text(text)
    expect(costs.get_by_role("row", name="claude-haiku")).to_have_text(
        re.compile(r"1,872\s*imgs\s*\S\s*\$0.00008\s*=\s*\$0.15\s[\s\S]*57%")
    )
    expect(panel(page, "Context quality")).to_contain_text("43% of images need more documentation!")
    expect(panel(page, "Quality metrics")).to_contain_text("87.3%")
    expect(page.get_by_text("12 results came without a price")).to_be_visible()
    expect(page.locator("[data-chart]")).to_be_visible()


def test_it_moves_by_itself_and_complains_of_nothing(context: BrowserContext, dashboard: Served) -> None:
    run = new_run(dashboard, share=0.5)
    watched = Watched(context, f"/?run={run}")
    page = watched.page
    progress = panel(page, "Overall progress")
    expect(progress).to_contain_text(f"936 / {TOTAL:,} images")
    expect(page.locator(".state")).to_have_text(re.compile("Running"))
    publish(dashboard, run, share=0.75)
    expect(progress).to_contain_text(f"1,404 / {TOTAL:,} images")
    expect(progress.get_by_role("progressbar")).to_have_attribute("aria-valuenow", "51.2")
    publish(
        dashboard, run, share=1.0, state="paused", by_model={"new-model": {"results": 5, "cost_nano_usd": 5_000_000}}
    )
    expect(page.locator(".state")).to_have_text(re.compile("Paused"))
    expect(page.get_by_role("status")).to_have_text("The run is paused.")
    expect(panel(page, "Cost breakdown").get_by_role("row", name="new-model")).to_be_visible()
    expect(panel(page, "Cost breakdown").get_by_role("row", name="claude-haiku")).to_have_count(0)
    expect(page.locator("[data-chart] canvas")).to_be_visible()
    assert [text for text in watched.complaints if "503" not in text] == [], "but for ClickHouse, which is not here"
    assert all(request.startswith(dashboard.url) for request in watched.requests)


def test_results_appear_as_they_arrive(context: BrowserContext, dashboard: Served) -> None:
    run = new_run(dashboard)
    page = Watched(context, f"/?run={run}").page
    feed = panel(page, "Recent activity")
    quiet = feed.get_by_text("Nothing in the last 30 seconds")
    expect(quiet).to_be_visible()
    wait_for(lambda: len(dashboard.parts.broadcast) > 0)
    done = {"status": "success", "error": None, "findings": {"parts": 8}, "confidence": 0.94, "cost_usd": 0.0005}
    image_id = "3f8a2b1c-5d3a-4c1e-9f00-a9669d61a70b"
    good = result(7, run, tier=2, model="gpt-4o-mini", image_id=image_id, **done)
    bad = result(8, run, status="failed", findings=None, confidence=None, cost_usd=None)
    dashboard.publish("results", good.image_id, good)
    dashboard.publish("results", bad.image_id, bad)
    expect(feed.get_by_role("row", name="3f8a2b1c")).to_have_text(
        re.compile(r"3f8a2b1c\s*T2\s*gpt-4o-mini\s*8 parts\s*94%\s*\$0.0005")
    )
    expect(feed.get_by_text("failed")).to_be_visible()
    expect(quiet).to_be_hidden()


def test_the_server_and_the_script_write_every_figure_alike(context: BrowserContext, dashboard: Served) -> None:
    page = Watched(context, f"/?run={new_run(dashboard)}").page
    sizes = [
        1,
        0.5,
        0.125,
        0.005,
        0.0123456,
        8e-5,
        1e-9,
        2.5,
        9.995,
        18.45,
        99.95,
        99.999,
        100,
        999.994,
        12345.678,
        1e7,
    ]
    values = [0.0, *sizes, *(-size for size in sizes)]
    numbers = [name for name in FORMATS if name not in WORDS]
    script = """async ([names, values]) => {
        const { FORMATS } = await import("/static/formats.js");
        return names.map((name) => values.map((value) => FORMATS[name](value)));
    }"""
    written = page.evaluate(script, [numbers, values])
    assert written == [[FORMATS[name](value) for value in values] for name in numbers]
    words = page.evaluate(
        script, [sorted(WORDS - {"moment"}), ["running", "stalled", "up", "poor", "rich", "warming_up", "green"]]
    )
    assert words == [
        [FORMATS[name](value) for value in ("running", "stalled", "up", "poor", "rich", "warming_up", "green")]
        for name in sorted(WORDS - {"moment"})
    ]
    moments = ["2026-11-21T15:53:07.5Z", "2026-02-01T01:02:03+02:00"]
    assert page.evaluate(script, [["moment"], moments]) == [[FORMATS["moment"](moment) for moment in moments]]


def test_the_first_move_changes_nothing_that_the_server_wrote(
    chromium: Browser, context: BrowserContext, dashboard: Served
) -> None:
    run = new_run(dashboard)
    texts = "() => [...document.querySelectorAll('main [data-text]')].map((e) => e.textContent)"
    with window(chromium, dashboard.url, java_script_enabled=False) as still:
        plain = still.new_page()
        plain.goto(f"/?run={run}")
        before = [element.text_content() for element in plain.locator("main [data-text]").all()]
    page = context.new_page()
    page.goto(f"/?run={run}")
    page.wait_for_function(FILLED)
    assert page.evaluate(texts) == before


def test_it_says_that_the_dashboard_is_gone_and_goes_on_when_it_is_back(chromium: Browser, kafka: str) -> None:
    prefix = new_prefix(kafka)
    with served(kafka, prefix) as first:
        run = new_run(first, share=0.5)
        page = chromium.new_page(reduced_motion="reduce")
        page.set_default_timeout(PATIENCE_MS)
        page.goto(f"{first.url}/?run={run}")
        fresh = page.locator(".fresh")
        expect(fresh).not_to_have_class(STALE)
        wait_for(lambda: len(first.parts.broadcast) > 0)
        port = int(first.url.rpartition(":")[2])
    expect(fresh).to_have_class(STALE)
    expect(fresh).to_have_attribute("data-fresh", "connection lost")
    with served(kafka, prefix, port) as second:
        publish(second, run, share=0.75)
        expect(panel(page, "Overall progress")).to_contain_text("1,404")
        expect(fresh).not_to_have_class(STALE)
        page.close()


@pytest.mark.parametrize(("state", "stale"), [("running", True), ("finished", False)])
def test_old_figures_are_red_unless_the_run_is_finished(
    context: BrowserContext, dashboard: Served, state: State, stale: bool
) -> None:
    run = new_run(dashboard, state=state, as_of=datetime.now(UTC) - timedelta(minutes=3))
    page = Watched(context, f"/?run={run}").page
    expect(page.get_by_text(re.compile(r"Updated: \dm ago"))).to_be_visible()
    if stale:
        expect(page.locator(".fresh")).to_have_class(STALE)
    else:
        expect(page.locator(".fresh")).not_to_have_class(STALE)


def test_clocks_that_are_wrong_are_named_with_what_it_means(
    context: BrowserContext, dashboard: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = new_run(dashboard, totals={**snapshot("any").totals, "clock_skewed_events": 1_234})
    page = Watched(context, f"/?run={run}").page
    expect(page.locator("[data-banner=skewed]")).to_contain_text("1,234 events came from a clock ahead of ours")
    expect(page.locator("[data-banner=clock]")).to_have_count(0)
    for ahead_ms, said in ((3_600_000, "1h 0m ahead of Kafka's"), (-90_000, "1m behind Kafka's")):
        monkeypatch.setattr(dashboard.parts.sources, "_clock_ahead_ms", lambda ahead_ms=ahead_ms: ahead_ms)
        expect(page.locator("[data-banner=clock]")).to_contain_text(said)
    monkeypatch.setattr(dashboard.parts.sources, "_clock_ahead_ms", lambda: None)
    expect(page.locator("[data-banner=clock]")).to_have_count(0)


def test_another_run_is_chosen_in_the_header(context: BrowserContext, dashboard: Served) -> None:
    one, other = new_run(dashboard, name="First of two"), new_run(dashboard, name="Second of two")
    page = Watched(context, f"/?run={one}").page
    page.get_by_role("combobox").select_option(other)
    page.wait_for_url(re.compile(other))
    expect(panel(page, "Overall progress")).to_contain_text("Second of two")


def test_it_is_used_by_keyboard_and_remembers_its_theme(chromium: Browser, dashboard: Served) -> None:
    with window(chromium, dashboard.url) as opened:
        page = opened.new_page()
        page.goto(f"/?run={new_run(dashboard)}")
        page.keyboard.press("Tab")
        expect(page.get_by_role("link", name="Skip to the figures")).to_be_focused()
        background = "() => getComputedStyle(document.body).backgroundColor"
        dark = page.evaluate(background)
        page.get_by_role("button", name=re.compile("dark and light")).focus()
        page.keyboard.press("Enter")
        light = page.evaluate(background)
        assert dark != light
        page.reload()
        assert page.evaluate(background) == light


MODELS = {f"provider/a-very-long-model-name-{n}-preview-2026-11-21": n for n in range(8)}
HARD_CASES: dict[str, RunMetrics] = {
    "no-plan": snapshot("no-plan", plan=False, share=0.2),
    "long-names": snapshot(
        "run " + "א/🚗" * 30,
        name="A backfill with a name that goes on and on and on for as long as names are allowed to",
        by_model={name: {"results": 10**8, "cost_nano_usd": 10**15} for name in MODELS},
        totals={"results": 8 * 10**8, "subjects": 8 * 10**8, "cost_nano_usd": 8 * 10**15},
    ),
    "huge": snapshot(
        "huge",
        share=40_000,
        progress=Progress(total=10**9, processed=987_654_321, failed=12_345_678, left=12_345_679),
        eta=Eta(text="1234h 56m", range_text="1100h 0m - 1300h 0m"),
    ),
    "over-budget": snapshot(
        "over-budget", budget=Budget(allocated_nano_usd=10**9, remaining_nano_usd=-3 * 10**9, spent_fraction=4.0)
    ),
    "beginning": snapshot("beginning", share=0.001, state="warming_up", eta=Eta(text="warming up"), by_band={}),
    "stalled": snapshot("stalled", state="stalled", eta=Eta(text="stalled")),
}
SCREENS: list[tuple[ViewportSize, Scheme]] = [
    (PHONE, "light"),
    ({"width": 820, "height": 1180}, "dark"),
    (DESKTOP, "dark"),
]
"""A page is loaded on the narrowest, where it has most to fit in, and grows."""


@pytest.mark.parametrize("case", sorted(HARD_CASES))
def test_no_run_breaks_the_page_on_a_phone_or_a_desk(context: BrowserContext, dashboard: Served, case: str) -> None:
    event = HARD_CASES[case]
    run = event.run_id or ""
    dashboard.publish("metrics", run, event)
    wait_for(lambda: dashboard.get("/api/metrics/dashboard", run=run).status_code == 200)
    page = context.new_page()
    page.set_viewport_size(PHONE)
    page.goto("/?" + urlencode({"run": run}))
    page.wait_for_function(FILLED)
    for viewport, scheme in SCREENS:
        page.set_viewport_size(viewport)
        page.emulate_media(color_scheme=scheme)
        assert page.evaluate(FITS), viewport
        assert page.evaluate(OVERFLOWING) == [], viewport


FILLED = "() => document.querySelector('main [data-text]').shown !== undefined"
OVERFLOWING = """() => [...document.querySelectorAll(".panel *")].filter((element) => {
    const panel = element.closest(".panel").getBoundingClientRect();
    const box = element.getBoundingClientRect();
    const seen = box.width > 1 && !element.closest(".sr-only, .plot");
    return seen && (box.right > panel.right + 1 || box.left < panel.left - 1);
}).map((element) => `${element.className || element.tagName}: ${element.textContent.slice(0, 40)}`)"""

CONTRAST = """() => {
    const probe = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
    const rgb = (colour) => {
        probe.fillStyle = colour;
        probe.fillRect(0, 0, 1, 1);
        return [...probe.getImageData(0, 0, 1, 1).data];
    };
    const luminance = (colour) => rgb(colour).slice(0, 3).map((c) => c / 255)
        .map((c) => (c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4))
        .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
    const ground = (element) => {
        for (let at = element; at; at = at.parentElement) {
            const colour = getComputedStyle(at).backgroundColor;
            if (rgb(colour)[3] === 255 && colour !== "rgba(0, 0, 0, 0)") return colour;
        }
        return "white";
    };
    return [...document.querySelectorAll("h1, h2, h3, dt, dd, p, b, span, th, td, caption, small, select, li")]
        .filter((e) => e.checkVisibility() && !e.closest(".sr-only, .skip, tr.new")
            && [...e.childNodes].some((n) => n.nodeType === 3 && n.data.trim()))
        .map((e) => {
            const [a, b] = [luminance(getComputedStyle(e).color), luminance(ground(e))].sort((x, y) => y - x);
            return [(a + 0.05) / (b + 0.05), `${e.className || e.tagName}: ${e.textContent.trim().slice(0, 30)}`];
        })
        .filter(([ratio]) => ratio < 7);
}"""


def test_every_text_keeps_seven_to_one_and_key_figures_read_from_afar(
    context: BrowserContext, dashboard: Served
) -> None:
    states: tuple[State, ...] = ("running", "stalled", "paused", "finished")
    page = context.new_page()
    for state in states:
        run = new_run(dashboard, state=state, as_of=datetime.now(UTC) - timedelta(minutes=1))
        page.goto(f"/?run={run}")
        page.wait_for_function(FILLED)
        for scheme in SCHEMES:
            page.emulate_media(color_scheme=scheme)
            assert page.evaluate(CONTRAST) == [], (state, scheme)
    assert min(page.evaluate(SIZES)) >= 32


SIZES = """() => [...document.querySelectorAll(".hero dd, .percent, .tile .big, .costs dd, .quality dd")]
    .map((element) => parseFloat(getComputedStyle(element).fontSize))"""


def test_who_asked_for_calm_sees_nothing_move(context: BrowserContext, dashboard: Served) -> None:
    run, page = new_run(dashboard, share=0.5), context.new_page()
    page.goto(f"/?run={run}")
    assert json.loads(page.evaluate("() => JSON.stringify(document.getAnimations().length)")) == 0
