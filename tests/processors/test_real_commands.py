"""Commands to a real process, by the command line, over a real Kafka."""

import json
from pathlib import Path

from real_backfill import Backfill

from events.heartbeats import ProcessorHeartbeat
from events.runs import RunFinished


def newest(beats: list[ProcessorHeartbeat]) -> ProcessorHeartbeat | None:
    return max(beats, key=lambda beat: beat.event_time, default=None)


async def test_a_running_process_obeys_and_answers(kafka: str, topics: str, tmp_path: Path) -> None:
    run = Backfill(kafka, topics, tmp_path, "told")

    def say(*words: str) -> dict[str, object]:
        done = run.command("commands", *words, "--run", "told", "--by", "ann", "--wait", "60", "--json")
        assert done.returncode == 0, done.stderr
        found: dict[str, object] = json.loads(done.stdout)
        return found

    run.start("--stay", speed=60)
    await run.until(len, "results", "the first result")
    assert say("pause", "--reason", "look at it")["state"] == "accepted"
    await run.until(
        lambda beats: (b := newest(beats)) and b.state == "paused" and not b.active_requests, "heartbeats", ""
    )
    held = len(await run.log("results"))
    assert say("set-concurrency", "9")["answer"] == "from 6 to 9 calls at a time"
    assert run.kill()
    run.start("--stay")  # fast; but the pause holds, and so does the concurrency
    await run.until(
        lambda beats: (b := newest(beats)) and (b.state, b.capacity) == ("paused", 9), "heartbeats", "paused"
    )
    assert len(await run.log("results")) == held
    assert say("resume")["state"] == "accepted"
    await run.until(lambda life: any(isinstance(event, RunFinished) for event in life), "runs", "it is finished")
    assert say("reprocess", "--failed")["answer"] == "6 images are done again"
    again = await run.until(
        lambda found: len(r := [x for x in found if x.attributes]) == 6 and r, "results", "done again"
    )
    assert {result.error.type for result in again} == {"invalid_output"}
    listed = run.command("commands", "list", "--run", "told")
    assert listed.returncode == 0
    states = await run.until(
        lambda life: (s := [e.outcome for e in life if hasattr(e, "outcome")]) and len(s) == 8 and s, "runs", "answers"
    )
    assert sorted(states) == ["accepted"] * 4 + ["effective"] * 4
    refused = run.command("commands", "pause", "--run", "told", "--wait", "60")
    assert refused.returncode == 1
    assert "only reprocess starts it again" in refused.stderr
    run.stop()


async def test_the_newest_unfinished_run_is_continued(kafka: str, topics: str, tmp_path: Path) -> None:
    """What `imageledger demo` does at every start: one run, until it is finished; then another."""
    runs = Backfill(kafka, topics, tmp_path, "")

    def backfill(*words: str) -> dict[str, object]:
        done = runs.command("backfill", "--speed", "3000", "--continue", "--json", *words)
        assert done.returncode == 0, done.stderr
        found: dict[str, object] = json.loads(done.stdout)
        return found

    begun = Backfill(kafka, topics, tmp_path, "begun")
    begun.start(speed=60)
    await begun.until(len, "results", "the first result")
    begun.stop()
    assert backfill()["run_id"] == "begun"
    assert backfill()["run_id"] != "begun"
