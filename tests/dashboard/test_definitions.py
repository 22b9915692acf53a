"""Every number that a page explains exists, and its words and SQL are the registry's where there is one."""

import asyncio
import re
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from sample_runs import snapshot

from dashboard.config import DashboardConfig
from dashboard.definitions.catalogue import DEFINITIONS
from dashboard.definitions.history import VEHICLE
from dashboard.live.runs import Snapshot
from dashboard.pages.directory import PAGES
from dashboard.pages.page import Asked, Page, View
from dashboard.parts import Parts
from events import codec
from metrics.fold.counters import COUNTERS
from metrics.views.catalogue import VIEWS

VIEW_NAMES = {view.name for view in VIEWS}


def body() -> dict[str, Any]:
    event = snapshot()
    event = msgspec.structs.replace(event, totals=event.totals | {"records": {"image_tags": 3}})
    listed = {"activity": [{"confidence": 0.9, "cost": 0.1}]}
    return Snapshot(codec.encode(event), "0-1").values | listed


@pytest.mark.parametrize("key", [key for key in DEFINITIONS if ":" not in key])
def test_a_definition_is_of_a_number_of_the_body(key: str) -> None:
    found: Any = body()
    for name in key.replace("[]", ".0").split("."):
        found = found[int(name)] if isinstance(found, list) else found[name]


@pytest.mark.parametrize("key", sorted(DEFINITIONS))
def test_a_definition_says_everything(key: str) -> None:
    definition = DEFINITIONS[key]
    assert all((definition.title, definition.unit, definition.window, definition.means))
    if definition.sql is not None:
        assert "{run:String}" in definition.sql or definition.window == VEHICLE
        assert "AS value" in definition.sql
        read = set(re.findall(r"(?:FROM|(?<!ARRAY )JOIN) (\w+)", definition.sql))
        assert read <= VIEW_NAMES


def test_counters_are_explained_in_the_registrys_words() -> None:
    docs = {metric.name: metric.docs for metric in COUNTERS}
    assert DEFINITIONS["doubts.retries"].means == docs["retries"]
    assert DEFINITIONS["progress.processed"].means == docs["processed_subjects"]


WORDS = {"tier", "state", "velocity", "band", "plain", "mark", "moment", "words"}
"""Formats of words; the others write numbers."""
BOUND = re.compile(r'data-text="([^"]*)" data-format="([^"]*)"([^>]*)>')


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_number_that_a_page_binds_says_what_it_means(page: Page) -> None:
    found = Snapshot(codec.encode(snapshot()), "0-1")
    parts = Parts(DashboardConfig(bootstrap="127.0.0.1:9"))
    for asked in ({}, {"vehicle": "car"}, {"image": "image"}, {"event": "event", "partition": "0"}):
        view = View(parts, Asked({"run": "run", **asked}), found, datetime.now(UTC))
        html = asyncio.run(drawn(page, view))
        numbers = {(path, rest) for path, form, rest in BOUND.findall(html) if form not in WORDS}
        assert {path for path, rest in numbers if "data-means" not in rest} == set()


async def drawn(page: Page, view: View) -> str:
    return await page.draw(view)
