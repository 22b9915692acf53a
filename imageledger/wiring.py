"""Settings → running parts: the composition root of each process."""

import asyncio
import contextlib
import os
import signal
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

from imageledger import health, workers
from imageledger.settings import Settings
from processors.summary import Summary
from servers import endpoints
from servers.clickhouse import users

if TYPE_CHECKING:
    from events.sdk.publisher import Publisher
    from imageledger.doctor import Check
    from imageledger.proof.verify import Progress, Verdict

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
    from imageledger.kafka import options
    from servers import topics
    from sinks import client
    from sinks.schema import migrations

    made = await topics.migrate(
        settings.kafka_address(),
        partitions=settings.partitions,
        prefix=settings.prefix,
        dry_run=dry_run,
        security=options(settings),
    )
    lines = [f"topic {name} created" for name in made.created] + made.repaired + made.left
    with client.connect(_store(settings).migrator) as store:
        return lines + migrations.migrate(store, dry_run=dry_run)


def migrate_down(settings: Settings, number: str, *, drop_data: bool, dry_run: bool) -> list[str]:
    """Undo ClickHouse's migration `number` and all later ones; a line for each thing undone. Raises SinkError."""
    from sinks import client
    from sinks.schema import migrations

    with client.connect(_store(settings).migrator) as store:
        return [f"{name} undone" for name in migrations.down(store, number, drop_data=drop_data, dry_run=dry_run)]


def _store(settings: Settings) -> users.Addresses:
    """ClickHouse's URL by what it is used for: a user each of the embedded engine, what is configured of a server."""
    if settings.clickhouse is not None:
        reader = settings.clickhouse_reader or settings.clickhouse
        return users.Addresses(writer=settings.clickhouse, reader=reader, migrator=settings.clickhouse)
    port = urlsplit(settings.clickhouse_url()).port
    return users.addresses(settings.data, port or 0)


def reader_url(settings: Settings) -> str:
    """ClickHouse as the user who may only read, for statements of somebody's own."""
    return _store(settings).reader


def writer_url(settings: Settings) -> str:
    """ClickHouse as the user who adds and removes rows."""
    return _store(settings).writer


def migrator_url(settings: Settings) -> str:
    """ClickHouse as the user who makes and drops tables."""
    return _store(settings).migrator


def run_sink(settings: Settings) -> None:
    """The body of `imageledger sink`. Raises SinkError."""
    from imageledger.kafka import options
    from sinks.loading import consumer

    body = consumer.run(
        settings.kafka_address(),
        settings.prefix,
        _store(settings).writer,
        group=settings.sink_group(),
        instance_id="sink-0",
        security=options(settings),
        report=health.sink_reporter(settings.data),
    )
    asyncio.run(_until_told(body))


def run_forward(settings: Settings) -> None:
    """The body of `imageledger alerts forward`. Raises SettingsError, DashboardError."""
    from imageledger.alerting import forward

    asyncio.run(_until_told(forward(settings)))


async def _until_told(body: Coroutine[Any, Any, None]) -> None:
    """Run `body`; SIGTERM and SIGINT cancel it, which is its way to end in order."""
    task = asyncio.ensure_future(body)
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    with contextlib.suppress(asyncio.CancelledError):
        await task


def run_api(settings: Settings) -> None:
    """The body of `imageledger api`. Raises DashboardError, PricesError."""
    from dashboard import app
    from dashboard.config import LOOPBACK_NAMES, DashboardConfig

    async def worker_ready() -> bool:
        return all(workers.is_ready(settings.data, slot) for slot in range(settings.workers))

    config = DashboardConfig(
        bootstrap=settings.kafka_address(),
        security=settings.kafka_security(),
        prefix=settings.prefix,
        clickhouse_url=_store(settings).reader,
        worker_ready=worker_ready,
        refused=lambda: workers.refused(settings.data, settings.workers),
        sink_lag=lambda: health.sink_lag(settings.data),
        clock_ahead_ms=lambda: workers.clock_ahead_ms(settings.data, settings.workers),
        hosts=LOOPBACK_NAMES | {settings.host},
        prices=settings.price_list(),
        pictures=settings.pictures,
    )
    url = f"http://{settings.host}:{settings.port}"
    with endpoints.changing(settings.data) as found:
        found.api = url
        found.pids["api"] = os.getpid()
    app.serve(config, settings.host, settings.port)


def examine(settings: Settings) -> "AsyncIterator[Check]":
    """What `imageledger doctor` looks at. Raises SettingsError where there is no Kafka or no ClickHouse to look at."""
    from imageledger import doctor
    from imageledger.kafka import cluster_of

    cluster = cluster_of(settings)
    return doctor.examine(doctor.Patient(settings, cluster, _store(settings), settings.sink_group()))


async def backfill(
    settings: Settings,
    run_id: str | None,
    speed: float,
    seed: int,
    stop: asyncio.Event,
    *,
    go_on: bool = False,
    finished: Callable[[Summary], None] | None = None,
) -> Summary:
    """The documented backfill with a simulated model, until it ends or `stop` is set; with `finished`, it stays on.

    `go_on`: without a `run_id`, the log's newest run of it that is not finished is continued. Raises UnreachableError,
    ResumeError, SdkError.
    """
    from imageledger.kafka import log_of, require_kafka
    from processors.backfill.documented import NAME, documented
    from processors.backfill.run import backfill
    from processors.clock import WallClock
    from processors.models.simulated import SimulatedModel

    found = documented(seed, datetime.now(UTC))
    model = SimulatedModel(found.scenes, seed=seed, clock=WallClock(), speed=speed)
    await require_kafka(settings)
    async with log_of(settings) as log:
        run_id = run_id or (await log.newest_open(NAME) if go_on else None) or f"backfill-{uuid.uuid4().hex[:8]}"
        publisher = spooled_publisher(settings, "backfill")
        try:
            return await backfill(
                publisher, found.plan, model, run_id=run_id, log=log, speed=speed, stop=stop, finished=finished
            )
        finally:
            await asyncio.to_thread(publisher.close)


def spooled_publisher(settings: Settings, name: str) -> "Publisher":
    """A processor's publisher; what Kafka does not take now waits on disk, for the next process of that name too."""
    from imageledger.kafka import publisher_of

    spool = settings.data / "spool" / name
    return publisher_of(settings, f"imageledger.{name}", spool=spool, prices=settings.price_list())


async def verify(
    settings: Settings, run_id: str | None, wait_s: float, processes: int, progress: "Progress", *, rows: bool = False
) -> "Verdict":
    """Every figure, and with `rows` each stored row, against the log from offset 0.

    Raises CannotCompare, StreamError, SinkError.
    """
    from imageledger.kafka import cluster_of
    from imageledger.proof.sql import SqlWitness
    from imageledger.proof.verify import Verification
    from sinks import client
    from sinks.reading.witness import Sql

    cluster = cluster_of(settings)
    with client.connect(_store(settings).writer) as store:
        sql = SqlWitness(cluster, Sql(store, settings.prefix), settings.sink_group(), wait_s, rows=rows)
        return await Verification(cluster, sql, run_id, processes, progress).run()
