"""A run as a document: all four forms say one thing, one snapshot gives one sequence of bytes, hostile text is text."""

import csv
import io
import json
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from pypdf import PdfReader
from sample_runs import snapshot

from dashboard.live.runs import Snapshot
from dashboard.pages import formats
from dashboard.routes.report import document
from events import codec
from events.snapshots import Projection, RunMetrics
from imageledger.cli.report import Every, seconds_to_next

AS_OF = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
EVIL = ("=cmd|' /C calc'!A0", "<script>alert(1)</script>", "+1", "-2+3", "@SUM(1)", "‮אב" * 400, "x" * 10_000)
S0 = {
    "summary": {"totalImages", "processedSuccessfully", "failed", "totalCost", "duration", "avgCostPerImage"},
    "breakdown": {"byTier", "byModel", "byContextScore"},
    "quality": {"avgConfidence", "validationRate", "consensusRate"},
    "outcomes": {"tablesPopulated", "insightsGenerated", "gapsIdentified"},
}


def of(event: RunMetrics) -> Snapshot:
    return Snapshot(codec.encode(event), "0-1")


def many() -> Snapshot:
    records = {"image_tags": 12_847, "part_identifications": 3_421}
    event = snapshot(as_of=AS_OF)
    return of(msgspec.structs.replace(event, totals=event.totals | {"records": records, "insights": 31, "gaps": 7}))


def none() -> Snapshot:
    empty: dict[str, Any] = {"totals": {}, "by_tier": {}, "by_model": {}, "by_provider": {}, "by_band": {}}
    return of(snapshot("nothing", share=0, plan=False, as_of=AS_OF, started_at=None, **empty))


def one() -> Snapshot:
    group = {"results": 1, "success": 1, "cost_nano_usd": 500_000, "confidence_sum_ppm": 940_000, "confidence_count": 1}
    totals = group | {"subjects": 1, "processed_subjects": 1}
    return of(snapshot("single", share=0, plan=False, as_of=AS_OF, totals=totals, by_model={"gpt-4o-mini": group}))


def million() -> Snapshot:
    models = {f"model-{n}": {"results": 5_000, "cost_nano_usd": 10**9 + n} for n in range(200)}
    totals = {"results": 10**6, "subjects": 10**6, "cost_nano_usd": 200 * 10**9}
    return of(snapshot("million", as_of=AS_OF, by_model=models, totals=totals))


def as_json(found: Snapshot) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(document(found, "json"))
    return body


def text_of(pdf: bytes) -> str:
    return "\n".join(page.extract_text() for page in PdfReader(io.BytesIO(pdf)).pages)


def test_every_name_of_the_interface_is_there() -> None:
    body = as_json(many())
    for part, names in S0.items():
        assert names <= set(body[part]), part
    assert body["recommendations"][0] == "1,184 images have poor context (add docs to reduce costs)"
    assert body["exportedAt"] == "2026-11-21T12:00:00Z"
    assert body["format"] == "json"


def test_the_figures_are_those_of_the_dashboard() -> None:
    found, body = many(), as_json(many())
    assert body["summary"]["totalCost"] == found.body.costs.total_spent
    assert (body["summary"]["totalImages"], body["summary"]["processedSuccessfully"]) == (2_741, 1_872)
    assert body["summary"]["duration"] == "1h 41m"
    assert body["breakdown"]["byModel"]["claude-haiku"] == {"count": 1_872, "cost": 0.14976, "avgConfidence": None}
    assert body["breakdown"]["byContextScore"]["poor"]["count"] == 1_184
    assert body["outcomes"] == {
        "tablesPopulated": {"image_tags": 12_847, "part_identifications": 3_421},
        "insightsGenerated": 31,
        "gapsIdentified": 7,
    }


@pytest.mark.parametrize("found", [none(), one(), many(), million()], ids=["none", "one", "many", "million"])
def test_the_pdf_opens_and_its_numbers_equal_those_of_the_json(found: Snapshot) -> None:
    pdf, body = document(found, "pdf"), as_json(found)
    text = text_of(pdf)
    summary = body["summary"]
    for value, form in (
        (summary["totalImages"], "count"),
        (summary["processedSuccessfully"], "count"),
        (summary["failed"], "count"),
        (summary["totalCost"], "usd"),
        (summary["avgCostPerImage"], "unitUsd"),
        (body["technical"]["results"], "count"),
    ):
        assert formats.written(value, form).replace(formats.UNKNOWN, "-") in text
    for model, part in body["breakdown"]["byModel"].items():
        assert model in text
        assert formats.usd(part["cost"]) in text
    for sentence in body["executiveSummary"]:
        assert sentence["text"].split(":")[0].split()[0] in text


@pytest.mark.parametrize("form", ["json", "csv", "pdf", "html"])
def test_the_same_snapshot_gives_the_same_bytes(form: Any) -> None:
    assert document(many(), form) == document(many(), form)


def test_csv_holds_every_number_of_the_json() -> None:
    body = as_json(many())
    rows = list(csv.reader(io.StringIO(document(many(), "csv").decode(), newline="")))
    assert rows[0] == ["section", "item", "measure", "value"]
    found = {tuple(row[:3]): row[3] for row in rows[1:]}
    assert float(found["summary", "", "total cost"]) == body["summary"]["totalCost"]
    for model, part in body["breakdown"]["byModel"].items():
        assert float(found["by model", model, "cost"]) == part["cost"]
    assert found["outcomes", "image_tags", "records"] == "12847"


@pytest.mark.parametrize("text", EVIL)
def test_hostile_text_is_text_in_every_form(text: str) -> None:
    found = of(snapshot("evil", as_of=AS_OF, name=text, by_model={text: {"results": 1, "cost_nano_usd": 1}}))
    cells = [row[1] for row in csv.reader(io.StringIO(document(found, "csv").decode(), newline=""))]
    assert not any(cell.startswith(("=", "+", "-", "@")) for cell in cells)
    assert "<script>" not in document(found, "html").decode()
    assert PdfReader(io.BytesIO(document(found, "pdf"))).pages
    assert text in as_json(found)["breakdown"]["byModel"]


def test_numbers_stay_numbers_in_a_spreadsheet() -> None:
    found = of(snapshot("dear", as_of=AS_OF, projection=Projection(savings_nano_usd=-46_250_000_000)))
    assert b'"saved",-46.25\r\n' in document(found, "csv")


def test_a_schedule_ends_with_the_hour_the_day_and_the_week() -> None:
    now = datetime(2026, 11, 21, 22, 30, tzinfo=UTC)  # a Saturday
    assert [seconds_to_next(now, every) for every in Every] == [1_800, 5_400, 5_400 + 86_400]
