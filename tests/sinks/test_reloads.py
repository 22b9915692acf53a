"""The same log, loaded again and again: in other batches, with a kill in between, after the tables were dropped."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from aiokafka import AIOKafkaProducer
from clickhouse_fixture import empty
from databases import Store, make_own_tables
from sinking import image, process, sink, snapshot, until

from servers.clickhouse.users import Addresses
from sinks.client import connect
from sinks.loading.lane import Limits

NOW = datetime.now(UTC).replace(microsecond=0)
TABLES = ("results", "feedback", "runs", "profiles", "snapshots")


def ago(seconds: float) -> str:
    return (NOW - timedelta(seconds=seconds)).isoformat()


def documents() -> dict[str, list[dict[str, Any]]]:
    """A run of 40 images with retries, repeats with another body, ratings, profiles and snapshots."""
    answer = {"question": "part:door", "answer": "yes", "table": "parts", "confidence": 0.9}
    results = [
        image(
            f"e{n}",
            image_id=f"i{n % 40}",
            vehicle_id=f"v{n % 5}",
            event_time=ago(3_600 - n),
            model=("small", "large")[n % 2],
            tier=1 + n // 80,
            status="failed" if n % 7 == 0 else "success",
            cost_usd=n / 1_000,
            latency_ms=100 + n,
            context_score=n % 90,
            answers=[answer | {"record_id": f"row-{n}"}],
        )
        for n in range(160)
    ]
    results += [one | {"cost_usd": 9, "status": "failed"} for one in results[::9]]
    said = {"event_type": "feedback.recorded", "event_time": ago(60), "run_id": "r"}
    feedback = [said | {"event_id": f"f{n}", "image_id": f"i{n}", "rating": n % 3 - 1} for n in range(20)]
    feedback += [
        said | {"event_id": f"w{n}", "image_id": f"i{n}", "question": "part:door", "verdict": "confirmed"}
        for n in range(20)
    ]
    declared = {"event_type": "run.declared", "event_id": "d", "event_time": ago(4_000), "run_id": "r"}
    return {
        "results": results,
        "feedback": feedback,
        "runs": [declared | {"total_images": 40, "budget_usd": 5, "name": "forty"}],
        "profiles": [
            {"event_type": "vehicle.profiled", "event_id": f"p{n}", "event_time": ago(5_000), "vehicle_id": f"v{n % 5}"}
            | {"receipt_count": n}
            for n in range(9)
        ],
        "metrics": [snapshot("r", ago(600 - 20 * n)) for n in range(12)],
    }


async def publish(bootstrap: str, prefix: str) -> None:
    async with AIOKafkaProducer(bootstrap_servers=bootstrap, linger_ms=5) as producer:
        for topic, values in documents().items():
            for value in values:
                key = str(value.get("image_id") or value.get("vehicle_id") or value["run_id"]).encode()
                await producer.send(prefix + topic, msgspec.json.encode(value), key=key)
        await producer.flush()


async def stored(store: Store) -> dict[str, list[bytes]]:
    """Every row that FINAL leaves, as JSON in order.

    Views are functions of those rows, however they lie (tests/properties/test_view_batches.py asks every one).
    """

    def ask() -> dict[str, list[bytes]]:
        asked = {table: f"SELECT * FROM {table} FINAL" for table in TABLES}
        return {
            table: sorted(store.client.raw_query(query, fmt="JSONEachRow").splitlines())
            for table, query in asked.items()
        }

    return await asyncio.to_thread(ask)


async def counts(store: Store) -> dict[str, int]:
    asked = ", ".join(f"(SELECT count() FROM {table} FINAL)" for table in TABLES)
    found = await asyncio.to_thread(store.client.query, f"SELECT {asked}")
    return dict(zip(TABLES, found.result_rows[0], strict=True))


async def test_every_load_of_a_log_leaves_the_same_rows(
    kafka: str, topics: str, own_store: Store, clickhouse: Addresses
) -> None:
    store = own_store
    await publish(kafka, topics)
    arguments = (kafka, topics, store.url, store.database)
    expected = {
        "results": 160,
        "feedback": 40,
        "runs": 1,
        "profiles": 5,
        "snapshots": len({ago(600 - 20 * n)[:16] for n in range(12)}),
    }

    async def complete() -> None:
        async def is_complete() -> bool:
            return await counts(store) == expected

        await until(is_complete, f"every row: {await counts(store)}")

    async def in_one_batch() -> None:
        async with sink(*arguments, group="whole"):
            await complete()

    async def in_small_batches() -> None:
        async with sink(*arguments, group="small", limits=Limits(records=7)):
            await complete()

    async def with_a_kill() -> None:
        async def begun() -> bool:
            return (await counts(store))["results"] > 0

        with process(*arguments):
            await until(begun, "the first rows")
        with process(*arguments):
            await complete()

    await in_one_batch()
    rows = await stored(store)
    assert all(rows.values())
    for load in (in_small_batches, with_a_kill):
        empty(store.client)
        await load()
        assert await stored(store) == rows

    migrator = connect(clickhouse.migrator, database=store.database)
    migrator.command(f"DROP DATABASE {store.database} SYNC", use_database=False)
    make_own_tables(migrator)
    await in_one_batch()  # of the same group: what it has committed was for tables that are gone
    assert await stored(store) == rows
