"""Results and components over HTTP: filters, orders, pages that neither lose nor repeat, one whole, and its picture."""

import base64
import csv
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from sample_history import START_MS, component, insert, result, written
from serving import Served, served

from servers.clickhouse.users import Addresses

ODD = "a/b \"ü\" <script>alert('1')</script> 🚗 א?#%2F"
ROWS = 120
PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


def some_rows() -> list[dict[str, Any]]:
    rows = [result(number) for number in range(ROWS)]
    rows[3] |= {"status": "failed", "error_type": "rate_limited", "error_message": "429", "cost_nano_usd": None}
    rows[4] |= {"tier": 2, "model": "gpt-4o", "latency_ms": None, "vehicle_id": "car 1"}
    rows[5] |= {"provider": "anthropic", "task_type": "coding", "component_type": "Button"}
    rows[6] |= {"event_id": ODD, "subject_id": ODD, "image_uri": "pixel.png", "output": '{"make": "<b>Ford</b>"}'}
    rows[6] |= {"answers": [{"question": "make?", "answer": "Ford", "table": "vehicles", "record_id": "v 1"}]}
    again = [result(7 + ROWS, event_id=rows[7]["event_id"], source_partition=1, model="repeated")]
    other_run = [result(6, "other", subject_id=ODD, event_id="later")]
    return rows + again + other_run


def some_components() -> list[dict[str, Any]]:
    """The later half takes longer; every third is a card, every twentieth failed."""
    return [
        component(
            number,
            component_type="Card" if number % 3 == 0 else "Button",
            status="failed" if number % 20 == 0 else "success",
            latency_ms=1_000 if number < 30 else 2_000,
        )
        for number in range(60)
    ]


FORMULA = '=cmd|"/c calc"!A1'
SCORES = {"semantic_confidence": 80.0, "visual_similarity_pixel": 70.0, "visual_similarity_semantic": 85.0}


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pictures")
    (folder / "pixel.png").write_bytes(PIXEL)
    (folder / "text.png").write_text("no picture")
    (folder.parent / "secret.png").write_bytes(PIXEL)
    (folder / "link.png").symlink_to(folder.parent / "secret.png")
    return folder


@pytest.fixture(scope="module")
def page(tables: Addresses, pictures: Path) -> Iterator[Served]:
    """A dashboard with ClickHouse and no Kafka: the history does not need it."""
    rows = some_rows()
    insert(tables.writer, "results", rows)
    uris = [f"file://{pictures}/pixel.png", "text.png", "../secret.png", "link.png", "https://example.com/pixel.png"]
    insert(tables.writer, "results", [result(n, "uris", image_uri=uri) for n, uri in enumerate(uris)])
    insert(tables.writer, "results", some_components())
    insert(tables.writer, "results", [result(0, "formulas", subject_id=FORMULA, vehicle_id="@x")])
    word = {"event_id": "f", "event_type": "feedback.recorded", "event_time": written(START_MS), "run_id": "history"}
    word |= {"subject_kind": "image", "subject_id": ODD, "rating": -1, "source_topic": "f", "source_offset": 0}
    insert(tables.writer, "feedback", [word])
    with served("127.0.0.1:9", "none.", clickhouse_url=tables.reader, pictures=pictures) as running:
        yield running


def listed(page: Served, **params: Any) -> list[dict[str, Any]]:
    wanted = {"run": "history", "limit": 200} | params
    answer = page.get("/api/results", **{name: value for name, value in wanted.items() if value is not None})
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["results"]
    return found


@pytest.mark.parametrize("sort", ["time", "-time", "cost", "-cost", "latency", "-latency", "confidence", "-confidence"])
def test_pages_neither_lose_nor_repeat(page: Served, sort: str) -> None:
    whole = [row["eventId"] for row in listed(page, sort=sort)]
    assert len(whole) == len(set(whole)) == ROWS
    walked, cursor = [], ""
    while cursor is not None:
        body = page.get("/api/results", run="history", sort=sort, limit=25, cursor=cursor).json()
        walked += [row["eventId"] for row in body["results"]]
        cursor = body["next"]
    assert walked == whole


def test_the_newest_come_first_and_the_unknown_last(page: Served) -> None:
    times = [row["effectiveAt"] for row in listed(page)]
    assert times == sorted(times, reverse=True)
    for sort in ("cost", "-cost"):
        assert listed(page, sort=sort)[-1]["costNanoUsd"] is None
    for sort in ("latency", "-latency"):
        assert listed(page, sort=sort)[-1]["latencyMs"] is None


def test_of_a_repeated_event_the_first_record_counts(page: Served) -> None:
    assert {row["model"] for row in listed(page)} == {"gpt-4o", "gpt-4o-mini"}
    assert listed(page, model="repeated") == []


@pytest.mark.parametrize(
    ("params", "count"),
    [
        ({"status": "failed"}, 1),
        ({"tier": 2}, 1),
        ({"tier": 2, "model": "gpt-4o"}, 1),
        ({"tier": 1, "model": "gpt-4o"}, 0),
        ({"provider": "anthropic"}, 1),
        ({"task_type": "coding"}, 1),
        ({"component_type": "Button"}, 1),
        ({"vehicle": "car 1"}, 1),
        ({"text": "IMAGE-11"}, 11),
        ({"text": "event-50"}, 1),
        ({"text": "<script>"}, 1),
        ({"text": "'"}, 1),
        ({"from": "2026-11-02T11:00:00Z"}, 60),
        ({"to": "2026-11-02T11:00:00+01:00"}, 0),
        ({"vehicle": "", "text": ""}, ROWS),
        ({"run": None}, ROWS + 67),
    ],
)
def test_each_filter(page: Served, params: dict[str, Any], count: int) -> None:
    assert len(listed(page, **params)) == count


@pytest.mark.parametrize(
    "params",
    [
        {"cursor": "x"}, {"cursor": "WzFd"}, {"cursor": "é"}, {"cursor": "WzEsMiwtM10"}, {"cursor": "____"},
        {"sort": "model"}, {"limit": 0}, {"limit": 201}, {"tier": 16}, {"tier": 10**30}, {"status": "good"},
        {"from": "yesterday"},
    ],
)  # fmt: skip
def test_what_is_wrong_is_a_problem(page: Served, params: dict[str, Any]) -> None:
    answer = page.get("/api/results", **params)
    assert (answer.status_code, answer.headers["content-type"]) == (400, "application/problem+json"), answer.text


def test_one_result_is_whole(page: Served) -> None:
    body = page.get(f"/api/results/history/{quote(ODD, safe='')}").json()
    fields = body["fields"]
    assert (fields["image_id"] if "image_id" in fields else fields["subject_id"]) == ODD
    assert fields["output"] == '{"make": "<b>Ford</b>"}'
    assert fields["answers"][0] | {"question": "make?", "answer": "Ford", "table": "vehicles"} == fields["answers"][0]
    assert fields["effective_at"].startswith("2026-11-02T10:06:00")
    assert {(row["runId"], row["eventId"]) for row in body["history"]} == {("history", ODD), ("other", "later")}
    assert [(word["rating"], word["question"]) for word in body["feedback"]] == [(-1, None)]
    assert page.get("/api/results/history/nobody").status_code == 404
    assert page.get("/api/results/history/event-8", partition=1).status_code == 404


def test_choices_are_those_of_the_run(page: Served) -> None:
    body = page.get("/api/results/choices", run="history").json()
    assert body["providers"] == ["anthropic", "openai"]
    assert body["componentTypes"] == ["Button"]
    assert page.get("/api/results/choices", run="nobody").json()["models"] == []


def test_a_picture_is_shown_only_from_the_folder(page: Served) -> None:
    shown = page.get(f"/api/results/history/{quote(ODD, safe='')}/picture")
    assert (shown.status_code, shown.headers["content-type"], shown.content) == (200, "image/png", PIXEL)
    answers = [page.get(f"/api/results/uris/event-{number}/picture") for number in range(5)]
    assert [answer.status_code for answer in answers] == [200, 404, 404, 404, 404]
    assert page.get("/api/results/history/event-1/picture").status_code == 404


def test_where_clickhouse_is_away_it_says_so() -> None:
    with served("127.0.0.1:9", "none.", clickhouse_url="http://reader:x@127.0.0.1:9") as away:
        for path in ("", "/choices", "/a/b", "/a/b/picture"):
            assert away.get("/api/results" + path).status_code == 503


@pytest.mark.parametrize("end", ["", " FORMAT CSV"])
def test_no_csv_holds_a_formula(page: Served, end: str) -> None:
    query = f"SELECT '{FORMULA}' AS text, -1 AS number, ['+1'] AS list{end}"
    body = page.client.post("/api/sql", json={"query": query, "format": "csv"}).text
    assert list(csv.reader(body.splitlines()))[-1] == ["'" + FORMULA, "-1", "['+1']"]
    export = page.get("/api/export/results", run="formulas").text
    [row] = csv.DictReader(io.StringIO(export))
    assert (row["subject_id"], row["vehicle_id"], row["error_message"]) == ("'" + FORMULA, "'@x", "")
    as_json = page.get("/api/export/results", run="formulas", format="json").json()
    assert as_json[0]["subject_id"] == FORMULA


def test_components_are_counted_scored_and_compared(page: Served) -> None:
    body = page.get("/api/quality", run="components").json()
    totals = body["totals"]
    assert (totals["results"], totals["components"], totals["successRate"]) == (60, 60, 100 * 57 / 60)
    assert totals["scores"] == pytest.approx({"classification_accuracy": 90.0, "code_quality": 60.0} | SCORES)
    assert {row["componentType"]: row["results"] for row in body["byComponentType"]} == {"Button": 40, "Card": 20}
    assert [(row["stage"], row["meanMs"], row["timeShare"]) for row in body["stages"]] == [
        ("generation", 700, 70), ("validation", 200, 20), ("embedding", 100, 10)
    ]  # fmt: skip
    assert body["stages"][0]["costShare"] == pytest.approx(80)
    assert sum(sum(row["results"]) for row in body["heat"]) == 60
    assert sum(point["results"] for point in body["points"]) == 60
    changes = {row["measure"]: row for row in body["changes"]}
    assert changes["p95_latency"]["verdict"] == "worse"
    assert (changes["code_quality"]["change"], changes["code_quality"]["verdict"]) == (0, "steady")
    assert "3 failed results" in body["opportunities"][0]["text"] or "3 failed" in str(body["opportunities"])


def test_quality_follows_its_filters(page: Served) -> None:
    cards = page.get("/api/quality", run="components", component_type="Card").json()
    assert (cards["totals"]["results"], [row["componentType"] for row in cards["byComponentType"]]) == (20, ["Card"])
    early = page.get("/api/quality", run="components", to="2026-11-02T10:30:00Z").json()
    assert early["totals"]["results"] == 30
    nothing = page.get("/api/quality", run="nobody").json()
    assert (nothing["points"], nothing["totals"]["successRate"], nothing["spending"]["monthly"]) == ([], None, None)


def test_a_thing_has_an_address_that_one_would_guess(page: Served) -> None:
    name = quote(ODD, safe="")
    assert page.get(f"/vehicles/{name}").headers["location"] == f"/vehicles?vehicle={name}"
    assert page.get(f"/results/history/{name}").headers["location"] == f"/results?run=history&event={name}"
