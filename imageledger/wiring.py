"""Settings → running parts: the composition root of each process."""

import asyncio
import contextlib
import os
import signal
import time
import uuid
from collections.abc import Awaitable, Callable, Coroutine
from datetime import UTC, datetime
from typing import Any, TypeVar
from urllib.parse import urlsplit

from imageledger import workers
from imageledger.settings import Settings
from processors.summary import Summary
from servers import endpoints, users

_ASK_AGAIN_S = 0.1
T = TypeVar("T")


async def migrate(settings: Settings, *, dry_run: bool, wait_s: float = 0.0) -> list[str]:
    """Topics, tables and views; a line for each thing that was made, mended or left.

    `wait_s`: how long to ask again while a server does not answer yet. Raises ServerError, SinkError.
    """
    from servers.errors import KafkaUnreachable
    from sinks.errors import ClickHouseAway

    return await _patiently(lambda: _migrate(settings, dry_run=dry_run), (KafkaUnreachable, ClickHouseAway), wait_s)


async def _patiently(ask: Callable[[], Awaitable[T]], away: tuple[type[Exception], ...], wait_s: float) -> T:
    """What `ask` answers; it is asked again for `wait_s` while it raises one of `away`."""
    deadline = time.monotonic() + wait_s
    while True:
        try:
            return await ask()
        except away:
            if time.monotonic() > deadline:
                raise
        await asyncio.sleep(_ASK_AGAIN_S)


async def _migrate(settings: Settings, *, dry_run: bool) -> list[str]:
    from servers import topics
    from sinks import client, migrations

    made = await topics.migrate(
        settings.kafka_address(), partitions=settings.partitions, prefix=settings.prefix, dry_run=dry_run
    )
    lines = [f"topic {name} created" for name in made.created] + made.repaired + made.left
    with client.connect(_store(settings).migrator) as store:
        return lines + migrations.migrate(store, dry_run=dry_run)


def _store(settings: Settings) -> users.Addresses:
    """ClickHouse's URL by what it is used for: one of each user of the embedded engine, the configured one for all."""
    if settings.clickhouse is not None:
        return users.Addresses(*[settings.clickhouse] * 3)
    port = urlsplit(settings.clickhouse_url()).port
    return users.addresses(settings.data, port or 0)


def run_worker(settings: Settings, slot: int, *, wait_s: float = 0.0) -> None:
    """The body of `imageledger worker`. `wait_s`: how long it waits for Kafka and the topics. Raises StreamError."""
    from streams.app import WorkerSettings, run_worker
    from streams.cluster import Cluster
    from streams.errors import KafkaUnreachable, TopicsMissing
    from streams.topics import require_topics

    cluster = Cluster(settings.kafka_address(), settings.prefix)
    asyncio.run(_patiently(lambda: require_topics(cluster), (KafkaUnreachable, TopicsMissing), wait_s))
    run_worker(
        WorkerSettings(
            bootstrap=settings.kafka_address(),
            data_dir=settings.data,
            prefix=settings.prefix,
            slot=workers.slot_name(slot),
        )
    )


def run_sink(settings: Settings) -> None:
    """The body of `imageledger sink`. Raises SinkError."""
    from sinks import consumer

    body = consumer.run(
        settings.kafka_address(),
        settings.prefix,
        _store(settings).writer,
        group=f"{settings.prefix}sink",
        instance_id="sink-0",
    )
    asyncio.run(_until_told(body))


async def _until_told(body: Coroutine[Any, Any, None]) -> None:
    """Run `body`; SIGTERM and SIGINT cancel it, which is its way to end in order."""
    task = asyncio.ensure_future(body)
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    with contextlib.suppress(asyncio.CancelledError):
        await task


def run_api(settings: Settings) -> None:
    """The body of `imageledger api`. Raises DashboardError."""
    from dashboard import app
    from dashboard.config import LOOPBACK_NAMES, DashboardConfig

    async def worker_ready() -> bool:
        return all(workers.is_ready(settings.data, slot) for slot in range(settings.workers))

    config = DashboardConfig(
        bootstrap=settings.kafka_address(),
        prefix=settings.prefix,
        clickhouse_url=_store(settings).reader,
        worker_ready=worker_ready,
        hosts=LOOPBACK_NAMES | {settings.host},
    )
    url = f"http://{settings.host}:{settings.port}"
    with endpoints.changing(settings.data) as found:
        found.api = url
        found.pids["api"] = os.getpid()
    app.serve(config, settings.host, settings.port)


async def backfill(settings: Settings, run_id: str | None, speed: float, seed: int, stop: asyncio.Event) -> Summary:
    """The documented backfill with a simulated model, until it ends or `stop` is set."""
    from events.sdk.publisher import Publisher
    from processors.backfill import backfill
    from processors.clock import WallClock
    from processors.documented import documented
    from processors.models.simulated import SimulatedModel

    found = documented(seed, datetime.now(UTC))
    model = SimulatedModel(found.scenes, seed=seed, clock=WallClock(), speed=speed)
    publisher = Publisher(settings.kafka_address(), prefix=settings.prefix, source="imageledger.backfill")
    try:
        return await backfill(
            publisher, found.plan, model, run_id=run_id or f"backfill-{uuid.uuid4().hex[:8]}", speed=speed, stop=stop
        )
    finally:
        await asyncio.to_thread(publisher.close)
