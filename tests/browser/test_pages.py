"""All pages in a real browser: filters and back, two tabs, what a number means, no fault that axe-core finds."""

import json
import re
import uuid
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Route, expect
from sample_runs import snapshot
from serving import Served, wait_for
from test_alerts_api import firing
from windows import FITS, PHONE, faults_on_a_desk, window

from dashboard.pages.directory import PAGES
from events.snapshots import ActiveAlert

pytestmark = pytest.mark.browser


def new_run(dashboard: Served, **changes: Any) -> str:
    run = f"run-{uuid.uuid4().hex[:12]}"
    publish(dashboard, run, **changes)
    wait_for(lambda: dashboard.get("/api/metrics/dashboard", run=run).status_code == 200)
    return run


def publish(dashboard: Served, run: str, **changes: Any) -> None:
    event = snapshot(run, **changes)
    records = {"image_tags": 12_847, "part_identifications": 3_421}
    dashboard.publish("metrics", run, msgspec.structs.replace(event, totals=event.totals | {"records": records}))


def ready(page: Page) -> None:
    """Nothing is on its way any more: every source has its answer."""
    page.wait_for_function("() => !document.querySelector('[data-source][data-state=loading]')")


def test_every_page_fits_a_phone_has_no_serious_fault_and_asks_nobody_else(
    chromium: Browser, dashboard: Served
) -> None:
    run, abroad, found = new_run(dashboard), [], {}

    def inspect(route: Route) -> None:
        if route.request.url.startswith(dashboard.url):
            route.continue_()
        else:
            abroad.append(route.request.url)
            route.abort()

    with window(chromium, dashboard.url, PHONE) as opened:
        opened.route("**/*", inspect)
        page = opened.new_page()
        for known in PAGES:
            page.set_viewport_size(PHONE)
            page.goto(f"{known.path}?run={run}")
            ready(page)
            assert page.evaluate(FITS), known.name
            found |= {(known.name, scheme): said for scheme, said in faults_on_a_desk(page).items()}
    assert {at: said for at, said in found.items() if said} == {}
    assert abroad == []


def test_the_navigation_leads_everywhere_and_keeps_the_run(context: BrowserContext, dashboard: Served) -> None:
    run, page = new_run(dashboard, name="Kept by every page"), context.new_page()
    page.goto(f"/?run={run}")
    for known in PAGES:
        page.get_by_role("navigation").get_by_role("link", name=known.name, exact=True).click()
        expect(page.get_by_role("heading", level=1)).to_have_text(known.title)
        expect(page.locator("nav a[aria-current=page]")).to_have_text(known.name)
        assert page.locator("[data-runs]").input_value() == run


def test_filters_stand_in_the_address_and_the_back_button_takes_them_back(
    context: BrowserContext, dashboard: Served
) -> None:
    run, page = new_run(dashboard), context.new_page()
    page.goto(f"/results?run={run}")
    model = page.locator("select[name=model]")
    model.select_option("gpt-4o")
    page.locator("select[name=range]").select_option("7d")
    expect(page).to_have_url(re.compile(r"model=gpt-4o.*range=7d"))
    link = page.get_by_role("navigation").get_by_role("link", name="Quality")
    expect(link).to_have_attribute("href", re.compile("model=gpt-4o"))
    page.go_back()
    expect(page).not_to_have_url(re.compile("range=7d"))
    expect(page.locator("select[name=range]")).to_have_value("")
    expect(model).to_have_value("gpt-4o")
    page.get_by_role("button", name="Clear filters").click()
    expect(page).to_have_url(re.compile(rf"/results\?run={run}$"))
    expect(model).to_have_value("")


def test_a_number_says_what_it_means_by_pointer_and_by_keyboard(context: BrowserContext, dashboard: Served) -> None:
    run, page = new_run(dashboard), context.new_page()
    page.goto(f"/?run={run}")
    page.locator('[data-text="costs.totalSpent"]').first.click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_role("heading")).to_have_text("Spent")
    for text in ("USD", "the whole run so far", "old", f"run_id = '{run}'", "cost_nano_usd / 1e9"):
        expect(dialog).to_contain_text(text)
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    page.locator('.percent [data-text="progress.percentComplete"]').focus()
    page.keyboard.press("Enter")
    expect(dialog.get_by_role("heading")).to_have_text("Overall progress")
    page.keyboard.press("Escape")
    page.keyboard.press("?")
    dialog.get_by_role("button", name=re.compile("Price of a result")).first.click()
    expect(dialog).to_contain_text("run_by_model")


def test_an_alert_that_holds_markup_is_text(context: BrowserContext, dashboard: Served) -> None:
    evil = "<img src=x onerror='window.hit=1'>"
    run, page = new_run(dashboard), context.new_page()
    told = {"message": evil, "action": evil, "metric": evil, "type": evil, "labels": {"model": evil}}
    dashboard.publish("alerts", run, firing(run, f"{run}-evil", **told))
    page.goto(f"/alerts?run={run}")
    card = page.get_by_role("article")
    expect(card).to_contain_text(evil)
    expect(card).to_contain_text(f"{evil} is 0.09, the limit is 0.05")
    assert page.evaluate("() => [window.hit ?? null, document.querySelectorAll('img').length]") == [None, 0]


def test_each_alert_that_fires_has_a_card_with_its_own_evidence(context: BrowserContext, dashboard: Served) -> None:
    run, page = new_run(dashboard), context.new_page()
    page.goto(f"/alerts?run={run}")
    expect(page.get_by_text("No alert is firing.")).to_be_visible()
    for name in ("one", "other", "third"):
        dashboard.publish("alerts", run, firing(run, f"{run}-{name}", message=f"The {name} fires"))
    cards = page.get_by_role("article")
    expect(cards).to_have_count(3)
    for name in ("one", "other", "third"):
        card = cards.filter(has_text=f"The {name} fires")
        card.get_by_text("Evidence").click()
        expect(card.get_by_role("listitem")).not_to_have_count(0)
        expect(card.get_by_role("button", name="Silence")).to_be_visible()
    rule = page.get_by_role("row", name="cost per image")
    expect(rule).to_contain_text("above 1.50 times")


def test_a_page_of_all_runs_counts_what_fires_in_any(context: BrowserContext, dashboard: Served) -> None:
    page = context.new_page()
    page.goto("/results")
    link = page.get_by_role("navigation").get_by_role("link", name="Alerts")
    alert = ActiveAlert(
        fingerprint="f", episode_id="e", state="firing", severity="warning", type="error_rate",
        message="Error rate elevated", action="Check API health", metric="error_rate", since=datetime.now(UTC),
    )  # fmt: skip
    run = new_run(dashboard, alerts=[alert])
    expect(link).to_have_text("Alerts1 firing")
    publish(dashboard, run, alerts=[msgspec.structs.replace(alert, silenced_by="s")])
    expect(link).to_have_text("Alerts")


def test_two_tabs_move_together(context: BrowserContext, dashboard: Served) -> None:
    run = new_run(dashboard, share=0.5)
    tabs = [context.new_page(), context.new_page()]
    for tab in tabs:
        tab.goto(f"/?run={run}")
    wait_for(lambda: len(dashboard.parts.broadcast) >= 2)
    publish(dashboard, run, share=0.75)
    for tab in tabs:
        expect(tab.locator('[data-text="progress.processed"]').first).to_have_text("1,404")


def test_history_is_away_in_its_own_panel_while_live_figures_go_on(context: BrowserContext, dashboard: Served) -> None:
    run, page = new_run(dashboard, share=0.5), context.new_page()
    page.goto(f"/runs/{run}")
    by_environment = page.get_by_role("region", name="Cost by environment")
    expect(by_environment).to_contain_text("no ClickHouse is configured")
    expect(page.get_by_role("region", name="How far")).to_contain_text("936 of 2,741 images")
    publish(dashboard, run, share=0.75)
    expect(page.get_by_role("region", name="How far")).to_contain_text("1,404")


def test_a_report_is_read_here_and_taken_along(context: BrowserContext, dashboard: Served) -> None:
    run, page = new_run(dashboard), context.new_page()
    page.goto(f"/?run={run}")
    with page.expect_download() as download:
        page.get_by_role("link", name="Export report").click()
    assert Path(download.value.path()).read_bytes().startswith(b"%PDF-")
    page.goto(f"/reports?run={run}")
    expect(page.get_by_role("region", name="Executive summary")).to_contain_text("1,872 of 2,741 images")
    expect(page.get_by_role("region", name="By model").get_by_role("row", name="claude-opus")).to_contain_text("54")


def test_tables_and_sentences_of_the_drawing(context: BrowserContext, dashboard: Served) -> None:
    page = context.new_page()
    page.goto(f"/?run={new_run(dashboard)}")
    tables = page.get_by_role("region", name="Database tables populated")
    expect(tables.get_by_role("row", name="image_tags")).to_contain_text(re.compile(r"12,847 added.*79%", re.DOTALL))
    alerts = page.get_by_role("region", name="Alerts & recommendations")
    expect(alerts).to_contain_text("1,184 images have poor context (add docs to reduce costs)")
    expect(alerts).to_contain_text("Consensus rate: 92% (excellent multi-model agreement)")
    marks = alerts.locator(".mark-dot[data-mark]").evaluate_all("(dots) => dots.map((dot) => dot.dataset.mark)")
    assert json.loads(json.dumps(marks)) == ["red", "yellow", "green", "blue"]
