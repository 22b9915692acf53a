"""Each statement of docs/sql.md runs as it stands, over HTTP, and says what the snapshot says."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from live_stack import BACKFILL, Stack, eventually

from metrics.views.catalogue import VIEWS
from metrics.views.document import SECTIONS

DOCUMENT = Path(__file__).parents[2] / "docs" / "sql.md"
STATEMENTS = re.findall(r"```sql\n(.*?)```", DOCUMENT.read_text(), re.DOTALL)
Rows = list[dict[str, Any]]
Ask = Callable[[str], Rows]
AN_ANSWER = (
    f"SELECT subject_id, `table`, record_id FROM lineage WHERE run_id = '{BACKFILL}' AND record_id != '' LIMIT 1"
)


@pytest.fixture(scope="module")
def answers(stack: Stack, backfilled: dict[str, Any]) -> dict[str, Rows]:
    """Statement → its rows."""
    with stack.clickhouse() as client:
        stored = f"""
            SELECT (SELECT (processed_subjects, results) FROM run_totals WHERE run_id = '{BACKFILL}')
                = (2728, {sum(backfilled["calls"].values())})
            AND (SELECT count() FROM system_snapshots WHERE run_id = '{BACKFILL}' AND state = 'finished') > 0
            AND (SELECT count() FROM run_plans WHERE run_id = '{BACKFILL}' AND phase = 'finished') > 0"""
        eventually(lambda: client.query(stored).result_rows == [(1,)], "the run is stored")
        [(image, table, record)] = client.query(AN_ANSWER).result_rows
        given = {"run": BACKFILL, "image": image, "table": table, "record": record}
        return {text.strip(): list(client.query(text, given).named_results()) for text in STATEMENTS}


@pytest.fixture(scope="module")
def ask(answers: dict[str, Rows]) -> Ask:
    """The rows of the question that begins so."""

    def rows(begin: str) -> Rows:
        [found] = [q for section in SECTIONS for q in section.questions if q.about.startswith(begin)]
        return answers[found.sql.strip()]

    return rows


def test_every_question_and_every_view_s_example_is_in_the_document(answers: dict[str, Rows]) -> None:
    asked = [question.sql for section in SECTIONS for question in section.questions]
    assert {text.strip() for text in asked + [view.example for view in VIEWS]} == set(answers)


def test_most_statements_find_something(answers: dict[str, Rows]) -> None:
    """Nobody gave feedback, and the backfill has neither components nor variants nor doubtful or late answers."""
    empty = {text for text, rows in answers.items() if not rows}
    excused = (
        r"feedback|run_late_results|_ratings|user_satisfaction|component_type|variant|confidence < 0\.7"
        r"|is_consensus = 0|times > 1"
    )
    assert [text for text in empty if not re.search(excused, text)] == []


def test_progress(ask: Ask) -> None:
    (row,) = ask("How far, at what context")
    assert (row["total"], row["processed"]) == (2_734, 2_734)
    assert 0 < row["avg_context_score"] < 60
    assert row["total_cost"] == 13.6724


def test_what_is_left(ask: Ask) -> None:
    assert ask("How many of the declared images") == [{"images_left": 6}]
    assert ask("How many have no context score") == [{"images": 0}]
    assert ask("How many are processed right now") == [{"processed": 2_734}]


def test_verification(ask: Ask) -> None:
    assert ask("Is everything done") == [{"total": 2_734, "processed": 2_728, "percent": 99.8}]


def test_liveness_and_final_stats(ask: Ask) -> None:
    [alive] = ask("Is the processor running")
    assert alive["state"] == "finished"
    assert alive["last_result_at"] is not None
    newest, *_ = ask("Its last ten minutes")
    assert (newest["state"], newest["processed_subjects"], newest["usd"]) == ("finished", 2_728, 13.6724)
    [final] = ask("Final stats")
    assert (final["phase"], final["images"], final["processed"], final["failed"]) == ("finished", 2_734, 2_728, 6)
    assert final["savings"] == pytest.approx(54.68 - 13.6724)


def test_the_log_s_newest_lines_and_what_each_image_had(ask: Ask) -> None:
    assert len(ask("The newest lines of the log")) == 100
    assert all(row["processing_cost"] > 0 and row["context_score"] is not None for row in ask("What each image had"))


def test_planned_against_actual(ask: Ask) -> None:
    rows = ask("Planned against actual")
    assert [(row["tier"], row["planned_batches"]) for row in rows] == [(1, 55), (2, 40), (3, 40)]
    assert [rows[0]["planned_images"], rows[0]["actual_images"]] == [2_734, 2_728]
    assert [row["planned_minutes"] * 600 for row in rows] == pytest.approx([27.5, 30, 40])  # it ran 600 times as fast
    assert sum(row["actual_usd"] for row in rows) == pytest.approx(13.6724)
    assert [row["actual_batches"] for row in rows] == [55, 40, 40]


def test_the_cost_of_each_vehicle(ask: Ask) -> None:
    rows = ask("What each vehicle cost")
    assert sum(row["cost_nano_usd"] for row in rows) == 13_672_400_000
    assert sum(row["images"] for row in rows) == 2_734


def test_batches(ask: Ask) -> None:
    by_tier = {tier: [row for row in ask("Batches and how") if row["tier"] == tier] for tier in (1, 2, 3)}
    assert [len(rows) for rows in by_tier.values()] == [55, 40, 40]
    assert sum(row["complete"] for row in by_tier[1]) == 2_728


def test_models_and_context_side_by_side(ask: Ask, backfilled: dict[str, Any]) -> None:
    calls = sum(backfilled["calls"].values())
    assert sum(row["results"] for row in ask("Models side by side")) == calls
    assert sum(row["image_count"] for row in ask("What context is worth")) == 2_734
    assert sum(row["vehicle_count"] for row in ask("How well vehicles")) == len(ask("What each vehicle cost"))
    assert all(row["records_added"] > 0 and row["fill_rate"] > 0 for row in ask("Tables filled"))


def test_an_image_is_followed_to_its_rows_and_back(ask: Ask) -> None:
    there = ask("From an image to every answer")
    [back] = ask("Back from a table's row")
    assert back["question"] in {row["question"] for row in there}
    assert back["model"] in {row["model"] for row in there}
    times: dict[int, list[int]] = {}
    for row in ask("How often an image was processed"):
        times.setdefault(row["tier"], []).append(row["nth"])
    assert all(nths == list(range(1, len(nths) + 1)) for nths in times.values())
    assert {row["tier"] for row in there} <= times.keys()


def test_watching_models(ask: Ask, backfilled: dict[str, Any]) -> None:
    calls = sum(backfilled["calls"].values())
    [volume] = ask("How much is stored")
    assert volume["calls"] >= calls
    assert {"model_performance_metrics", "model_success_rate"} <= {row["name"] for row in ask("Are the views there")}
    recent, usage = ask("Recent performance"), ask("Calls by model in the last 7 days")
    assert {row["model"]: row["calls"] for row in usage} == {row["model"]: row["total_calls"] for row in recent}
    assert all(0 <= row["success_rate"] <= 1 for row in ask("Data quality"))
    [best] = ask("The best model for a task")
    assert best["total_calls"] >= 5
    assert 0 < best["confidence"] <= 100
    assert all(row["line"].startswith("[PerformanceTracking] Logged metrics: ") for row in ask("Each call as S4's"))
