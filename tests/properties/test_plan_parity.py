"""`run_plans` says of any events of a run's life what `metrics.fold.lifecycle` says."""

from random import Random
from typing import Any

import msgspec
import pytest
from clickhouse_connect.driver.client import Client
from logs import BEGIN_MS

from events.runs import (
    AnyRunEvent,
    Baseline,
    CommandAcknowledged,
    RunDeclared,
    RunFinished,
    RunPaused,
    RunResumed,
    RunUpdated,
    Sla,
    TierPlan,
)
from metrics.fold.buckets import moment
from metrics.fold.lifecycle import Lifecycle, Stamp
from servers.clickhouse.users import Addresses
from sinks.client import connect
from sinks.loading import rows
from sinks.loading.chunks import Chunk
from sinks.loading.writer import insert

KINDS: list[type[Any]] = [RunDeclared, RunUpdated, RunUpdated, RunPaused, RunResumed, RunFinished, CommandAcknowledged]
FIELDS: dict[str, list[Any]] = {
    "name": ["a name", "ö 🙂"],
    "strategy": ["context"],
    "started_at": [moment(BEGIN_MS), moment(BEGIN_MS + 1)],
    "total_images": [0, 9],
    "tiers": [[], [TierPlan(tier=2, images=5, unit_cost_usd=0.1)]],
    "tier_order": ["series", "parallel"],
    "budget_usd": [0.0, 7.5],
    "baseline": [Baseline(name="b", unit_cost_usd=1.0), Baseline(name="c", unit_cost_usd=2.0, latency_ms=3.0)],
    "cheap_models": [[], ["small"]],
    "sla": [Sla(), Sla(latency_ms=5.0, error_rate=0.5)],
    "value_weights_usd": [{}, {"tags": 0.5}],
    "targets": [{}, {"error_rate": 0.02}],
    "baselines": [{}, {"error_rate": 0.1}],
}


def told(seed: int, count: int) -> list[tuple[Stamp, AnyRunEvent]]:
    """Events of one run on two partitions by arrival; some repeat an id, with another body."""
    draw = Random(seed)
    found: list[tuple[Stamp, AnyRunEvent]] = []
    now_ms = BEGIN_MS
    for offset in range(count):
        now_ms += draw.choice([0, 1, 1_000])
        kind = draw.choice(KINDS)
        own: dict[str, Any] = {}
        if kind in (RunDeclared, RunUpdated):
            own = {name: draw.choice(values) for name, values in FIELDS.items() if draw.random() < 0.4}
        elif kind is CommandAcknowledged:
            own = {"command_id": "c"}
        envelope = {"event_id": f"e{draw.randrange(2 * count)}", "event_time": moment(now_ms), "run_id": f"run {seed}"}
        # Within a millisecond a partition's number decides: in order of arrival here, as registers sort them.
        found.append((Stamp(now_ms, draw.randrange(2), offset), kind(**envelope, **own)))
    return sorted(found, key=lambda said: said[0])


@pytest.fixture
def client(tables: Addresses) -> Client:
    return connect(tables.writer)


def test_the_plan_as_it_stands(client: Client) -> None:
    lives = {}
    for seed in range(60):
        life = Lifecycle()
        said = told(seed, 1 + seed % 9)
        for stamp, event in said:
            life = life.take(event, stamp)
        for partition in (0, 1):
            mine = [(stamp, event) for stamp, event in said if stamp.partition == partition]
            for _ in range(1 + seed % 2 if mine else 0):
                store(client, partition, mine)
        if life.seen:
            lives[f"run {seed}"] = life
    found = {row["run_id"]: row for row in client.query("SELECT * FROM run_plans", tz_mode="aware").named_results()}
    assert found.keys() == lives.keys()
    for run_id, life in lives.items():
        assert plan_of(found[run_id]) == expected(life), run_id


def store(client: Client, partition: int, said: list[tuple[Stamp, AnyRunEvent]]) -> None:
    """As one batch of the sink."""
    stamps, events = [stamp for stamp, _ in said], [event for _, event in said]
    offsets, recorded_ms = [stamp.offset for stamp in stamps], [stamp.recorded_ms for stamp in stamps]
    chunk = Chunk("t.runs", partition, events, offsets, recorded_ms, [msgspec.json.encode(event) for event in events])
    insert(client, "runs", rows.runs(chunk))


def plan_of(row: dict[str, Any]) -> dict[str, Any]:
    """A row of the view without its run; its tiers as those of a plan."""
    return {name: value for name, value in row.items() if name != "run_id"} | {
        "tiers": [(tier["tier"], tier["images"], tier["unit_cost_usd"]) for tier in row["tiers"]]
    }


def expected(life: Lifecycle) -> dict[str, Any]:
    """The row that the fold's word makes; SQL shows an absent list or map as an empty one."""
    plan = life.plan or RunDeclared(event_id="", event_time=moment(0), run_id="")
    baseline, sla = plan.baseline, plan.sla or Sla()
    plain = ("name", "strategy", "started_at", "total_images", "tier_order", "budget_usd")
    return {
        "declared": life.declared,
        "phase": life.phase,
        **{name: getattr(plan, name) for name in plain},
        "tiers": [(tier.tier, tier.images, tier.unit_cost_usd) for tier in plan.tiers or []],
        "baseline_name": baseline and baseline.name,
        "baseline_unit_cost_usd": baseline and baseline.unit_cost_usd,
        "baseline_latency_ms": baseline and baseline.latency_ms,
        "cheap_models": plan.cheap_models or [],
        "sla_latency_ms": sla.latency_ms,
        "sla_error_rate": sla.error_rate,
        "sla_deadline": sla.deadline,
        "value_weights_usd": plan.value_weights_usd or {},
        "targets": plan.targets or {},
        "baselines": plan.baselines or {},
    }
