"""SIGKILL anywhere, started again: no image is done twice, none is forgotten."""

import asyncio
import random
import secrets
from collections import Counter
from pathlib import Path

import pytest
from real_backfill import TOTAL_NANO_USD, Backfill

from events.numbers import nano_usd
from events.sdk.reader import Reader

RESULTS = 5_000
"""About so many calls the backfill takes."""


@pytest.mark.parametrize("kills", [3, pytest.param(10, marks=pytest.mark.faults)])
async def test_kills_anywhere_leave_one_final_result_an_image(
    kafka: str, topics: str, tmp_path: Path, kills: int
) -> None:
    seed = secrets.randbits(32)
    print(f"kill moments drawn from seed {seed}")  # noqa: T201 - to repeat a failure
    rng = random.Random(seed)
    run = Backfill(kafka, topics, tmp_path, "killed")
    moments = sorted(rng.sample(range(1, RESULTS - 200), kills))
    async with Reader(kafka, "results", prefix=topics) as reader:
        seen = 0
        following = reader.follow()
        for moment in moments:  # as soon as so many results are in the log
            run.start(speed=600)
            while seen < moment:
                await asyncio.wait_for(anext(following), 60)
                seen += 1
            assert run.kill(), "it was done before it was killed"
        await following.aclose()
    before = await run.log("results")
    run.start()
    summary = run.summary()
    results = await run.log("results")
    assert {r.event_id for r in before} <= {r.event_id for r in results}
    finals = Counter(r.image_id for r in results if r.final)
    assert len(finals) == 2_734
    assert set(finals.values()) == {1}
    assert len({(r.image_id, r.tier, r.attempt) for r in results}) == len(results)
    assert sum(nano_usd(r.cost_usd or 0) for r in results) == TOTAL_NANO_USD
    assert sum(summary["cost_nano_usd"].values()) == TOTAL_NANO_USD
    assert (summary["processed"], summary["failed"]) == (2_728, {"invalid_output": 6})
    assert sum(summary["calls"].values()) == len(results)
    sizes = Counter((r.tier, r.batch_id) for r in results if r.attempt == 1)
    assert sorted(Counter(tier for tier, _ in sizes).items()) == [(1, 55), (2, 40), (3, 40)]
    assert max(count for (tier, _), count in sizes.items() if tier < 3) == 50
    life = [type(event).__name__ for event in await run.log("runs")]
    assert (life.count("RunDeclared"), life.count("RunFinished")) == (1, 1)
    assert "RunResumed" in life
    run.start()  # it is finished: it says so, and does nothing
    again = run.summary()
    for said in (summary, again):  # named in the order of the log, which has none over partitions
        said["failed_images"].sort(key=lambda failed: failed["image_id"])
    assert again == summary
    assert len(await run.log("results")) == len(results)
