"""Each statement of docs/sql.md runs as it stands, over HTTP, and says what the snapshot says."""

import re
from pathlib import Path
from typing import Any

import pytest
from live_stack import BACKFILL, Stack, eventually

DOCUMENT = Path(__file__).parents[2] / "docs" / "sql.md"
STATEMENTS = re.findall(r"```sql\n(.*?)```", DOCUMENT.read_text(), re.DOTALL)


@pytest.fixture(scope="module")
def answers(stack: Stack, backfilled: dict[str, Any]) -> list[dict[str, Any]]:
    with stack.clickhouse() as client:
        processed = f"SELECT processed_subjects FROM run_totals WHERE run_id = '{BACKFILL}'"
        eventually(lambda: client.query(processed).result_rows == [(2_728,)], "the run is stored")
        return [next(client.query(text, {"run": BACKFILL}).named_results()) for text in STATEMENTS]


def test_progress(answers: list[dict[str, Any]]) -> None:
    assert (answers[0]["total"], answers[0]["processed"]) == (2_734, 2_734)
    assert 0 < answers[0]["avg_context_score"] < 60
    assert round(answers[0]["total_cost"], 9) == 13.6724


def test_what_is_left(answers: list[dict[str, Any]]) -> None:
    assert answers[1] == {"images_left": 6}


def test_verification(answers: list[dict[str, Any]]) -> None:
    assert answers[2] == {"total": 2_734, "processed": 2_728, "percent": 99.8}
