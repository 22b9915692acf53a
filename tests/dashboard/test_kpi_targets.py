"""`imageledger kpis`: a target goes into the log beside those that are there; what is listed fits a terminal."""

import asyncio
import io
from datetime import UTC, datetime

import msgspec
import pytest
from rich.console import Console
from sample_runs import snapshot
from serving import new_prefix

from dashboard.live.kpis import kpis_body
from events.runs import RunDeclared
from events.sdk.publisher import Publisher
from events.sdk.reader import Reader
from imageledger.cli.kpis import table
from imageledger.kpi_targets import TargetError, aim
from imageledger.settings import load
from metrics.figures.kpis import INDICATORS


def test_a_target_is_an_event_that_keeps_the_other_targets(kafka: str) -> None:
    prefix = new_prefix(kafka)
    settings = load({"IMAGELEDGER_KAFKA": kafka, "IMAGELEDGER_PREFIX": prefix})
    with Publisher(kafka, prefix=prefix) as publisher:
        plan = RunDeclared(
            event_id="d", event_time=datetime(2026, 11, 21, tzinfo=UTC), run_id="may", targets={"error_rate": 0.02}
        )
        assert publisher.publish(plan)
        assert publisher.flush(60) == 0
    asyncio.run(aim(settings, "may", "cache_hit_rate", 0.5, "a new cache", "anna"))
    wanted = {"error_rate": 0.05, "cache_hit_rate": 0.5}
    assert asyncio.run(aim(settings, "may", "error_rate", 0.05, None, "anna")) == wanted
    told = asyncio.run(_told(kafka, prefix))
    assert [(one.targets, one.issued_by) for one in told[1:]] == [
        ({"error_rate": 0.02, "cache_hit_rate": 0.5}, "anna"),
        (wanted, "anna"),
    ]
    assert told[1].reason == "a new cache"
    for run, name, why in (("june", "error_rate", "was ever declared"), ("may", "speed", "no indicator 'speed'")):
        with pytest.raises(TargetError, match=why):
            asyncio.run(aim(settings, run, name, 1, None, "anna"))


async def _told(kafka: str, prefix: str) -> list[RunDeclared]:
    async with Reader(kafka, "runs", prefix=prefix) as reader:
        return [entry.event async for entry in reader.to_now()]


def test_the_list_fits_eighty_columns() -> None:
    event = snapshot()
    long = [msgspec.structs.replace(kpi, value=-123_456.789, target=0.995, trend="steady") for kpi in event.kpis]
    console = Console(file=io.StringIO(), width=80)
    console.print(table(kpis_body(msgspec.structs.replace(event, kpis=long))))
    shown = console.file.getvalue()  # type: ignore[attr-defined]
    assert all(one.name in shown for one in INDICATORS)
    assert "…" not in shown
