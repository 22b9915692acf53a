"""What the metrics write of themselves is what is in `docs/` and `schemas/`, from where the tests take the views."""

import re
from pathlib import Path

from metrics import document
from metrics.alerts import guide
from metrics.views import catalogue

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"


def test_the_page_of_metrics() -> None:
    assert document.document() == (DOCS / "metrics.md").read_text("utf-8")


def test_the_page_of_alerts() -> None:
    assert guide.document() == (DOCS / "alerts.md").read_text("utf-8")


def test_the_views() -> None:
    files = (ROOT / "schemas/clickhouse/views").glob("*.sql")
    assert {path.stem: path.read_text("utf-8") for path in files} == catalogue.statements()


def test_a_view_holds_what_it_reads_of_others() -> None:
    """Named, each would be planned once more by itself (docs/decisions/0099)."""
    names = {view.name for view in catalogue.VIEWS}
    named = {
        view.name
        for view in catalogue.VIEWS
        if names & set(re.findall(r"\b(?:FROM|JOIN) (\w+)", catalogue.statements()[view.name]))
    }
    assert named == {view.name for view in catalogue.VIEWS if view.parameters}
