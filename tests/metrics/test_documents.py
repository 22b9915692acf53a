"""What the metrics write of themselves is what is in `docs/` and `schemas/`, from where the tests take the views."""

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
