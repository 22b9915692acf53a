"""An import: every format's contract, units exactly, names known without a mapping, nothing lost or counted twice."""

import gzip
import json
import threading
import tomllib
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from events.envelope import Event
from events.numbers import nano_usd
from events.refusals import Refused
from processors.errors import ImportFileError, MappingError
from processors.importing import load as importing
from processors.importing.fields import DURATIONS, FRACTIONS, MONEY
from processors.importing.load import Imported, import_file
from processors.importing.mapping import Mapping

MAPPING = """
[constants]
provider = "openai"
scores.fixed = 2
[fields]
image_id = "img"
event_time = { column = "when", format = "%d.%m.%Y %H:%M:%S", zone = "Europe/Berlin" }
cost = { column = "price_cents", unit = "cents" }
latency = { column = "secs", unit = "s" }
confidence = { column = "conf", unit = "percent" }
status = { column = "ok", values = { true = "success", false = "failed" } }
error.type = "why"
input_tokens = { column = "usage.prompt", default = 0 }
"""
COLUMNS = ["img", "when", "price_cents", "secs", "conf", "ok", "why", "usage.prompt"]
GOOD: list[list[Any]] = [
    ["im 1/ü", "02.11.2026 11:00:00", "12.3", "0.25", "93.5", "true", "", "7"],
    ["im2", "02.11.2026 11:00:01", "", "", "", "false", "timeout", ""],
]


class Taken:
    """A publisher that takes everything, or fails as told."""

    def __init__(self, room: int = 10**9) -> None:
        self.events: list[Any] = []
        self.waiting = 0
        self.most = 0
        self.flushes = 0
        self._room = room

    def publish(self, event: Event) -> bool:
        if self.waiting >= self._room:
            return False
        self.events.append(event)
        self.waiting += 1
        self.most = max(self.most, self.waiting)
        return True

    def flush(self, timeout_s: float) -> int:
        self.flushes += 1
        self.waiting = 0
        return 0


def mapping(text: str = MAPPING) -> Mapping:
    return Mapping(tomllib.loads(text), "m.toml")


def imported(path: Path, **more: Any) -> tuple[Imported, list[Any]]:
    publisher = Taken()
    return import_file(path, publisher, **more), publisher.events


def rejects(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in Path(f"{path}.rejects.jsonl").read_text().splitlines()]


def written(folder: Path, form: str) -> Path:
    """The good rows in one of the formats."""
    rows = [dict(zip(COLUMNS, row, strict=True)) for row in GOOD]
    path = folder / f"rows.{form}"
    lines = [json.dumps(row) for row in rows]
    match form:
        case "jsonl":
            path.write_text("\n".join(lines) + "\n\n")
        case "jsonl.gz":
            path.write_bytes(gzip.compress("\n".join(lines).encode()))
        case "json":
            path.write_text("[\n" + ",\n".join(lines) + "\n]\n")
        case "pretty.json":
            path.write_text(json.dumps(rows, indent=2))
        case "csv":
            path.write_text("\n".join(",".join(cells) for cells in [COLUMNS, *GOOD]), "utf-8-sig")
        case "tsv":
            path.write_text("\n".join("\t".join(cells) for cells in [COLUMNS, *GOOD]))
        case "parquet":
            pq.write_table(pa.Table.from_pylist(rows), path)
        case "log":
            path.write_text("\n".join(["starting", *("|".join(cells) for cells in GOOD), "bye"]))
    return path


@pytest.mark.parametrize("form", ["jsonl", "jsonl.gz", "json", "pretty.json", "csv", "tsv", "parquet", "log"])
def test_every_format_gives_the_same_events(tmp_path: Path, form: str) -> None:
    path = written(tmp_path, form)
    groups = "".join(f"(?P<c{n}>[^|]*)[|]" for n in range(len(COLUMNS))).removesuffix("[|]")
    text = MAPPING
    if form == "log":  # a group's name has no dots
        for n, name in reversed(list(enumerate(COLUMNS))):
            text = text.replace(f'"{name}"', f'"c{n}"')
        text = f"[source]\npattern = '^{groups}$'\n" + text
    report, events = imported(path, mapping=mapping(text), run_id="r")
    assert (report.events, report.confirmed, report.rejected, report.complete) == (2, 2, 0, True)
    assert report.skipped == (2 if form == "log" else 0)
    first, second = events
    assert (first.image_id, first.run_id, first.status, first.provider) == ("im 1/ü", "r", "success", "openai")
    assert first.event_time == datetime(2026, 11, 2, 10, tzinfo=UTC)
    assert (first.cost_usd, first.latency_ms, first.confidence, first.input_tokens) == (0.123, 250.0, 0.935, 7)
    assert first.scores == {"fixed": 2.0}
    assert (second.cost_usd, second.latency_ms, second.input_tokens) == (None, None, 0)
    assert (second.status, second.error.type) == ("failed", "timeout")
    assert not Path(f"{path}.rejects.jsonl").exists()


@given(st.decimals(0, 10**8, places=7), st.sampled_from(sorted(MONEY)))
def test_money_is_exact_whatever_its_unit(amount: Decimal, unit: str) -> None:
    usd = amount * MONEY[unit]
    made = mapping(f'[fields]\ncost = {{ column = "c", unit = "{unit}" }}').document({"c": str(amount)})
    assert made["cost_usd"] == float(usd)
    assert nano_usd(made["cost_usd"]) == nano_usd(float(usd))
    if usd < 10**5 and (usd * 10**9) % 1 == 0:
        assert nano_usd(made["cost_usd"]) == int(usd * 10**9)


@given(st.integers(0, 10**9), st.sampled_from(sorted(DURATIONS)), st.sampled_from([str, int, float, Decimal]))
def test_a_duration_is_the_same_as_text_and_number(amount: int, unit: str, kind: Any) -> None:
    made = mapping(f'[fields]\nlatency = {{ column = "c", unit = "{unit}" }}').document({"c": kind(amount)})
    assert made["latency_ms"] == float(amount * DURATIONS[unit])


@given(st.text(max_size=20))
def test_any_text_is_a_number_or_refused_where_a_number_belongs(text: str) -> None:
    wanted = mapping(f'[fields]\nconfidence = {{ column = "c", unit = "{next(iter(FRACTIONS))}" }}')
    try:
        found = str(wanted.document({"c": text}).get("confidence"))
    except importing.Refused as refused:
        found = refused.detail
    assert found == "None" if text == "" else found.startswith("$.confidence") or float(found) == float(text)


@pytest.mark.parametrize(
    ("when", "spec"),
    [
        ("1793613600", '{ column = "t", unit = "s" }'),
        (1793613600000, '{ column = "t", unit = "ms" }'),
        ("2026-11-02 10:00:00", '"t"'),
        ("2026-11-02T11:00:00+01:00", '"t"'),
        (datetime(2026, 11, 2, 10), '"t"'),  # noqa: DTZ001 - as Parquet gives times without a zone
    ],
)
def test_times_by_unit_zone_and_offset(when: Any, spec: str) -> None:
    made = mapping(f"[fields]\nevent_time = {spec}").document({"t": when})
    assert datetime.fromisoformat(made["event_time"]) == datetime(2026, 11, 2, 10, tzinfo=UTC)


def test_a_refused_row_says_where_and_why_and_the_others_go_on(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    bad = [
        ["", "02.11.2026 11:00:00", "1", "1", "1", "true", "", "1"],
        ["a", "31.31.2026 11:00:00", "1", "1", "1", "true", "", "1"],
        ["a", "02.11.2026 11:00:00", "free", "1", "1", "true", "", "1"],
        ["a", "02.11.2026 11:00:00", "-1", "1", "1", "true", "", "1"],
        ["a", "02.11.2026 11:00:00", "nan", "1", "1", "true", "", "1"],
        ["a", "02.11.2026 11:00:00", "1", "1", "101", "true", "", "1"],
        ["a", "02.11.2026 11:00:00", "1", "1", "1", "perhaps", "", "1"],
        ["a", "02.11.2026 11:00:00", "1", "1", "1", "true", "", "1.5"],
        ["a", "too few"],
    ]
    path.write_text("\n".join(",".join(cells) for cells in [COLUMNS, *bad, *GOOD]))
    report, events = imported(path, mapping=mapping())
    assert (report.rows, report.rejected, len(events)) == (11, 9, 2)
    assert report.rejects == f"{path}.rejects.jsonl"
    assert [(line["row"], line["reason"], line["detail"].partition(":")[0]) for line in rejects(path)] == [
        (1, "missing_field", "$.image_id"),
        (2, "wrong_type", "$.event_time"),
        (3, "wrong_type", "$.cost_usd"),
        (4, "negative", "$.cost_usd"),
        (5, "not_finite", "$.cost_usd"),
        (6, "out_of_range", "$.confidence"),
        (7, "wrong_type", "$.status"),
        (8, "wrong_type", "$.input_tokens"),
        (9, "wrong_type", "2 cells under 8 columns"),
    ]
    assert rejects(path)[2]["record"]["price_cents"] == "free"
    path.write_text("\n".join(",".join(cells) for cells in [COLUMNS, *GOOD]))
    imported(path, mapping=mapping())
    assert not Path(f"{path}.rejects.jsonl").exists()


@pytest.mark.parametrize("number", ["9" * 5_000, "1e999999", "1e999999999"])
def test_a_number_beyond_all_bounds_is_refused_and_ends_nothing(tmp_path: Path, number: str) -> None:
    path = tmp_path / "rows.csv"
    dear = ["a", "02.11.2026 11:00:00", number, "1", "1", "true", "", "1"]
    long = ["a", "02.11.2026 11:00:00", "1", "1", "1", "true", "", number]
    path.write_text("\n".join(",".join(cells) for cells in [COLUMNS, dear, long, *GOOD]))
    report, events = imported(path, mapping=mapping())
    assert (report.rejected, len(events)) == (2, 2)
    since = mapping('[fields]\nevent_time = { column = "t", unit = "s" }')
    with pytest.raises(Refused, match="out of every bound"):
        since.document({"t": number})


def test_lines_that_are_no_json_are_rejected_one_by_one(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    good = json.dumps({"image_id": "a", "event_time": "2026-11-02T10:00:00Z", "event_id": "e", "status": "success"})
    path.write_bytes(b"\xff\n{\n17\n[1]\n" + good[:-1].encode() + b', "event_type": "image.result"}\n' + b"{" * 100_000)
    report, events = imported(path)
    assert (report.rejected, [event.event_id for event in events]) == (5, ["e"])
    assert [line["reason"] for line in rejects(path)] == [
        "not_text",
        "not_json",
        "wrong_type",
        "wrong_type",
        "not_json",
    ]


def test_ids_come_of_place_and_content_not_of_the_files_name(tmp_path: Path) -> None:
    path = written(tmp_path, "csv")
    _, first = imported(path, mapping=mapping())
    with path.open("a") as file:  # it grew
        file.write("\n" + ",".join(["im3", *GOOD[0][1:]]))
    _, grown = imported(path.rename(tmp_path / "elsewhere.csv"), mapping=mapping())
    assert [event.event_id for event in grown][:2] == [event.event_id for event in first]
    assert len({event.event_id for event in grown}) == 3
    other = tmp_path / "other.csv"
    other.write_text("\n".join(",".join(cells) for cells in [COLUMNS, GOOD[1], GOOD[1], GOOD[1]]))
    _, others = imported(other, mapping=mapping())
    assert len({event.event_id for event in (*grown, *others)}) == 6


def test_what_is_on_its_way_is_bounded_and_nothing_is_lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importing, "WINDOW_EVENTS", 10)
    path = tmp_path / "rows.csv"
    path.write_text("\n".join(",".join(cells) for cells in [COLUMNS, *GOOD * 50]))
    for room in (10**9, 3):  # a publisher that others fill as well
        publisher = Taken(room)
        report = import_file(path, publisher, mapping=mapping())
        assert (report.events, report.confirmed, len(publisher.events)) == (100, 100, 100)
        assert publisher.most <= min(10, room)


class Away(Taken):
    """Kafka does not answer until asked so often."""

    def __init__(self, silences: int, stop: threading.Event | None = None) -> None:
        super().__init__()
        self.silences, self._stop = silences, stop

    def flush(self, timeout_s: float) -> int:
        self.silences -= 1
        if self.silences < 0:
            return super().flush(timeout_s)
        if self._stop is not None:
            self._stop.set()
        return self.waiting


def test_it_waits_for_kafka_until_it_is_told_to_stop(tmp_path: Path) -> None:
    path = written(tmp_path, "csv")
    told: list[bool] = []
    report = import_file(path, Away(3), mapping=mapping(), progress=lambda done, total, waiting: told.append(waiting))
    assert (report.complete, told.count(True)) == (True, 3)
    stop = threading.Event()
    report = import_file(path, Away(10**9, stop), mapping=mapping(), stop=stop)
    assert (report.stopped, report.complete, report.confirmed) == (True, False, 0)


def test_a_dry_run_checks_and_publishes_nothing(tmp_path: Path) -> None:
    report = import_file(written(tmp_path, "csv"), None, mapping=mapping())
    assert (report.events, report.confirmed) == (2, 0)


def span(**attributes: Any) -> dict[str, Any]:
    return {
        "name": "chat", "context": {"trace_id": "0xaa", "span_id": "0x01"}, "parent_id": "0x02",
        "start_time": "2026-11-02T10:00:00.000000Z", "end_time": "2026-11-02T10:00:01.500000Z",
        "status": {"status_code": "OK"}, "attributes": attributes,
    }  # fmt: skip


GENAI = {
    "gen_ai.request.model": "m", "gen_ai.response.model": "m-1", "gen_ai.provider.name": "p",
    "gen_ai.operation.name": "chat", "gen_ai.usage.input_tokens": 12, "gen_ai.usage.output_tokens": 3,
    "gen_ai.usage.cache_read.input_tokens": 2, "gen_ai.usage.reasoning.output_tokens": 1,
    "gen_ai.conversation.id": "conv",
}  # fmt: skip
OPENINFERENCE = {
    "llm.model_name": "m", "llm.response.model_name": "m-1", "llm.provider": "p", "openinference.span.kind": "LLM",
    "llm.token_count.prompt": 12, "llm.token_count.completion": 3, "llm.token_count.prompt_details.cache_read": 2,
    "llm.token_count.completion_details.reasoning": 1, "session.id": "conv",
}  # fmt: skip


def lines(path: Path, *documents: dict[str, Any]) -> Path:
    path.write_text("".join(json.dumps(document) + "\n" for document in documents))
    return path


@pytest.mark.parametrize("attributes", [GENAI, OPENINFERENCE], ids=["opentelemetry", "openinference"])
def test_spans_are_known_without_a_mapping(tmp_path: Path, attributes: dict[str, Any]) -> None:
    flat = {f"attributes.{name}": value for name, value in attributes.items()}
    phoenix = {
        **flat, "context.trace_id": "t", "context.span_id": "s", "start_time": "2026-11-02T10:00:00Z",
        "end_time": "2026-11-02T10:00:01.5Z", "status_code": "ERROR", "status_message": "rate limit",
    }  # fmt: skip
    image = span(**attributes, **{"imageledger.image_id": "im", "imageledger.tier": 2, "imageledger.confidence": 0.5})
    report, events = imported(lines(tmp_path / "s.jsonl", span(**attributes), phoenix, image, span()), run_id="r")
    assert (report.events, report.skipped) == (3, 1)
    first, failed, seen = events
    assert (first.event_id, first.message_id, first.conversation_id) == ("0xaa-0x01", "0x01", "conv")
    assert (first.model, first.model_version, first.provider, first.latency_ms) == ("m", "m-1", "p", 1500.0)
    assert (first.input_tokens, first.output_tokens, first.cached_tokens, first.usage) == (12, 3, 2, {"reasoning": 1})
    assert (first.status, first.error, first.started_at) == ("success", None, datetime(2026, 11, 2, 10, tzinfo=UTC))
    assert (failed.status, failed.error.message) == ("failed", "rate limit")
    assert (seen.image_id, seen.tier, seen.confidence) == ("im", 2, 0.5)


def test_spans_as_otlp_writes_them(tmp_path: Path) -> None:
    pairs = [
        {"key": name, "value": {"intValue": str(v)} if isinstance(v, int) else {"stringValue": v}}
        for name, v in GENAI.items()
    ]
    times = {"startTimeUnixNano": "1793613600000000000", "endTimeUnixNano": "1793613600250000000"}
    spans = [
        {"traceId": "t", "spanId": "1", **times, "attributes": pairs},
        {"traceId": "t", "spanId": "2", **times, "attributes": pairs, "status": {"code": 2, "message": "no"}},
        {"traceId": "t", "spanId": "3", **times},
        {
            "traceId": "t",
            "spanId": "4",
            **times,
            "attributes": [*pairs, {"key": "gen_ai.operation.name", "value": {"stringValue": "invoke_agent"}}],
        },
    ]
    resource = {"attributes": [{"key": "service.name", "value": {"stringValue": "shop"}}]}
    request = {"resourceSpans": [{"resource": resource, "scopeSpans": [{"spans": spans}]}]}
    _, events = imported(lines(tmp_path / "o.jsonl", request))
    assert [(event.event_id, event.status, event.source) for event in events] == [
        ("t-1", "success", "shop"),
        ("t-2", "failed", "shop"),
    ]
    assert (events[0].latency_ms, events[0].input_tokens) == (250.0, 12)


def test_our_own_events_are_judged_byte_for_byte(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    event = '{"event_type":"image.result","event_id":"%d","event_time":"2026-11-02T10:00:00Z","run_id":"old",'
    tail = '"image_id":"a","status":"success","output":{"b": 1.50, "a":[ 1e2]}%s}\n'
    path.write_text(event % 1 + tail % "" + event % 2 + tail % ',"cost_usd":-1')
    report, (only,) = imported(path, run_id="new")
    assert (report.rejected, only.run_id, bytes(only.output)) == (1, "new", b'{"b": 1.50, "a":[ 1e2]}')
    assert [line["reason"] for line in rejects(path)] == ["negative"]
    path.write_text('{"event_type":"run.metrics","event_id":"1"}\n')
    with pytest.raises(ImportFileError, match="not taken from outside"):
        imported(path)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[fields]\nnope = 'a'", "no field 'nope'"),
        ("[fields]\nimage_id = { column = 'a', unit = 's' }", "unit 's'"),
        ("[fields]\ncost = { column = 'a', unit = 'euros' }", "one of usd, cents"),
        ("[fields]\nevent_time = { column = 'a', zone = 'Mars' }", "Mars"),
        ("[fields]\nimage_id = { column = 'a', colour = 1 }", "colour"),
        ("[field]\nimage_id = 'a'", "unknown table"),
        ("fields = 3", "'fields' is to be a table"),
        ("constants = ['a']", "'constants' is to be a table"),
        ("[constants]\nevent_type = 'image.maybe'", "event_type"),
    ],
)
def test_a_wrong_mapping_says_where(text: str, says: str) -> None:
    with pytest.raises(MappingError, match=says):
        mapping(text)


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("a.xyz", b"x", "--mapping"),
        ("a.log", b"x", "pattern"),
        ("a.parquet", b"x", "no Parquet"),
        ("a.jsonl", b'{"a": 1}\n', "--mapping"),
        ("a.json.gz", b"x", "cannot be read"),
        ("a.csv", b"", "no header"),
    ],
)
def test_a_file_that_cannot_be_imported_says_why(tmp_path: Path, name: str, content: bytes, says: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ImportFileError, match=says):
        imported(tmp_path / name)
    with pytest.raises(ImportFileError, match="cannot be read"):
        imported(tmp_path / "not-there.csv")


@pytest.mark.parametrize("form", ["csv", "tsv", "parquet"])
def test_a_column_that_the_file_has_not_is_said_before_anything_is_published(tmp_path: Path, form: str) -> None:
    """A row counts once in its run, so a mistyped column is not to be mended in it any more."""
    path, publisher = written(tmp_path, form), Taken()
    wrong = mapping(MAPPING.replace('"img"', '"imgg"'))
    with pytest.raises(ImportFileError, match=r"no column 'imgg'.*image_id.*it has .*img"):
        import_file(path, publisher, mapping=wrong)
    assert publisher.events == []
    assert imported(path, mapping=mapping(MAPPING + 'variant = { column = "none", default = "a" }\n'))[0].events


def test_a_column_that_no_row_of_json_has_is_named(tmp_path: Path) -> None:
    """Rows of JSON leave out what they do not know: only all of them together tell."""
    path = written(tmp_path, "jsonl")
    mistyped = mapping(MAPPING + 'variant = "varient"\nvehicle_id = "img"\n')
    assert imported(path, mapping=mistyped)[0].without_value == {"varient": "variant"}
    assert imported(path, mapping=mapping())[0].without_value == {}
