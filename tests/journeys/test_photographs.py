"""`imageledger process DIR` over fifty real image files: what is said of each agrees with what was done to it."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from live_stack import Stack, eventually
from photographs import File, files

FILES = {file.name: file for file in files()}
BAD = {name for name, file in FILES.items() if file.error}
RUN = "garage"


@pytest.fixture(scope="module")
def summary(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    garage = tmp_path_factory.mktemp("photographs") / "garage"
    for name, file in FILES.items():
        (garage / name).parent.mkdir(parents=True, exist_ok=True)
        file.write(garage / name)
    done = stack.run("process", str(garage), "--run", RUN, "--json")
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout))


@pytest.fixture(scope="module")
def results(stack: Stack, summary: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """What ClickHouse has of each file."""
    query = "SELECT * FROM results FINAL WHERE run_id = {run:String}"
    with stack.clickhouse() as client:

        def stored() -> list[dict[str, Any]]:
            rows = list(client.query(query, {"run": RUN}).named_results())
            return rows if len(rows) >= len(FILES) else []

        rows = eventually(stored, "every file's result is stored")
    assert len(rows) == len(FILES)
    return {row["subject_id"]: row for row in rows}


def test_each_file_ends_as_a_result(stack: Stack, summary: dict[str, Any]) -> None:
    assert len(FILES) >= 40
    assert summary["images"] == len(FILES)
    assert summary["processed"] == len(FILES) - len(BAD)
    assert {failed["image_id"] for failed in summary["failed_images"]} == BAD
    # No order between topics is relied on: the run may be known to be finished before its last result is folded.
    eventually(lambda: stack.metrics(RUN)["totals"].get("subjects") == len(FILES), "every file is counted")
    eventually(lambda: stack.metrics(RUN)["state"] == "finished", "the run is finished")
    totals = stack.metrics(RUN)["totals"]
    assert (totals["processed_subjects"], totals["failed_subjects"]) == (len(FILES) - len(BAD), len(BAD))


@pytest.mark.parametrize("file", [file for file in FILES.values() if not file.error], ids=lambda file: str(file.name))
def test_what_is_said_agrees_with_what_was_done(results: dict[str, dict[str, Any]], file: File) -> None:
    row = results[file.name]
    output = json.loads(row["output"])
    said = output | output["image_quality"]
    assert row["status"] == "success"
    assert {name: said[name] for name in file.says} == file.says
    assert said.get("duplicate_of") == file.copy_of
    assert row["findings"] == ({"near_duplicates": 1} if file.copy_of else {})
    assert row["vehicle_id"] == file.name.partition("/")[0]
    assert 0.5 <= row["confidence"] <= 1


@pytest.mark.parametrize("file", [file for file in FILES.values() if file.error], ids=lambda file: str(file.name))
def test_what_is_no_photograph_says_why(results: dict[str, dict[str, Any]], file: File) -> None:
    row = results[file.name]
    assert (row["status"], row["error_type"]) == ("failed", file.error)
    assert row["error_message"]
    assert row["cost_nano_usd"] == 0


def test_the_same_bytes_have_the_same_hash_and_no_others(results: dict[str, dict[str, Any]]) -> None:
    hashes = Counter(row["content_hash"] for row in results.values() if row["content_hash"])
    same = results["zz-copies/bytes.jpg"]["content_hash"]
    assert same == results["sharp/jpg.jpg"]["content_hash"]
    assert hashes.pop(same) == 2
    assert set(hashes.values()) == {1}


def test_the_findings_rate_every_readable_file(stack: Stack, results: dict[str, dict[str, Any]]) -> None:
    found = json.loads(stack.run("findings", "--run", RUN, "--json").stdout)["found"]
    rated = {(one["lighting"], one["focus"]): one["images"] for one in found["quality"]}
    said = [json.loads(row["output"])["image_quality"] for row in results.values() if row["status"] == "success"]
    assert rated == Counter((one["lighting"], one["focus"]) for one in said)
    assert rated["dark", "sharp"] == 4
    assert rated["good", "blurred"] == 4
    assert found["views"] == [
        {"category": "unknown", "angle": "unknown", "images": len(FILES) - len(BAD), "image_ids": []}
    ]


def test_an_empty_folder_is_said(stack: Stack, tmp_path: Path) -> None:
    done = stack.run("process", str(tmp_path))
    assert done.returncode == 1
    assert done.stderr.startswith("imageledger: ")
    assert len(done.stderr.strip().splitlines()) == 1
