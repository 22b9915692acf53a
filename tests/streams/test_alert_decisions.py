"""Alerts of a real worker on a real Kafka: said once, whatever becomes of the worker, and recorded with its figures."""

import asyncio
import json
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from aiokafka import AIOKafkaProducer
from judge import read
from worker_process import WorkerProcess, until, until_async

from dashboard.alerts.state import Wanted
from events import codec
from events.alerts import AnyAlert
from events.runs import RuleChange
from events.sdk.ids import uuid7
from events.snapshots import RunMetrics
from imageledger import alerting
from imageledger.proof.verify import Progress, Verification
from imageledger.settings import Settings
from streams.cluster import Cluster
from streams.offline import witnesses

RUNS = [f"run-{number}" for number in range(10)]
FOR_S = 3


def event(kind: str, run: str | None = None, **fields: Any) -> bytes:
    head = {"event_id": uuid7(), "event_type": kind, "event_time": datetime.now(UTC).isoformat()}
    return json.dumps(head | ({"run_id": run} if run else {}) | fields).encode()


async def said(bootstrap: str, prefix: str) -> list[AnyAlert]:
    return [codec.decode("alerts", record.value) for record in await read(bootstrap, prefix + "alerts")]


async def shown(bootstrap: str, prefix: str) -> dict[str, RunMetrics]:
    return {run: one.metrics for run, one in (await witnesses.read_snapshots(Cluster(bootstrap, prefix), 4)).items()}


async def test_an_alert_is_said_once_however_often_its_worker_is_killed(
    kafka: str, topics: str, tmp_path: Path
) -> None:
    worker = WorkerProcess(kafka, tmp_path, topics, stages="real")
    worker.start()
    async with AIOKafkaProducer(bootstrap_servers=kafka) as producer:
        rules = {"error_rate": {"for_s": FOR_S}, "provider_errors": {"enabled": False}, "nonsense": {"for_s": 1}}
        await producer.send(topics + "runs", event("rules.changed", rules=rules), partition=1)  # of all runs
        own = {"error_rate": {"message": "mine"}, "cheap_model_usage": {"enabled": False}}
        await producer.send(topics + "runs", event("rules.changed", RUNS[0], rules=own), partition=2)
        quiet = {"silence_id": "s", "until": "2099-01-01T00:00:00Z", "rule": "error_rate"}
        await producer.send(topics + "runs", event("alert.silenced", RUNS[1], **quiet), partition=3)
        for run in RUNS:
            await producer.send(topics + "runs", event("run.declared", run, total_images=1_000), run.encode())
            for number in range(30):
                failed = event("image.result", run, image_id=f"i{number}", status="failed", model="haiku")
                await producer.send(topics + "results", failed, f"i{number}".encode())
        await producer.flush()
        await until(worker.ready)

        async def firing() -> bool:
            return len(await said(kafka, topics)) >= len(RUNS) - 1

        for _ in range(3):  # while it counts up to, says, and has said them
            worker.kill()
            worker.start()
            await until(worker.ready)
            await asyncio.sleep(1.5)
        await until_async(firing, "every run's alert is on the topic")
        killed = datetime.now(UTC)
        worker.kill()
        worker.start()

        async def active() -> bool:
            found = await shown(kafka, topics)
            return all(
                found[run].as_of > killed and [alert.type for alert in found[run].alerts] == ["error_rate"]
                for run in RUNS
            )

        await until_async(active, "the next worker shows every alert")
        states = {run: metrics.alerts[0] for run, metrics in (await shown(kafka, topics)).items()}
        assert (states[RUNS[1]].state, states[RUNS[1]].silenced_by) == ("pending", "s")
        assert all(states[run].state == "firing" for run in RUNS if run != RUNS[1])
        for run in RUNS:
            await producer.send(topics + "runs", event("run.finished", run), run.encode())

        async def over() -> bool:
            return len(await said(kafka, topics)) >= 2 * (len(RUNS) - 1)

        await until_async(over, "every episode is over")
    events = await said(kafka, topics)
    assert Counter((one.run_id, type(one).__name__) for one in events) == {
        (run, kind): 1 for run in RUNS if run != RUNS[1] for kind in ("AlertFiring", "AlertResolved")
    }
    assert {one.message for one in events if one.run_id == RUNS[0]} == {"mine"}
    assert {(one.message, one.value) for one in events if one.run_id == RUNS[2]} == {("Error rate elevated", 1.0)}
    assert all((one.event_time - one.started_at).total_seconds() > FOR_S - 1 for one in events)
    found = await Verification(Cluster(kafka, topics), None, None, 2, Progress()).run()
    assert found.differences == []
    settings = Settings(kafka=kafka, prefix=topics)
    body = await alerting.listed(settings, Wanted(), 100)
    assert (len(body.firing), len(body.pending), len(body.history)) == (0, 0, len(RUNS) - 1)
    an_hour_ago = datetime.now(UTC) - timedelta(hours=1)
    episodes = await alerting.backtest(settings, "[error_rate]\nfor_s = 1", "mine.toml", an_hour_ago, None, 1.0)
    assert sorted(one.run_id for one in episodes) == sorted(RUNS)
    assert all(one.seconds for one in episodes)
    await alerting.change(settings, None, {"error_rate": RuleChange(above=0.5)}, None, "me")
    in_force = {row.name: row for row in (await alerting.rules(settings, None)).rules}
    assert (in_force["error_rate"].above, in_force["error_rate"].for_s) == (0.5, FOR_S)
    async with AIOKafkaProducer(bootstrap_servers=kafka) as producer:  # somebody says one again by hand
        await producer.send_and_wait(topics + "alerts", codec.encode(events[0]), events[0].fingerprint.encode())
    again = await Verification(Cluster(kafka, topics), None, events[0].run_id, 2, Progress()).run()
    assert [difference.run_id for difference in again.differences] == [events[0].run_id]
    assert "more than once" in again.differences[0].figure
    worker.kill()
