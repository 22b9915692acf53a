"""Every view says the same of a log, however it came in: in any batches, with repeats, after a kill, merged or not."""

from collections.abc import Iterator
from random import Random
from typing import Any

import msgspec
import pytest
from clickhouse_connect.driver.client import Client
from clickhouse_fixture import empty
from logs import log_of
from naive import Logged

from events.envelope import epoch_ms
from events.profiles import VehicleProfiled
from events.runs import Baseline, RunDeclared, RunFinished, RunUpdated, TierPlan
from events.snapshots import RunMetrics
from metrics.fold.buckets import moment
from metrics.views.catalogue import VIEWS
from servers.clickhouse.users import Addresses
from sinks.client import connect
from sinks.loading.sources import SOURCES
from sinks.loading.writer import insert

BY_TOPIC = {source.topic: source for source in SOURCES}
OF_30_DAYS = {"best_model_by_task", "get_best_model_for_task"}  # which the log's fixed dates leave one day
ARGUMENTS = {
    "get_best_model_for_task": "(task_type = 'parts', priority = 'quality')",
    "get_model_performance_summary": "(days = 60000)",
}


class Stored(msgspec.Struct):
    """What the sink reads of a record."""

    offset: int
    timestamp: int
    value: bytes
    key: bytes | None = None
    headers: tuple[tuple[str, bytes], ...] = ()


def results_and_feedback(seed: int, count: int) -> list[Logged]:
    """The generated log, with vehicles, conversations and answers that name rows."""
    draw = Random(seed)
    log = []
    for record in log_of([draw.getrandbits(32) for _ in range(count)]):
        event = record.event
        if hasattr(event, "vehicle_id"):
            event = msgspec.structs.replace(event, vehicle_id=draw.choice([None, "car", "van"]))
        if hasattr(event, "conversation_id") and not hasattr(event, "rating"):
            event = msgspec.structs.replace(event, conversation_id=draw.choice(["talk", "chat"]))
        log.append(record._replace(event=event))
    return log


def records(log: list[Logged]) -> dict[tuple[str, int], list[Stored]]:
    """(Topic, partition) → its records, plans, profiles and snapshots too."""
    found: dict[tuple[str, int], list[Stored]] = {}
    for record in log:
        value = msgspec.json.encode(record.event)
        found.setdefault((record.topic, record.partition), []).append(Stored(record.offset, record.timestamp_ms, value))
    begin_ms, end_ms = log[0].timestamp_ms, log[-1].timestamp_ms
    tiers = [TierPlan(tier=1, images=5, unit_cost_usd=0.1, batch_size=2, batch_seconds=3.0)]
    known: dict[str, Any] = {"run_id": "run a", "event_time": moment(begin_ms)}
    plan = RunDeclared(
        event_id="p",
        **known,
        total_images=9,
        tiers=tiers,
        budget_usd=5.0,
        baseline=Baseline(name="b", unit_cost_usd=1.0),
    )
    update = RunUpdated(event_id="u", **known, cheap_models=["gpt-4o-mini"])
    told = [plan, update, RunFinished(event_id="f", **known)]
    profiled = [
        VehicleProfiled(event_id=v, event_time=moment(begin_ms), vehicle_id=v, has_spid=True) for v in ("car", "bike")
    ]
    minutes = [begin_ms + (end_ms - begin_ms) * n // 8 for n in range(9)]
    shown = [
        RunMetrics(
            event_id=str(ms), event_time=moment(ms), run_id="run a", as_of=moment(ms), source_offsets={},
            state="running", totals={"results": n, "records": {"t": n}}, by_model={"gpt-4o": {"results": n}},
        )
        for n, ms in enumerate(minutes)
    ]  # fmt: skip
    for topic, events in (("runs", told), ("profiles", profiled), ("metrics", shown)):
        found[topic, 0] = [
            Stored(n, epoch_ms(event.event_time), msgspec.json.encode(event), getattr(event, "vehicle_id", "").encode())
            for n, event in enumerate(events)
        ]
    return found


def load(client: Client, log: dict[tuple[str, int], list[Stored]], size: int, *, killed_at: int | None = None) -> None:
    """Inserts of `size` records; a kill before the ack of the batch at `killed_at` makes the sink say it again."""
    for (topic, partition), mine in log.items():
        for nth, start in enumerate(range(0, len(mine), size)):
            for _ in range(2 if nth == killed_at else 1):
                batches, refused = BY_TOPIC[topic].read(f"t.{topic}", partition, mine[start : start + size])
                assert not refused
                for batch in batches:
                    insert(client, BY_TOPIC[topic].table, [batch])


def rows(client: Client) -> dict[str, list[str]]:
    """Table → what its repeats leave."""
    return {
        source.table: sorted(map(str, client.query(f"SELECT * FROM {source.table} FINAL").result_rows))
        for source in SOURCES
    }


def everything(client: Client) -> dict[str, list[str]]:
    """View → its rows as text, in an order of their own."""
    return {
        view.name: sorted(
            map(str, client.query(f"SELECT * FROM {view.name}{ARGUMENTS.get(view.name, '')}").result_rows)
        )
        for view in VIEWS
    }


@pytest.fixture(scope="module")
def log() -> dict[tuple[str, int], list[Stored]]:
    return records(results_and_feedback(23, 400))


@pytest.fixture(scope="module")
def client(tables: Addresses) -> Iterator[Client]:
    client = connect(tables.writer)
    client.command("SYSTEM STOP MERGES")
    yield client
    client.command("SYSTEM START MERGES")


def test_every_view_is_the_same_in_any_batches_and_merged_or_not(
    client: Client, log: dict[tuple[str, int], list[Stored]]
) -> None:
    load(client, log, 10_000)
    wanted_rows = rows(client)
    empty(client)
    load(client, log, 37, killed_at=3)
    load(client, log, 150)  # and all of it a second time
    assert rows(client) == wanted_rows
    wanted = everything(client)  # once where most is repeated, once where nothing is: 5 s of planning each
    assert {name for name, found in wanted.items() if not found} <= OF_30_DAYS
    client.command("SYSTEM START MERGES")
    [[before]] = client.query("SELECT count() FROM results").result_rows
    for source in SOURCES:
        client.command(f"OPTIMIZE TABLE {source.table} FINAL")
    [[after]] = client.query("SELECT count() FROM results").result_rows
    assert after < before
    assert everything(client) == wanted
