"""Alerts of a real worker on a real Kafka: said once, whatever becomes of the worker, and recorded with its figures.

Four runs in which everything fails, and one run for every other rule, with that rule alone and what breaks it.
"""

import asyncio
import json
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from aiokafka import AIOKafkaProducer
from judge import read
from worker_process import WorkerProcess, until, until_async

from dashboard.alerts.state import Wanted
from events import codec
from events.alerts import AlertFiring, AlertResolved, AnyAlert
from events.runs import RuleChange
from events.sdk.ids import uuid7
from events.snapshots import RunMetrics
from imageledger import alerting
from imageledger.proof.verify import Progress, Verification
from imageledger.settings import Settings
from metrics.alerts.rules import BUILT_IN
from streams.cluster import Cluster
from streams.offline import witnesses

RUNS = [f"run-{number}" for number in range(4)]
FOR_S = 3
AHEAD_S = 280
"""So far ahead of the clock may a producer be: what is stamped so is recent for minutes, however slow the machine."""


class Story(NamedTuple):
    """What breaks a rule: (seconds ago, how many, fields) of results and heartbeats, and the run's plan."""

    results: tuple[tuple[int, int, dict[str, Any]], ...] = ()
    plan: dict[str, Any] = {}
    heartbeats: tuple[tuple[int, dict[str, Any]], ...] = ()


def now(**fields: Any) -> tuple[int, int, dict[str, Any]]:
    return 5, 30, fields


def before(**fields: Any) -> tuple[int, int, dict[str, Any]]:
    return 7_200, 30, fields


ONE_TIER = {"tiers": [{"tier": 1, "images": 1_000, "unit_cost_usd": 0.001}]}
FAILED, SPENT = {"status": "failed"}, {"tier": 1, "cost_usd": 0.001}
STORIES = {
    "cost_per_image": Story((now(tier=1, cost_usd=0.01),), ONE_TIER),
    "processing_stopped": Story(((400, 30, {}),)),
    "cheap_model_usage": Story((now(model="opus"),), {"cheap_models": ["haiku"]}),
    "queue_depth": Story(heartbeats=((-AHEAD_S, {"queue_depth": 1_001}),)),
    "quality_degradation": Story((before(confidence=0.9), now(confidence=0.5))),
    "cost_spike": Story((before(**SPENT), now(tier=1, cost_usd=0.003))),
    "model_degradation": Story((before(), now(**FAILED))),
    "model_slow": Story((before(latency_ms=500), now(latency_ms=5_000))),
    "provider_errors": Story((now(**FAILED),)),
    "availability": Story(
        tuple((7_200 - 60 * minute, 1, {} if minute % 4 else FAILED) for minute in range(24)),
    ),
    "processor_silent": Story((now(),), heartbeats=((200, {}),)),
    "budget": Story((now(**SPENT),), {"budget_usd": 0.01}),
    "projected_over_budget": Story((now(**SPENT),), ONE_TIER | {"budget_usd": 0.05}),
    "sla_latency": Story((now(latency_ms=5_000),), {"sla": {"latency_ms": 1_000}}),
    "sla_error_rate": Story((now(**FAILED),), {"sla": {"error_rate": 0.02}}),
    "sla_deadline": Story((now(),), {"sla": {"deadline": "2020-01-01T00:00:00Z"}}),
    "low_confidence": Story((now(confidence=0.3),)),
    "rate_limit": Story(heartbeats=((-AHEAD_S, {"provider": "openai", "rate_limit": 100, "rate_limit_remaining": 5}),)),
    "error_rate_rising": Story(
        tuple(
            (200 - 10 * nth, count, fields) for nth in range(12) for count, fields in ((20 - nth, {}), (nth, FAILED))
        ),
    ),
    "budget_runway": Story((now(**SPENT), (-AHEAD_S, 1, {})), {"budget_usd": 0.05}),
}
EPISODES = Counter({(run, "error_rate"): 1 for run in RUNS if run != RUNS[1]}) + Counter(
    {(rule, rule): len(BUILT_IN[rule].levels or "1") for rule in STORIES}
)


def event(kind: str, run: str | None = None, ago_s: int = 0, **fields: Any) -> bytes:
    at = datetime.now(UTC) - timedelta(seconds=ago_s)
    head = {"event_id": uuid7(), "event_type": kind, "event_time": at.isoformat()}
    return json.dumps(head | ({"run_id": run} if run else {}) | fields).encode()


async def said(bootstrap: str, prefix: str) -> list[AnyAlert]:
    return [codec.decode("alerts", record.value) for record in await read(bootstrap, prefix + "alerts")]


async def shown(bootstrap: str, prefix: str) -> dict[str, RunMetrics]:
    return {run: one.metrics for run, one in (await witnesses.read_snapshots(Cluster(bootstrap, prefix), 4)).items()}


async def tell(producer: AIOKafkaProducer, topics: str, rule: str) -> None:
    """A run with one rule, which looks back an hour, and what breaks it."""
    story = STORIES[rule]
    rules = {name: {"enabled": False} for name in BUILT_IN} | {
        rule: {"enabled": True, "for_s": FOR_S, "window_s": 3_600}
    }
    await producer.send(topics + "runs", event("rules.changed", rule, rules=rules), rule.encode())
    await producer.send(topics + "runs", event("run.declared", rule, total_images=1_000, **story.plan), rule.encode())
    for nth, (ago_s, count, fields) in enumerate(story.results):
        for number in range(count):
            of = {"image_id": f"i{nth}-{number}", "status": "success", "model": "haiku", "provider": "anthropic"}
            await producer.send(topics + "results", event("image.result", rule, ago_s, **of | fields), b"%d" % number)
    for ago_s, fields in story.heartbeats:
        beat = event("processor.heartbeat", rule, ago_s, processor_id="p", **fields)
        await producer.send(topics + "heartbeats", beat, b"p")


@pytest.mark.timeout(600)  # it waits for one thing after another
async def test_an_alert_is_said_once_however_often_its_worker_is_killed(
    kafka: str, topics: str, tmp_path: Path
) -> None:
    worker = WorkerProcess(kafka, tmp_path, topics, stages="real")
    worker.start()
    async with AIOKafkaProducer(bootstrap_servers=kafka) as producer:
        rules = {"error_rate": {"for_s": FOR_S}, "provider_errors": {"enabled": False}, "nonsense": {"for_s": 1}}
        await producer.send(topics + "runs", event("rules.changed", rules=rules), partition=1)  # of all runs
        own: dict[str, Any] = {"error_rate": {"message": "mine"}, "cheap_model_usage": {"enabled": False}}
        await producer.send(topics + "runs", event("rules.changed", RUNS[0], rules=own), partition=2)
        quiet: dict[str, Any] = {"silence_id": "s", "until": "2099-01-01T00:00:00Z", "rule": "error_rate"}
        await producer.send(topics + "runs", event("alert.silenced", RUNS[1], **quiet), partition=3)
        for run in RUNS:
            await producer.send(topics + "runs", event("run.declared", run, total_images=1_000), run.encode())
            for number in range(30):
                failed = event("image.result", run, image_id=f"i{number}", status="failed", model="haiku")
                await producer.send(topics + "results", failed, f"i{number}".encode())
        for rule in STORIES:
            await tell(producer, topics, rule)
        await producer.flush()
        await until(worker.ready)

        async def firing() -> bool:
            return len(await said(kafka, topics)) >= EPISODES.total()

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
                found[run].as_of > killed and {alert.type for alert in found[run].alerts} == {kind}
                for run, kind in [*EPISODES, (RUNS[1], "error_rate")]
            )

        await until_async(active, "the next worker shows every alert")
        states = {run: metrics.alerts[0] for run, metrics in (await shown(kafka, topics)).items()}
        assert (states[RUNS[1]].state, states[RUNS[1]].silenced_by) == ("pending", "s")
        assert all(states[run].state == "firing" for run, _ in EPISODES)
        for run in [*RUNS, *STORIES]:
            await producer.send(topics + "runs", event("run.finished", run), run.encode())

        async def over() -> bool:
            return len(await said(kafka, topics)) >= 2 * EPISODES.total()

        await until_async(over, "every episode is over")
    events = await said(kafka, topics)
    for kind in (AlertFiring, AlertResolved):
        assert Counter((one.run_id, one.type) for one in events if isinstance(one, kind)) == EPISODES
    for one in events:
        if one.run_id != RUNS[0]:
            label = next(iter((one.labels or {}).values()), "")
            wanted = BUILT_IN[one.type]
            assert (one.message, one.action) == (wanted.message.replace("{label}", label), wanted.action)
            assert (one.labels or {}).get("level", wanted.severity) == one.severity
    assert {one.message for one in events if one.run_id == RUNS[0]} == {"mine"}
    assert {(one.message, one.value) for one in events if one.run_id == RUNS[2]} == {("Error rate elevated", 1.0)}
    assert all((one.event_time - one.started_at).total_seconds() > FOR_S - 1 for one in events)
    found = await Verification(Cluster(kafka, topics), None, None, 2, Progress()).run()
    assert found.differences == []
    settings = Settings(kafka=kafka, prefix=topics)
    body = await alerting.listed(settings, Wanted(), 100)
    assert (len(body.firing), len(body.pending), len(body.history)) == (0, 0, EPISODES.total())
    an_hour_ago = datetime.now(UTC) - timedelta(hours=1)
    episodes = await alerting.backtest(settings, "[error_rate]\nfor_s = 1", "mine.toml", an_hour_ago, RUNS[2], 1.0)
    assert [one.run_id for one in episodes] == [RUNS[2]]
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
