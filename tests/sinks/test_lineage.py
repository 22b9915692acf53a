"""Lineage both ways, and rows that leave by an export and come back by an import with equal figures."""

import json
from pathlib import Path
from typing import Any

import pytest
from sinking import image, stored

from events import codec
from processors.importing.load import import_file
from servers.clickhouse.users import Addresses
from sinks.errors import NoLineage
from sinks.raw import raw
from sinks.reading import export, lineage, steps

ANSWER = {"question": "angle", "table": "cars", "record_id": "r/1"}
FIRST = image(
    "a", image_id="im:1 ü", vehicle_id="car", tier=1, model="m1", model_version="2", provider="p", cost_usd=0.01,
    latency_ms=12.5, confidence=0.9, context_score=40, context_items=["receipt"], prompt_version="v7",
    answers=[{**ANSWER, "answer": "front", "confidence": 0.8, "asked_models": 3, "agreeing_models": 2},
             {"question": "seats", "answer": 5}],
)  # fmt: skip
AGAIN = image(
    "b", image_id="im:1 ü", run_id="later", event_time="2026-11-03T10:00:00Z", tier=1, model="m2",
    answers=[{**ANSWER, "answer": "rear", "validated_by": "expert"}],
)  # fmt: skip
FAILED = image(
    "c", image_id="im:1 ü", tier=2, model="m3", status="failed", error={"type": "timeout", "message": "slow"}
)
OTHER = image("d", image_id="two", answers=[{**ANSWER, "record_id": "r/2", "answer": "left"}])
WORD = {
    "event_type": "feedback.recorded", "event_id": "f", "event_time": "2026-11-02T11:00:00Z", "image_id": "im:1 ü",
    "run_id": "r", "question": "angle", "verdict": "confirmed", "validator": "user",
}  # fmt: skip


@pytest.fixture
def told(store: Any) -> Any:
    stored(store.client, "results", [FIRST, FAILED, OTHER, AGAIN])
    stored(store.client, "results", [FIRST], first_offset=9)  # a repeat
    stored(store.client, "feedback", [{**WORD, "verdict": "rejected", "event_id": "e"}, WORD])
    return store.history


def test_an_image_to_its_rows(told: Any) -> None:
    found = lineage.of_image(told, "im:1 ü")
    assert [(step.event_id, step.question, step.answer, step.record_id) for step in found.steps] == [
        ("a", "angle", "front", "r/1"),
        ("a", "seats", "5", None),
        ("c", None, None, None),
        ("b", "angle", "rear", "r/1"),
    ]
    first, _, failed, again = found.steps
    assert (first.model, first.model_version, first.provider, first.prompt_version) == ("m1", "2", "p", "v7")
    assert (first.cost_nano_usd, first.latency_ms, first.context_score, first.context_items) == (
        10_000_000,
        12,
        40,
        ["receipt"],
    )
    assert (first.confidence, first.asked_models, first.agreeing_models) == (0.8, 3, 2)
    assert (first.verdict, first.verdict_by, again.verdict, again.validated_by) == ("confirmed", "user", None, "expert")
    assert (first.nth, first.times, first.holds) == (1, 2, False)
    assert (again.nth, again.times, again.holds) == (2, 2, True)
    assert (failed.status, failed.error, failed.holds) == ("failed", "timeout: slow", False)


@pytest.mark.parametrize("merged", [False, True])
def test_a_word_said_again_after_a_newer_one_is_still_the_older_one(told: Any, store: Any, merged: bool) -> None:
    stored(store.client, "feedback", [{**WORD, "verdict": "rejected", "event_id": "e"}], first_offset=7)  # a repeat
    stored(store.client, "feedback", [{**WORD, "image_id": "two", "verdict": "overridden"}], first_offset=8)
    if merged:  # which leaves the repeats of a word where they are
        store.client.command("OPTIMIZE TABLE feedback FINAL")
    for image_id in ("im:1 ü", "two"):
        by_view = "SELECT verdict FROM feedback_verdicts WHERE subject_id = {id:String} AND question = 'angle'"
        latest = [row["verdict"] for row in told.rows(by_view, {"id": image_id})] or [None]
        assert [lineage.of_image(told, image_id).steps[0].verdict] == latest
    assert lineage.of_image(told, "im:1 ü").steps[0].verdict == "confirmed"
    assert lineage.of_image(told, "two").steps[0].verdict is None


def test_the_graph_joins_what_the_steps_say(told: Any) -> None:
    found = lineage.of_image(told, "im:1 ü")
    label = {node.id: (node.kind, node.label) for node in found.nodes}
    assert len(label) == len(found.nodes)
    edges = {(label[edge.source], edge.kind, label[edge.target]) for edge in found.edges}
    picture, record = ("image", "im:1 ü"), ("record", "cars/r/1")
    assert label[found.about] == picture
    assert {
        (picture, "belongs_to", ("vehicle", "car")),
        (picture, "processed_by", ("call", "tier 1 · m1")),
        (("call", "tier 1 · m1"), "made_by", ("model", "m1 2")),
        (("call", "tier 1 · m1"), "answered", ("answer", "angle")),
        (("call", "tier 1 · m1"), "replaced_by", ("call", "tier 1 · m2")),
        (("answer", "angle"), "wrote", record),
        (("answer", "angle"), "judged_by", ("feedback", "confirmed")),
    } <= edges
    assert json.loads(lineage.as_json(found))["steps"][0]["costNanoUsd"] == 10_000_000


def test_a_row_back_to_its_image_and_every_model(told: Any) -> None:
    back = lineage.of_record(told, "cars", "r/1")
    assert back.steps == lineage.of_image(told, "im:1 ü").steps
    assert {step.model for step in back.steps} == {"m1", "m2", "m3"}
    assert {node.label for node in back.nodes if node.id == back.about} == {"cars/r/1"}
    assert {step.subject_id for step in lineage.of_record(told, "cars", "r/2").steps} == {"two"}


@pytest.mark.parametrize("id_", ["", "im", "two ", "r/1"])
def test_what_is_not_known_is_an_error_with_its_remedy(told: Any, id_: str) -> None:
    with pytest.raises(NoLineage, match="imageledger sql"):
        lineage.of_image(told, id_)
    with pytest.raises(NoLineage, match="imageledger sql"):
        lineage.of_record(told, "table", id_)


@pytest.mark.parametrize("merged", [False, True])
@pytest.mark.parametrize("again", [False, True])
def test_an_event_is_about_whom_its_first_record_names(store: Any, merged: bool, again: bool) -> None:
    """A repeat about another subject counts for nobody, as in every view; also where a merge has not met the first."""
    stored(store.client, "results", [{**FIRST, "image_id": "two"}, OTHER], first_offset=9)
    if merged:
        store.client.command("OPTIMIZE TABLE results FINAL")
    if again:  # so that it stands in two parts, one of which may have been merged
        stored(store.client, "results", [{**FIRST, "image_id": "two"}], first_offset=12)
    stored(store.client, "results", [FIRST])
    assert [step.event_id for step in lineage.of_image(store.history, "two").steps] == ["d"]
    assert {step.event_id for step in lineage.of_image(store.history, "im:1 ü").steps} == {"a"}


def test_a_part_that_was_not_merged_can_have_an_event_twice(resting: Any) -> None:
    stored(resting.client, "results", [FIRST, OTHER, {**FIRST, "image_id": "two"}])
    assert [step.event_id for step in lineage.of_image(resting.history, "two").steps] == ["d"]


def test_the_latest_word_is_not_an_earlier_one_come_again(told: Any, store: Any) -> None:
    stored(store.client, "feedback", [{**WORD, "verdict": "rejected", "event_id": "e"}], first_offset=9)
    found = told.rows("SELECT verdict FROM feedback_verdicts WHERE subject_id = 'im:1 ü'")
    assert {step.verdict for step in lineage.of_image(told, "im:1 ü").steps} - {None} == {
        row["verdict"] for row in found
    }


def test_a_subject_s_calls_are_read_in_the_order_of_subjects(store: Any) -> None:
    """A column that the projection lacks would send the question through all granules again."""
    store.client.command(
        "INSERT INTO results (event_id, event_type, event_time, run_id, subject_kind, subject_id, status,"
        " source_offset) SELECT toString(number), 'image.result', now(), 'r', 'image', toString(number % 5000),"
        " 'failed', number FROM numbers(20000)"
    )
    plan = store.client.query(f"EXPLAIN {steps.CALLS}", {"ids": ["7"]}).result_rows
    assert any("steps_of_subjects" in line for (line,) in plan)


class _Taken:
    def __init__(self) -> None:
        self.values: list[bytes] = []

    def publish(self, event: Any) -> bool:
        self.values.append(codec.encode(event))
        return True

    def flush(self, timeout_s: float) -> int:
        return 0


@pytest.mark.parametrize("form", ["json", "csv", "parquet"])
def test_an_export_imported_under_another_run_gives_equal_figures(
    store: Any, clickhouse: Addresses, tmp_path: Path, form: export.Format
) -> None:
    rich = image(
        "z", image_id='q"\n,', stages={"a": 1.5}, usage={"x": 3}, scores={"s": 0.123456}, tables={"cars": 2},
        attributes={"k": "v,\n"}, output={"deep": [1, {"x": None}]}, gaps=[{"item": "vin"}], findings={"part": 2},
        started_at="2026-11-02T09:59:59.123456Z", attempt=2, will_retry=True, final=False, questions_asked=4,
        insights=1, error={"type": "e", "timeout": True}, status="partial", cache_hit=True, cached_tokens=5,
    )  # fmt: skip
    other = [
        {**image("k"), "event_type": "component.result", "component_id": "c", "component_type": "button"},
        {**image("m"), "event_type": "message.result", "message_id": "m", "conversation_id": "v", "user_id": "u"},
    ]
    documents = [FIRST, {**AGAIN, "run_id": "r"}, FAILED, OTHER, rich, *other]
    stored(store.client, "results", documents)
    path = tmp_path / f"results.{form}"
    with export.export(raw(clickhouse.writer, store.database), "results", form, export.Filters(run="r")) as answer:
        path.write_bytes(b"".join(answer))
    taken = _Taken()
    report = import_file(path, taken, run_id="back")
    assert (report.rejected, report.confirmed) == (0, len(documents))
    stored(store.client, "results", taken.values, first_offset=100)

    def rows(query: str, run: str) -> Any:
        return store.history.rows(query, {"run": run})

    totals = "SELECT * EXCEPT run_id FROM run_totals WHERE run_id = {run:String}"
    assert rows(totals, "back") == rows(totals, "r")
    itself = (
        "SELECT * EXCEPT (run_id, source_offset, recorded_at, output, output_bytes)"
        " FROM results FINAL WHERE run_id = {run:String} ORDER BY event_id"
    )
    assert rows(itself, "back") == rows(itself, "r")
    output = "SELECT output FROM results FINAL WHERE run_id = {run:String} AND event_id = 'z'"
    assert json.loads(rows(output, "back")[0]["output"]) == rich["output"]
