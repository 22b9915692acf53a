"""Every page's frame: navigation, run picker, filters out of the address, errors in words, hostile names as text."""

import gzip
import re
import uuid
from html import unescape
from pathlib import Path

import pytest
from sample_runs import snapshot
from serving import Served, wait_for

import dashboard as package
from dashboard.pages.directory import PAGES
from dashboard.pages.page import Asked

STATIC = Path(package.__file__ or "").with_name("static")
BUDGET_BYTES = 150 * 1024


def new_run(dashboard: Served, **changes: object) -> str:
    run = f"page-{uuid.uuid4().hex[:10]}"
    dashboard.publish("metrics", run, snapshot(run, **changes))  # type: ignore[arg-type]
    wait_for(lambda: dashboard.get("/api/metrics/dashboard", run=run).status_code == 200)
    return run


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_page_comes_with_the_whole_frame(dashboard: Served, page: object) -> None:
    path, title = page.path, page.title  # type: ignore[attr-defined]
    run = new_run(dashboard)
    answer = dashboard.get(path, run=run)
    assert answer.status_code == 200
    assert f"<h1>{title}</h1>" in answer.text
    assert answer.text.count('aria-current="page"') == 1
    for other in PAGES:
        assert f">{other.name}</a>" in answer.text
    assert f'<option value="{run}" selected>' in answer.text
    assert "<script>" not in answer.text
    assert " style=" not in answer.text


def test_the_runs_own_page_has_the_run_in_its_path(dashboard: Served) -> None:
    run = new_run(dashboard, name="Own page")
    answer = dashboard.get(f"/runs/{run}")
    assert answer.status_code == 200
    assert "Plan against actual" in answer.text
    assert dashboard.get("/runs/nobody-knows").status_code == 404


def test_filters_are_chosen_by_the_address_and_kept_by_every_link(dashboard: Served) -> None:
    run = new_run(dashboard)
    text = dashboard.get("/results", run=run, range="7d", model="gpt-4o", tier="2").text
    assert '<option value="7d" selected>' in text
    assert '<option value="gpt-4o" selected>' in text
    assert '<option value="2" selected>' in text
    links = [unescape(link) for link in re.findall(r'<li><a href="([^"]*)"', text)]
    assert len(links) == len(PAGES)
    for link in links:
        assert "model=gpt-4o" in link
        assert "range=7d" in link
        assert run in link


def test_a_run_that_nobody_knows_is_said_so(dashboard: Served) -> None:
    for path in ("/", "/kpis", "/reports"):
        answer = dashboard.get(path, run="<b>nobody</b>")
        assert answer.status_code == 404
        assert "No such run" in answer.text
        assert "<b>nobody</b>" not in answer.text


def test_an_address_that_leads_nowhere_is_a_page_for_people_and_a_problem_for_programs(dashboard: Served) -> None:
    browsed = dashboard.client.get("/nowhere/<b>", headers={"accept": "text/html,*/*;q=0.8"})
    assert (browsed.status_code, browsed.headers["content-type"].partition(";")[0]) == (404, "text/html")
    assert "No such page" in browsed.text
    assert "<b>" not in browsed.text.partition("<main")[2].partition("</main")[0]
    for path, accepted in (("/nowhere", "*/*"), ("/api/nowhere", "text/html")):
        answer = dashboard.client.get(path, headers={"accept": accepted})
        assert answer.headers["content-type"].partition(";")[0] == "application/problem+json"


@pytest.mark.parametrize("name", ["<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "‮" * 50, "x" * 10_000])
def test_hostile_names_are_text(dashboard: Served, name: str) -> None:
    run = new_run(dashboard, name=name[:200], by_model={name[:200]: {"results": 3, "cost_nano_usd": 5}})
    for path in ("/", "/runs", "/kpis", "/results"):
        text = dashboard.get(path, run=run, model=name).text
        assert "<script>alert" not in text
        assert "<img" not in text


def test_an_address_keeps_what_is_chosen_and_drops_what_is_not() -> None:
    asked = Asked({"run": "a b", "model": "x&y", "sort": "cost", "tier": ""})
    assert asked.href("/quality") == "/quality?run=a%20b&model=x%26y"
    assert asked.href("/quality", model=None, tier=2) == "/quality?run=a%20b&tier=2"
    assert Asked().href("/") == "/"


def test_scripts_and_styles_together_are_small() -> None:
    files = [path for path in STATIC.rglob("*") if path.suffix in {".js", ".css"}]
    assert len(files) > 10
    assert sum(len(gzip.compress(path.read_bytes())) for path in files) < BUDGET_BYTES
