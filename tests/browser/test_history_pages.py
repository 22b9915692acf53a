"""The pages of history in a real browser: by role and text, filters in the address, hostile data as text."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect
from sample_history import START_MS, component, insert, result, written
from sample_runs import snapshot
from serving import Served, served
from windows import FITS, PHONE, faults_on_a_desk, window

from dashboard.pages.directory import PAGES
from events import codec
from servers.clickhouse.users import Addresses

pytestmark = pytest.mark.browser
HOSTILE = '<img src=x onerror="window.hit=1"><script>window.hit=1</script>\'"&'
RTL = "‮שלום עולם‬ مرحبا"
LONG = "long " * 2_000


def rows() -> list[dict[str, Any]]:
    found = [result(number, "history", vehicle_id="car-1") for number in range(70)]
    found[69] |= {"status": "failed", "error_type": "rate_limited", "error_message": "429 too many", "model": "gpt-4o"}
    found[68] |= {
        "answers": [
            {"question": "Which make?", "answer": "Ford", "table": "vehicles", "record_id": "v-1", "confidence": 0.9}
        ],
        "output": '{"make": "Ford"}', "prompt_version": "v7",
    }  # fmt: skip
    hostile = {"model": HOSTILE, "subject_id": HOSTILE, "error_type": RTL, "error_message": LONG, "status": "failed"}
    answer = {"question": HOSTILE, "answer": RTL, "table": HOSTILE, "record_id": HOSTILE}
    hostile |= {"vehicle_id": HOSTILE, "answers": [answer], "output": json.dumps(HOSTILE), "task_type": HOSTILE}
    kind = {"component_type": HOSTILE, "stages": {HOSTILE: 5.0}, "model": HOSTILE}
    return [
        *found,
        result(3, "hostile", **hostile),
        *(component(number, model=("m-1", "m-2")[number % 2]) for number in range(40)),
        component(1, "hostile", **kind),
    ]


@pytest.fixture(scope="module")
def history(tables: Addresses) -> Iterator[Served]:
    """A dashboard over a small store, without Kafka."""
    insert(tables.writer, "results", rows())
    at = written(START_MS)
    place = {"minute": at[:19], "as_of": at, "recorded_at": at, "source_topic": "metrics", "state": "finished"}
    for offset, run in enumerate(("history", "hostile", "components")):
        named = {"name": HOSTILE, "by_model": {HOSTILE: {"results": 3}}, "by_tier": {}} if run == "hostile" else {}
        metrics = codec.encode(snapshot(run, state="finished", **named)).decode()
        insert(tables.writer, "snapshots", [place | {"run_id": run, "metrics": metrics, "source_offset": offset}])
    profile = {"vehicle_id": "car-1", "event_id": "p", "event_time": at, "has_spid": True, "recorded_at": at}
    insert(tables.writer, "profiles", [profile | {"source_topic": "profiles"}])
    with served("127.0.0.1:9", "none.", clickhouse_url=tables.reader) as running:
        yield running


@pytest.fixture(scope="module")
def desk(chromium: Browser, history: Served) -> Iterator[BrowserContext]:
    with window(chromium, history.url) as opened:
        yield opened


def opened(context: BrowserContext, path: str) -> Page:
    page = context.new_page()
    page.goto(path)
    return page


def test_results_are_found_sorted_walked_and_opened(context: BrowserContext) -> None:
    page = opened(context, "/results?run=history")
    table = page.get_by_role("table", name="Results")
    expect(table.get_by_role("row")).to_have_count(51)
    expect(table.get_by_role("link").first).to_have_text("image-69")
    page.get_by_role("button", name="Next page").click()
    expect(table.get_by_role("row")).to_have_count(21)
    page.go_back()
    expect(table.get_by_role("row")).to_have_count(51)
    page.get_by_role("combobox", name="Status").select_option("failed")
    expect(table.get_by_role("row")).to_have_count(2)
    expect(page).to_have_url(re.compile("status=failed"))
    page.go_back()
    expect(table.get_by_role("row")).to_have_count(51)
    page.get_by_role("button", name="Sort by latency").click()
    expect(page).to_have_url(re.compile("sort=-latency"))
    expect(table.get_by_role("link").first).to_have_text("image-69")
    page.get_by_label("Part of an id").fill("image-68")
    page.keyboard.press("Enter")
    expect(table.get_by_role("row")).to_have_count(2)
    saved = page.url
    table.get_by_role("link").first.click()
    expect(page.get_by_role("region", name="Outcome")).to_contain_text("gpt-4o-mini")
    expect(page.get_by_role("region", name="Outcome")).to_contain_text("v7")
    expect(page.get_by_role("region", name="Raw output")).to_contain_text('"make": "Ford"')
    expect(page.get_by_role("table", name="Answers")).to_contain_text("Which make?")
    expect(page.get_by_role("table", name="Every time it was processed")).to_contain_text("this one")
    again = opened(context, saved)
    expect(again.get_by_role("table", name="Results").get_by_role("row")).to_have_count(2)
    again.get_by_label("Part of an id").fill("nothing is called this")
    again.keyboard.press("Enter")
    expect(again.get_by_text("No result matches")).to_be_visible()


def test_lineage_goes_both_ways_by_keyboard(context: BrowserContext) -> None:
    page = opened(context, "/lineage?image=image-68")
    box = page.get_by_role("button", name="image image-68")
    expect(box).to_be_visible()
    box.focus()
    page.keyboard.press("ArrowRight")
    expect(page.get_by_role("button", name=re.compile("^(call tier 1|vehicle car-1)"), pressed=True)).to_be_focused()
    page.get_by_role("button", name="record vehicles/v-1").focus()
    chosen = page.get_by_label("What is known of the chosen box")
    chosen.get_by_role("link", name="vehicles/v-1").click()
    expect(page).to_have_url(re.compile("table=vehicles&record=v-1"))
    expect(page.get_by_role("button", name="model gpt-4o-mini")).to_be_visible()
    expect(page.get_by_role("table", name="Steps")).to_contain_text("Which make?")
    page.goto("/lineage?image=nobody")
    expect(page.get_by_text("no result of image 'nobody' is stored")).to_be_visible()


def test_sql_is_run_charted_saved_in_the_address_and_refused_in_words(context: BrowserContext) -> None:
    page = opened(context, "/queries")
    editor = page.get_by_label("SQL, read-only")
    editor.fill("SELECT tier, count() AS n, {text:String} AS t FROM results WHERE run_id = 'components' GROUP BY tier")
    page.get_by_label("text", exact=True).fill(HOSTILE)
    editor.press("Control+Enter")
    table = page.get_by_role("table", name="Result")
    expect(table).to_contain_text(HOSTILE)
    expect(page).to_have_url(re.compile("q=SELECT"))
    editor.fill("SELECT model, count() AS calls FROM results GROUP BY model")
    editor.press("Control+Enter")
    expect(page.get_by_role("img", name="The result as a chart").locator("canvas")).to_be_visible()
    page.go_back()
    expect(editor).to_have_value(re.compile("^SELECT tier"))
    expect(table).to_contain_text(HOSTILE)
    editor.fill("DROP TABLE results")
    page.get_by_role("button", name="Run Ctrl+Enter").click()
    expect(page.get_by_role("alert")).to_contain_text("not allowed")
    page.get_by_text("run_by_model", exact=True).click()
    page.get_by_role("button", name="Insert an example").locator("visible=true").click()
    expect(editor).to_have_value(re.compile("run_by_model"))
    with page.expect_download() as download:
        editor.fill("SELECT '=1' AS a")
        page.get_by_role("button", name="CSV").click()
    assert download.value.path().read_text() == '"a"\n"\'=1"\n'


def test_quality_shows_scores_stages_heat_and_follows_its_filters(context: BrowserContext) -> None:
    page = opened(context, "/quality?run=components")
    for text in ("Classification accuracy", "90.0%", "Code quality", "60.0%"):
        expect(page.get_by_role("region", name="Quality over time")).to_contain_text(text)
    expect(page.get_by_role("table", name="By component type", exact=True)).to_contain_text("Button")
    expect(page.get_by_role("table", name="By stage")).to_contain_text("generation")
    expect(page.get_by_role("region", name="By hour of the day").get_by_role("table")).to_contain_text("Button")
    expect(page.locator('[data-plot="scores"] canvas')).to_be_visible()
    page.get_by_role("combobox", name="Time").select_option("1h")
    expect(page.get_by_text("No component in this time")).to_be_visible()
    page.go_back()
    expect(page.get_by_role("table", name="By component type", exact=True)).to_be_visible()


def test_models_are_compared_and_rated(context: BrowserContext) -> None:
    page = opened(context, "/analytics/models?from=2026-01-01T00:00")
    for name in (
        "Response time by model, ms",
        "Success by model",
        "Satisfaction",
        "Day by day",
        "Best model for each task",
    ):
        expect(page.get_by_role("region", name=name, exact=True)).to_be_visible()
    performance = page.get_by_role("table", name="Performance by model")
    expect(performance).to_contain_text("gpt-4o-mini")
    expect(page.get_by_role("table", name="Performance by task")).to_contain_text("coding")
    expect(page.get_by_role("region", name="At a glance")).to_contain_text("Calls")
    page.get_by_role("button", name="Thumbs up").click()
    expect(page.get_by_text("Enter its id first.")).to_be_visible()


def test_vehicles_are_listed_and_opened(context: BrowserContext) -> None:
    page = opened(context, "/vehicles")
    page.get_by_role("link", name="car-1").click()
    expect(page.get_by_role("table", name="What makes up the score")).to_contain_text("20 of 20")
    expect(page.get_by_role("region", name="What would help")).to_contain_text("Context score")
    page.get_by_role("link", name="Its results").click()
    expect(page.get_by_role("table", name="Results").get_by_role("row")).to_have_count(51)


HOSTILE_PAGES = (
    "/?run=hostile",
    "/runs/hostile",
    "/kpis?run=hostile",
    "/reports?run=hostile",
    "/results?run=hostile",
    "/results?run=hostile&event=event-3&partition=1",
    "/lineage?image={}",
    "/lineage?table={}&record={}",
    "/quality?run=hostile",
    "/analytics/models?from=2026-01-01T00:00&run=hostile",
    "/vehicles",
    "/vehicles?vehicle={}",
    "/queries?q={}",
)


NAMELESS = "/runs/hostile"
"""Names neither a model nor a vehicle; what it says of the run is text all the same."""


def test_what_comes_from_data_is_text(context: BrowserContext) -> None:
    page = context.new_page()
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text) if "Content Security" in message.text else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    asked = page.evaluate("encodeURIComponent", HOSTILE)
    for path in HOSTILE_PAGES:
        page.goto(path.replace("{}", asked))
        page.wait_for_function(ANSWERED)
        assert page.evaluate("() => [window.hit ?? null, document.querySelectorAll('img[src=x]').length]") == [None, 0]
        shown = page.evaluate("() => document.body.textContent + document.querySelector('#q')?.value")
        assert HOSTILE in shown or path == NAMELESS, path
        assert page.evaluate(FITS), path
    assert complaints == []


ANSWERED = """() => [...document.querySelectorAll("[data-source]")]
    .every((element) => !["loading", undefined].includes(element.dataset.state))
    && document.querySelector("[data-outcome]")?.textContent !== 'Running…'"""
"""Also with an error: there is no Kafka here, so nobody knows of commands."""
SOMEBODYS_SQL = "/queries?q=SELECT+model,+count()+AS+calls+FROM+results+GROUP+BY+model"
WITH_DATA = (
    *(f"{known.path}?run=history" for known in PAGES if known.name not in {"Queries", "Quality", "Lineage"}),
    "/quality?run=components",
    "/vehicles?vehicle=car-1",
    "/lineage?image=image-68",
    "/analytics/models?from=2026-01-01T00:00",
    "/results?run=history&event=event-68&partition=0",
    SOMEBODYS_SQL,
)
"""Every page with something to show."""
MEANT = "() => [...document.querySelectorAll('[data-means]')].map((element) => element.dataset.means)"
UNEXPLAINED = """() => [...document.querySelectorAll("main td.n, main dd, main .big, main [data-text][data-format]")]
    .filter((number) => number.checkVisibility() && /\\d/.test(number.textContent) && !number.closest(".facts"))
    .filter((number) => !number.closest("[data-means]") && !number.querySelector("[data-means]"))
    .filter((number) => number.dataset.text || !number.querySelector("[data-text]"))
    .filter((number) => !"tier state velocity band plain mark moment words".split(" ").includes(number.dataset.format))
    .map((number) => number.outerHTML.slice(0, 160))"""


def test_every_page_with_data_fits_a_phone_has_no_serious_fault_and_explains_its_numbers(
    chromium: Browser, history: Served
) -> None:
    """Explained is every number but the fields of one event where it is shown as it came (`.facts`), and what
    somebody's own SQL answers.
    """
    known = {definition["key"] for definition in history.client.get("/api/definitions").json()}
    faults, unexplained = {}, {}
    with window(chromium, history.url, PHONE) as opened:
        page = opened.new_page()
        for path in WITH_DATA:
            page.set_viewport_size(PHONE)
            page.goto(path)
            page.wait_for_function(ANSWERED)
            assert page.evaluate(FITS), path
            faults |= {(path, scheme): said for scheme, said in faults_on_a_desk(page).items()}
            if path != SOMEBODYS_SQL:
                unexplained[path] = page.evaluate(UNEXPLAINED)
                assert set(page.evaluate(MEANT)) <= known, path
    assert {at: said for at, said in faults.items() if said} == {}
    assert {path: numbers for path, numbers in unexplained.items() if numbers} == {}


def test_where_clickhouse_is_away_each_page_says_so(chromium: Browser) -> None:
    with served("127.0.0.1:9", "none.", clickhouse_url="http://reader:x@127.0.0.1:9") as away:
        page = chromium.new_page(reduced_motion="reduce")
        for path in ("/results", "/lineage?image=a", "/analytics/models", "/quality", "/vehicles"):
            page.goto(away.url + path)
            expect(page.get_by_text(re.compile("cannot be reached")).first).to_be_visible()
        page.goto(away.url + "/queries?q=SELECT%201")
        expect(page.get_by_role("alert")).to_contain_text("History is not available")
        page.close()
