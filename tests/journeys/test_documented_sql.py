"""Each statement of docs/sql.md runs as it stands, over HTTP, and says what the snapshot says."""

import re
from pathlib import Path
from typing import Any

import pytest
from live_stack import BACKFILL, Stack, eventually

DOCUMENT = Path(__file__).parents[2] / "docs" / "sql.md"
STATEMENTS = re.findall(r"```sql\n(.*?)```", DOCUMENT.read_text(), re.DOTALL)


@pytest.fixture(scope="module")
def answers(stack: Stack, backfilled: dict[str, Any]) -> list[list[dict[str, Any]]]:
    with stack.clickhouse() as client:
        processed = f"SELECT processed_subjects FROM run_totals WHERE run_id = '{BACKFILL}'"
        eventually(lambda: client.query(processed).result_rows == [(2_728,)], "the run is stored")
        return [list(client.query(text, {"run": BACKFILL}).named_results()) for text in STATEMENTS]


def test_progress(answers: list[list[dict[str, Any]]]) -> None:
    (row,) = answers[0]
    assert (row["total"], row["processed"]) == (2_734, 2_734)
    assert 0 < row["avg_context_score"] < 60
    assert round(row["total_cost"], 9) == 13.6724


def test_what_is_left(answers: list[list[dict[str, Any]]]) -> None:
    assert answers[1] == [{"images_left": 6}]


def test_verification(answers: list[list[dict[str, Any]]]) -> None:
    assert answers[2] == [{"total": 2_734, "processed": 2_728, "percent": 99.8}]


def test_the_cost_of_each_vehicle(answers: list[list[dict[str, Any]]]) -> None:
    assert sum(row["cost_nano_usd"] for row in answers[3]) == 13_672_400_000
    assert sum(row["images"] for row in answers[3]) == 2_734


def test_batches(answers: list[list[dict[str, Any]]]) -> None:
    by_tier = {tier: [row for row in answers[4] if row["tier"] == tier] for tier in (1, 2, 3)}
    assert [len(rows) for rows in by_tier.values()] == [55, 40, 40]
    assert sum(row["complete"] for row in by_tier[1]) == 2_728
