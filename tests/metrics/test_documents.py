"""The pages that the metrics write of themselves are those in `docs/`."""

from pathlib import Path

from metrics import document
from metrics.alerts import guide

DOCS = Path(__file__).parents[2] / "docs"


def test_the_page_of_metrics() -> None:
    assert document.document() == (DOCS / "metrics.md").read_text("utf-8")


def test_the_page_of_alerts() -> None:
    assert guide.document() == (DOCS / "alerts.md").read_text("utf-8")
