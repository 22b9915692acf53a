"""SQL, exports and lineage over HTTP: what is refused, what a limit does, and memory that does not grow with rows."""

import csv
import io
import json
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import psutil
import pyarrow.parquet as pq
import pytest
from hostile_sql import HOSTILE
from serving import DEADLINE_S, Served, served
from typer.testing import CliRunner

from imageledger.cli.main import app
from imageledger.errors import SettingsError
from servers.clickhouse.users import Addresses
from sinks.client import connect
from sinks.errors import NoLineage, NoSuchView, StatementRefused
from sinks.reading import export

NEVER = Path("/tmp/never")
ROWS = 120_000


@pytest.fixture(scope="module")
def store(tables: Addresses) -> Iterator[Addresses]:
    migrator = connect(tables.migrator)
    migrator.command("CREATE TABLE secrets (a UInt64) ENGINE = MergeTree ORDER BY a")
    migrator.command("INSERT INTO secrets VALUES (1)")
    connect(tables.writer).command(
        "INSERT INTO results (event_id, event_type, event_time, run_id, subject_kind, subject_id, status, tier, model,"
        " cost_usd, attributes, answers, recorded_at, effective_ms, source_topic, source_partition, source_offset)"
        " SELECT toString(number), 'image.result', fromUnixTimestamp64Milli(1793613600000 + number * 10, 'UTC'), 'big',"
        " 'image', if(number = 7, 'a/b \"ü\"', toString(number)), 'success', number % 3, 'm', 0.001,"
        " map('note', 'a, \"b\"\nc'), if(number = 7, [('q', 'yes', 0.5, 'cars', 'r 1', 2, 3, 'user')], []),"
        " now64(3), 1793613600000 + number * 10, 't', number % 4, intDiv(number, 4)"
        f" FROM numbers({ROWS})"
    )
    yield tables
    migrator.command("DROP TABLE secrets")


@pytest.fixture(scope="module")
def page(store: Addresses) -> Iterator[Served]:
    """A dashboard with ClickHouse and no Kafka: the store does not need it."""
    with served("127.0.0.1:9", "none.", clickhouse_url=store.reader) as running:
        yield running


def ask(page: Served, query: str, **more: Any) -> httpx.Response:
    return page.client.post("/api/sql", json={"query": query, **more})


@pytest.mark.parametrize(("statement", "parameters"), HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_statements_are_refused_by_both_faces(
    page: Served, store: Addresses, statement: str, parameters: dict[str, str]
) -> None:
    answer = ask(page, statement, parameters=parameters)
    assert answer.status_code in {400, 403}, (answer.status_code, answer.text)
    assert answer.headers["content-type"].startswith("application/problem+json")
    detail = answer.json()["detail"]
    assert "\n" not in detail
    direct = page.client.post(
        store.reader, content=statement, params={f"param_{name}": text for name, text in parameters.items()}
    )
    # ACCESS_DENIED, READONLY, SYNTAX_ERROR, UNKNOWN_TABLE, INTO_OUTFILE_NOT_ALLOWED
    assert direct.headers.get("x-clickhouse-exception-code") in {"497", "164", "62", "60", "358"}, direct.text
    for text in (answer.text, direct.text):
        assert "root:" not in text
    assert not NEVER.exists()


def test_there_are_enough_of_them() -> None:
    assert len(HOSTILE) > 140


def test_what_was_refused_changed_nothing(page: Served) -> None:
    assert ask(page, "SELECT * FROM secrets", format="csv").text == '"a"\n1\n'


def test_an_answer_has_columns_and_rows(page: Served) -> None:
    answer = ask(
        page,
        "SELECT tier, count() AS n, {text:String} AS t FROM results WHERE run_id = {run:String} GROUP BY 1 ORDER BY 1;",
        parameters={"run": "big", "text": "a\tb'\\n\n"},
    )
    assert answer.status_code == 200
    body = answer.json()
    assert [column["name"] for column in body["meta"]] == ["tier", "n", "t"]
    assert body["data"] == [[tier, ROWS // 3, "a\tb'\\n\n"] for tier in range(3)]


@pytest.mark.parametrize(
    ("form", "media_type"),
    [
        ("jsonl", "application/x-ndjson"),
        ("csv", "text/csv"),
        ("tsv", "text/tab-separated-values"),
        ("parquet", "application/vnd.apache.parquet"),
        ("arrow", "application/vnd.apache.arrow.file"),
    ],
)
def test_the_formats(page: Served, form: str, media_type: str) -> None:
    answer = ask(page, "SELECT 1 AS one", format=form)
    assert answer.headers["content-type"].partition(";")[0] == media_type
    assert answer.content


def test_a_format_clause_goes_first(page: Served) -> None:
    answer = ask(page, "SELECT 1 AS one FORMAT JSONEachRow")
    assert (answer.headers["imageledger-format"], answer.text) == ("JSONEachRow", '{"one":1}\n')


@pytest.mark.parametrize(
    ("query", "status", "says"),
    [
        ("SELECT nope FROM results", 400, "nope"),
        ("SELEC 1", 400, "Maybe you meant: SELECT"),
        ("SELECT count( FROM results", 400, "'(' at position 13 is never closed"),
        ("", 400, "one statement"),
        ("SELECT {x:UInt8}", 400, "x"),
        ("SELECT number FROM numbers(100001)", 422, "LIMIT"),
        ("SELECT repeat('x', 1000) FROM numbers(90000)", 422, "LIMIT"),
        ("SELECT groupArray(repeat('x', 1000000)) FROM numbers(100000)", 422, "memory"),
    ],
)
def test_what_is_wrong_or_too_much_is_said(page: Served, query: str, status: int, says: str) -> None:
    answer = ask(page, query)
    detail = answer.json()["detail"]
    assert (answer.status_code, says in detail) == (status, True), answer.text
    assert "EXPLAIN AST" not in detail  # the guard's own question
    assert "formatQuery" not in detail


@pytest.mark.parametrize(
    "body", [b"", b"[]", b'{"sql": "SELECT 1"}', b'{"query": 1}', b'{"query": "x", "format": "xml"}']
)
def test_another_body_is_a_problem(page: Served, body: bytes) -> None:
    answer = page.client.post("/api/sql", content=body, headers={"content-type": "application/json"})
    assert (answer.status_code, answer.json()["title"]) == (400, "Bad request")


def test_without_clickhouse_it_is_said() -> None:
    with served("127.0.0.1:9", "none.") as alone:
        assert ask(alone, "SELECT 1").status_code == 503
    with served("127.0.0.1:9", "none.", clickhouse_url="http://reader:x@127.0.0.1:9") as away:
        assert ask(away, "SELECT 1").status_code == 503
        assert away.get("/api/export/results").status_code == 503


@pytest.mark.parametrize("form", ["csv", "json", "parquet"])
def test_an_export_is_whole_and_streams_in_bounded_memory(page: Served, form: str) -> None:
    before = psutil.Process().memory_info().rss
    most, size, tail = before, 0, b""
    with page.client.stream("GET", "/api/export/results", params={"format": form, "run": "big"}) as answer:
        assert answer.headers["content-disposition"] == f'attachment; filename="results.{form}"'
        for chunk in answer.iter_raw():
            size += len(chunk)
            tail = (tail + chunk)[-64:]
            most = max(most, psutil.Process().memory_info().rss)
    assert size > 1 << 20
    assert most - before < 48 << 20
    assert tail.rstrip().endswith({"csv": b"", "json": b"]", "parquet": b"PAR1"}[form])


def test_a_filtered_export_reads_back_equal_in_every_format(page: Served) -> None:
    chosen = {
        "run": "big",
        "from": "2026-11-02T11:00:00.05+01:00",
        "to": "2026-11-02T10:00:00.10Z",
        "tier": "1",
        "model": "m",
        "provider": "unknown",
        "status": "success",
    }
    found = {}
    text = page.get("/api/export/results", format="csv", **chosen)
    assert text.text.count("\r\n") == 2
    found["csv"] = list(csv.DictReader(io.StringIO(text.text, newline="")))
    found["json"] = page.get("/api/export/results", format="json", **chosen).json()
    table = pq.read_table(io.BytesIO(page.get("/api/export/results", format="parquet", **chosen).content))
    found["parquet"] = table.to_pylist(maps_as_pydicts="strict")
    for rows in found.values():
        assert [row["event_id"] for row in rows] == ["7"]
        assert rows[0]["subject_id"] == 'a/b "ü"'
    note = {"note": 'a, "b"\nc'}
    assert (json.loads(found["csv"][0]["attributes"]), found["json"][0]["attributes"]) == (note, note)
    assert found["json"][0]["answers"][0]["record_id"] == "r 1"
    assert found["json"][0]["event_time"] == "2026-11-02T10:00:00.070000Z"
    assert found["csv"][0]["vehicle_id"] == ""


def test_components_answers_and_images_are_exported_by_their_own_filters(page: Served, store: Addresses) -> None:
    answers = [("q", "yes", 0.5, "", "", None, None, None)]
    rows = [
        ["a", "component.result", "few", "component", "c1", "success", 1, "button", answers],
        ["b", "component.result", "few", "component", "c2", "success", 1, "card", answers],
        *(["c", "image.result", "few", "image", "i1", "success", tier, None, []] for tier in (1, 2)),
        ["d", "image.result", "few", "image", "i2", "success", 1, None, []],
    ]
    names = ["event_id", "event_type", "run_id", "subject_kind", "subject_id", "status", "tier", "component_type"]
    connect(store.writer).insert(
        "results",
        [[row[0] + str(place), *row[1:], place] for place, row in enumerate(rows)],
        [*names, "answers", "source_offset"],
    )
    few = {"format": "json", "run": "few"}
    lineage = page.get("/api/export/lineage", component_type="button", **few).json()
    assert [row["subject_id"] for row in lineage] == ["c1"]
    images = page.get("/api/export/image_processing_metrics", tier="2", **few).json()
    assert [row["image_id"] for row in images] == ["i1"]


def test_a_spreadsheet_runs_nothing_of_an_export(page: Served, store: Addresses) -> None:
    texts = ["=1+1", "@SUM(A1)", "-2", "\t=1", " +1", "a=1", "ü"]
    connect(store.writer).insert(
        "results",
        [[text, "image.result", "sheet", "image", text, "success", 1, text, place] for place, text in enumerate(texts)],
        ["event_id", "event_type", "run_id", "subject_kind", "subject_id", "status", "tier", "model", "source_offset"],
    )
    rows = list(
        csv.DictReader(io.StringIO(page.get("/api/export/results", format="csv", run="sheet").text, newline=""))
    )
    assert [row["model"] for row in rows] == ["'=1+1", "'@SUM(A1)", "'-2", "'\t=1", "' +1", "a=1", "ü"]
    as_json = page.get("/api/export/results", format="json", run="sheet").json()
    assert [row["model"] for row in as_json] == texts


def test_an_export_that_fails_on_the_way_has_no_proper_end(page: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    failing = f"toUInt32(throwIf(t.source_offset = {ROWS // 4 - 1_000}, 'boom')) AS insights"
    plain = export._column
    monkeypatch.setattr(export, "_column", lambda name, *more: failing if name == "insights" else plain(name, *more))

    def ends_properly() -> bool:
        with page.client.stream("GET", "/api/export/results", params={"format": "json", "run": "big"}) as answer:
            for _ in answer.iter_raw():
                pass
            return answer.status_code == 200  # where it fails before the first row is out, the status says so

    with suppress(httpx.RemoteProtocolError):
        assert not ends_properly()


@pytest.mark.parametrize(
    ("path", "status", "says"),
    [
        ("/api/export/users", 404, "image_processing_metrics"),
        ("/api/export/system.users", 404, "not exported"),
        ("/api/export/secrets", 404, "not exported"),
        ("/api/export/run_by_model?tier=1", 400, "only by run, model"),
        ("/api/export/results?format=xml", 400, ""),
        ("/api/export/results?from=yesterday", 400, ""),
        ("/api/export/results?to=9999-12-31T23:59:59-12:00", 400, "2299"),
        ("/api/export/results?tier=-1", 400, ""),
        ("/api/export/results?status=done", 400, ""),
        ("/api/export/results?run_id=big", 400, "no filter 'run_id'"),
        ("/api/export/results?run=big&componentType=button", 400, "component_type"),
        ("/api/lineage/image/none", 404, "imageledger sql"),
        ("/api/lineage/record/cars/none", 404, "imageledger sql"),
    ],
)
def test_what_is_not_there_comes_with_its_remedy(page: Served, path: str, status: int, says: str) -> None:
    answer = page.client.get(path)
    assert (answer.status_code, says in answer.json()["detail"]) == (status, True), answer.text


def test_lineage_both_ways_with_any_id(page: Served) -> None:
    there = page.client.get("/api/lineage/image/a%2Fb%20%22%C3%BC%22", timeout=DEADLINE_S).json()
    (step,) = there["steps"]
    assert (step["subjectId"], step["table"], step["recordId"]) == ('a/b "ü"', "cars", "r 1")
    assert (step["model"], step["answer"], step["validatedBy"], step["holds"]) == ("m", "yes", "user", True)
    back = page.client.get("/api/lineage/record/cars/r%201").json()
    assert back["steps"] == there["steps"]
    kinds = {node["kind"] for node in back["nodes"]}
    assert kinds == {"image", "call", "model", "answer", "record"}
    known = {node["id"] for node in back["nodes"]}
    assert all({edge["source"], edge["target"]} <= known for edge in back["edges"])
    assert back["about"] in known


def command(store: Addresses, *words: str, stdin: str = "") -> Any:
    """One command of the product, as the reader."""
    return CliRunner().invoke(app, words, input=stdin, env={"IMAGELEDGER_CLICKHOUSE": store.reader})


def test_sql_on_the_command_line(store: Addresses) -> None:
    words = (
        "SELECT tier, count() AS n FROM results WHERE run_id = {run:String} GROUP BY 1 ORDER BY 1",
        "--param",
        "run=big",
    )
    assert command(store, "sql", *words).stdout == f'"tier","n"\n0,{ROWS // 3}\n1,{ROWS // 3}\n2,{ROWS // 3}\n'
    table = command(store, "sql", *words, "--format", "table").stdout
    assert ("tier" in table, f"{ROWS // 3}" in table, "3 rows" in table) == (True, True, True)
    assert command(store, "sql", "--format", "jsonl", stdin="SELECT 1 AS one").stdout == '{"one":1}\n'
    for query in ("DROP TABLE secrets", "SELECT file('/etc/passwd')", "SELECT 1; SELECT 2"):
        refused = command(store, "sql", query)
        assert isinstance(refused.exception, StatementRefused)
        assert "\n" not in str(refused.exception)
    assert isinstance(command(store, "sql", "SELECT 1", "--param", "x").exception, SettingsError)


def test_an_exported_file_is_there_only_when_it_is_whole(store: Addresses, tmp_path: Path) -> None:
    path = tmp_path / "out.json"
    done = command(
        store, "export", "results", "--format", "json", "--run", "big", "--tier", "1", "--to-file", str(path)
    )
    assert (done.exit_code, done.stdout) == (0, "")
    assert len(json.loads(path.read_text())) == ROWS // 3
    failed = command(store, "export", "nope", "--to-file", str(tmp_path / "never"))
    assert isinstance(failed.exception, NoSuchView)
    assert [file.name for file in tmp_path.iterdir()] == ["out.json"]
    assert command(store, "export", "run_by_tier", "--run", "none").stdout_bytes.count(b"\r\n") == 1


def test_lineage_on_the_command_line(store: Addresses, page: Served) -> None:
    drawn = command(store, "lineage", "image", 'a/b "ü"').stdout
    for part in ('image a/b "ü"', "tier 1 m (unknown)", "q = yes (confidence 50%, 2 of 3 models agreed", "→ cars/r 1"):
        assert part in drawn
    written = command(store, "lineage", "record", "cars", "r 1", "--json").stdout
    assert json.loads(written) == page.client.get("/api/lineage/record/cars/r%201").json()
    assert isinstance(command(store, "lineage", "image", "none").exception, NoLineage)
