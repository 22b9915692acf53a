"""`kpi_results` says of stored snapshots what is on them: value, target, attainment, status, trend, and the scores."""

from random import Random
from typing import Any

import msgspec
import pytest
from clickhouse_connect.driver.client import Client
from logs import BEGIN_MS, Pipeline, batched, log_of
from naive import MINUTE

from events.envelope import EPOCH
from events.heartbeats import ProcessorHeartbeat
from events.results import ImageResult
from events.runs import Baseline, RunDeclared, Sla
from events.snapshots import RunMetrics
from metrics.figures.kpis import INDICATORS
from metrics.fold.buckets import moment
from metrics.fold.lifecycle import Stamp
from metrics.fold.partition import Record
from metrics.snapshot import snapshot
from servers.clickhouse.users import Addresses
from sinks.client import connect

PLANS: list[dict[str, Any]] = [
    {},
    {
        "total_images": 50,
        "budget_usd": 3e6,
        "baseline": Baseline(name="all", unit_cost_usd=0.5, latency_ms=2e9),
        "value_weights_usd": {"a": 0.25},
        "sla": Sla(latency_ms=1_000.0),
    },
    {
        "total_images": 5,
        "budget_usd": 0.0,
        "baseline": Baseline(name="all", unit_cost_usd=1e6),
        "targets": {"error_rate": 0.9, "cache_hit_rate": 0.0, "token_reduction_rate": 0.2, "system_accuracy": 0.5},
    },
]


@pytest.fixture(scope="module")
def shown() -> dict[str, RunMetrics]:
    """Snapshots of generated runs under several plans, and of one whose rate of failures rises."""
    draw = Random(5)
    found = {}
    for nth, plan in enumerate(PLANS * 3):
        pipeline = Pipeline(100 * 24 * 60 * MINUTE)
        pipeline.feed(batched(log_of([draw.getrandbits(32) for _ in range(150)]), [20]))
        found |= snapshots(pipeline, nth, plan)
    pipeline = Pipeline(100 * 24 * 60 * MINUTE)
    pipeline.feed([(0, rising())])
    return found | snapshots(pipeline, 99, PLANS[1])


def rising() -> list[Record]:
    """Two hours of results; in the last ten minutes more fail, and more come from the cache."""
    records = []
    for n in range(240):
        at_ms = BEGIN_MS + n * MINUTE // 2
        late = n >= 220
        event = ImageResult(
            event_id=f"e{n}",
            event_time=moment(at_ms),
            run_id="run a",
            image_id=f"i{n}",
            status="failed" if n % (2 if late else 20) == 0 else "success",
            cache_hit=late or n % 2 == 0,
            latency_ms=100.0,
            input_tokens=100,
            tokens_saved=50 + n % 2,
            scores={"compression_quality": 0.9},
        )
        records.append(Record("results", n, at_ms, event))
    return records


def snapshots(pipeline: Pipeline, nth: int, plan: dict[str, Any]) -> dict[str, RunMetrics]:
    found = {}
    for run_id, registers in pipeline.registers.items():
        as_of_ms = registers.last_event_ms or BEGIN_MS
        at = Stamp(as_of_ms, 0, 0)
        name = f"{run_id} {nth}"
        registers.run_id = name
        registers.take_run_event(RunDeclared(event_id="p", event_time=EPOCH, run_id=name, **plan), at)
        beat = ProcessorHeartbeat(
            event_id="b", event_time=moment(as_of_ms), run_id=name, processor_id="p", active_requests=3, capacity=4
        )
        registers.take_heartbeat(beat, at)
        found[name] = snapshot(registers, as_of_ms)
    return found


@pytest.fixture(scope="module")
def client(tables: Addresses, shown: dict[str, RunMetrics]) -> Client:
    writer = connect(tables.writer)
    stored = [
        [run_id, metrics.as_of, metrics.as_of, metrics.state, msgspec.json.encode(metrics).decode(), metrics.as_of]
        for run_id, metrics in shown.items()
    ]
    writer.insert("snapshots", stored, ["run_id", "minute", "as_of", "state", "metrics", "recorded_at"])
    return writer


def test_every_indicator(client: Client, shown: dict[str, RunMetrics]) -> None:
    found: dict[str, dict[str, Any]] = {}
    for row in client.query("SELECT * FROM kpi_results").named_results():
        found.setdefault(row["run_id"], {})[row["name"]] = row
    assert found.keys() == shown.keys()
    trends, statuses = set(), set()
    for run_id, metrics in shown.items():
        assert len(metrics.kpis) == len(found[run_id]) == len(INDICATORS) == 15
        for kpi in metrics.kpis:
            row = found[run_id][kpi.name]
            trends.add(kpi.trend)
            statuses.add(kpi.status)
            for name in ("category", "unit", "status", "trend"):
                assert row[name] == getattr(kpi, name), (run_id, kpi)
            for name in ("value", "target", "attainment"):
                wanted = getattr(kpi, name)
                assert row[name] == (None if wanted is None else pytest.approx(wanted, rel=1e-12)), (run_id, name, kpi)
    assert trends == {"up", "down", "steady", None}
    assert statuses == {"on_target", "near_target", "off_target", None}


def test_the_scores(client: Client, shown: dict[str, RunMetrics]) -> None:
    found = {row["run_id"]: row for row in client.query("SELECT * FROM kpi_scores").named_results()}
    for run_id, metrics in shown.items():
        known = {name: score for name, score in metrics.kpi_scores.categories.items() if score is not None}
        assert found[run_id]["category_scores"] == pytest.approx(known)
        assert found[run_id]["overall_score"] == pytest.approx(metrics.kpi_scores.overall)
