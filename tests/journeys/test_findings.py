"""What a run found out: the command, the pure fold and the documented SQL say the same."""

import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
from live_stack import BACKFILL, Stack, eventually

from events.profiles import VehicleProfiled
from events.results import Answer, Gap, ImageResult
from events.sdk.publisher import Publisher
from metrics.views.questions.comparing import COMPARING

DOCUMENT = (Path(__file__).parents[2] / "docs" / "sql.md").read_text()
STATEMENTS = re.findall(r"```sql\n(.*?)```", DOCUMENT.partition("## What was found\n")[2], re.DOTALL)
COMPARED = COMPARING.questions[0].sql
"""Strategies by cost, failures and quality."""
SECTIONS = ("views", "parts", "quality", "gaps", "repeated")
CAR, AGAIN = "car-asked-again", "asked-again"


@pytest.fixture(scope="module")
def report(stack: Stack, backfilled: dict[str, Any]) -> dict[str, Any]:
    def stored() -> bool:
        with stack.clickhouse() as client:
            query = f"SELECT results, (SELECT count() FROM profiles) FROM run_totals WHERE run_id = '{BACKFILL}'"
            rows = client.query(query).result_rows
        return bool(rows) and rows[0][0] == sum(backfilled["calls"].values()) and rows[0][1] > 100

    eventually(stored, "the run and its profiles are stored")
    done = stack.run("findings", "--run", BACKFILL, "--json")
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout))


def asked_by_sql(stack: Stack, run: str) -> dict[str, list[dict[str, Any]]]:
    """The statements' answers under the report's names."""
    with stack.clickhouse() as client:
        answers = [list(client.query(text, {"run": run}).named_results()) for text in STATEMENTS]
    return dict(zip(SECTIONS, answers, strict=True))


def reported(report: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    found = report["found"] | {"repeated": [report["found"]["repeated"]]}
    return {name: [{k: v for k, v in row.items() if k != "image_ids"} for row in found[name]] for name in SECTIONS}


def test_sql_says_the_same(stack: Stack, report: dict[str, Any]) -> None:
    said = reported(report)
    assert all(said.values())
    assert asked_by_sql(stack, BACKFILL) == said


def test_all_images_are_organised_and_rated(report: dict[str, Any]) -> None:
    found = report["found"]
    assert found["images"] == sum(view["images"] for view in found["views"]) == 2_728
    assert sum(quality["images"] for quality in found["quality"]) == 2_728
    assert found["detailed"] == 2_200
    assert all(0.7 < part["confidence"] < 1 for part in found["parts"])


def test_gaps_say_what_a_document_is_worth_and_how_to_get_it(report: dict[str, Any]) -> None:
    gaps = {gap["item"]: gap for gap in report["found"]["gaps"]}
    assert gaps["Paint code"]["how_to_get"] == "Photograph door jamb sticker or SPID sheet"
    assert gaps["Paint code"]["value"] == "Would enable paint matching and authenticity check"
    assert gaps["Paint code"]["images"] == 200


def test_a_vehicle_is_told_what_its_spid_photo_unlocks(stack: Stack, report: dict[str, Any]) -> None:
    promised = report["confidence_by_band"]["rich"]
    vehicle, text = next(
        (one["vehicle_id"], prompt["text"])
        for one in report["vehicles"]
        for prompt in one["prompts"]
        if prompt["document"] == "SPID photo" and (prompt["score_after"] or 0) >= 60
    )
    assert text == f"Add SPID photo to unlock {promised:.0%} confidence"
    shown = stack.run("findings", "--run", BACKFILL, "--vehicle", vehicle)
    assert shown.returncode == 0, shown.stderr
    assert text in shown.stdout
    alone = json.loads(stack.run("findings", "--run", BACKFILL, "--vehicle", vehicle, "--json").stdout)
    assert alone in report["vehicles"]


def test_the_plain_print_has_every_section(stack: Stack, report: dict[str, Any]) -> None:
    shown = stack.run("findings")
    assert shown.returncode == 0, shown.stderr
    for title in ("images by category and angle", "parts", "image quality", "what is missing"):
        assert title in shown.stdout
    assert report["prompts"][0]["text"] in shown.stdout


@pytest.mark.parametrize(
    ("words", "said"), [(("--run", "no such run"), "no such run"), (("--run", BACKFILL, "--vehicle", "none"), "none")]
)
def test_what_is_not_there_is_said_in_one_line(
    stack: Stack, report: dict[str, Any], words: tuple[str, ...], said: str
) -> None:
    done = stack.run("findings", *words)
    assert done.returncode == 1
    assert done.stderr.startswith("imageledger: ")
    assert said in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def result(image_id: str, attempt: int, tier: int, **fields: Any) -> ImageResult:
    said = {"status": "success", "context_score": 40.0, "cost_usd": 0.0005} | fields
    name = f"{AGAIN}-{image_id}-{tier}-{attempt}"
    now = datetime.now(UTC)
    return ImageResult(
        event_id=name, event_time=now, run_id=AGAIN, image_id=image_id, vehicle_id=CAR, tier=tier, **said
    )


def profile(number: int, receipts: int) -> VehicleProfiled:
    """At 40 without receipts, at 65 with five (S2, Future reprocessing)."""
    return VehicleProfiled(
        event_id=f"{CAR}-{number}",
        event_time=datetime.now(UTC),
        vehicle_id=CAR,
        has_spid=True,
        receipt_count=receipts,
        timeline_event_count=5,
        well_documented=True,
    )


def parts(**confidence: float) -> list[Answer]:
    return [Answer(question=f"part:{name}", answer="good", confidence=sure) for name, sure in confidence.items()]


def test_the_old_way_and_the_tiered_one_are_compared(stack: Stack, backfilled: dict[str, Any]) -> None:
    """S2: one call an image at $0.02, half of which failed, against $13.67 for 2,734 images."""
    tries = [("a", "failed"), ("b", "success"), ("c", "failed"), ("d", "success")]
    with Publisher(stack.endpoints()["kafka"]) as publisher:
        for image_id, status in tries:
            one = result(image_id, 1, 1, status=status, cost_usd=0.02, strategy="monolithic")
            assert publisher.publish(msgspec.structs.replace(one, run_id="old-way", event_id=f"old-way-{image_id}"))
    with stack.clickhouse() as client:

        def compared() -> dict[str, dict[str, Any]]:
            rows = {row["strategy"]: row for row in client.query(COMPARED).named_results()}
            enough = rows.get("monolithic", {}).get("calls") == 4 and rows.get("context-driven", {}).get("calls", 0)
            return rows if enough and enough >= sum(backfilled["calls"].values()) else {}

        rows = eventually(compared, "both strategies are stored")
    old, tiered = rows["monolithic"], rows["context-driven"]
    assert (old["images"], old["usd_per_image"], old["failure_rate"]) == (4, 0.02, 0.5)
    assert tiered["usd_per_image"] < 0.3 * old["usd_per_image"]
    assert tiered["failure_rate"] < 0.05
    assert tiered["mean_confidence"] > 0.8
    assert 0.8 < tiered["answered"] < 1


def say(stack: Stack, *events: ImageResult | VehicleProfiled, stored: int) -> dict[str, Any]:
    """Publish, and report when so many results and the newest profile are in ClickHouse."""
    with Publisher(stack.endpoints()["kafka"]) as publisher:
        for event in events:
            assert publisher.publish(event)
    newest = next(event for event in reversed(events) if isinstance(event, VehicleProfiled))
    query = (
        "SELECT (SELECT count() FROM results FINAL WHERE run_id = {run:String}), "
        "(SELECT count() FROM profiles FINAL WHERE event_id = {profile:String})"
    )
    with stack.clickhouse() as client:
        given = {"run": AGAIN, "profile": newest.event_id}
        eventually(lambda: client.query(query, given).result_rows == [(stored, 1)], "results and profile are stored")
    return dict(json.loads(stack.run("findings", "--run", AGAIN, "--json").stdout))


def test_a_better_profile_shows_what_to_ask_again_and_what_that_saved(stack: Stack) -> None:
    gap = Gap(item="Manual", how_to_get="Upload it")
    quality = b'{"lighting": "good", "focus": "sharp", "sufficient_for_detail": true, "overall_score": 8}'
    tier_1 = msgspec.Raw(b'{"category": "interior", "angle": "dashboard", "image_quality": ' + quality + b"}")
    first = [
        result("a", 1, 1, output=tier_1),
        result("b", 1, 1, output=tier_1),
        result("a", 1, 2, answers=parts(hood=0.9, wheel=0.8), gaps=[gap]),
        result("b", 1, 2, answers=parts(hood=0.7)),
    ]
    report = say(stack, profile(1, 0), *first, stored=4)
    assert report["improved"] == []
    report = say(stack, profile(2, 5), stored=4)
    (improved,) = report["improved"]
    assert (improved["vehicle_id"], improved["image_ids"]) == (CAR, ["a", "b"])
    assert improved["change"]["unit_cost_after_nano_usd"] == 100_000
    again = [
        result("a", 2, 2, answers=parts(hood=0.99), cost_usd=0.0001, context_score=65.0),
        result("a", 3, 2, status="failed", cost_usd=0.0, context_score=65.0),
        first[2],  # a repeat, after what replaced it
    ]
    report = say(stack, profile(3, 5), *again, stored=6)
    assert [one["image_ids"] for one in report["improved"]] == [["b"]]
    assert report["found"]["repeated"] == {"images": 1, "first_nano_usd": 500_000, "newest_nano_usd": 100_000}
    assert report["confidence_by_band"] == {"rich": 0.99, "good": 0.7}
    assert report["found"]["gaps"] == []
    assert asked_by_sql(stack, AGAIN) == reported(report)
