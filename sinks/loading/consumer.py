"""The lineage sink: a consumer group of its own, Kafka → ClickHouse, exactly the same rows after any replay.

An offset is committed only after ClickHouse confirmed the rows before it; a row that is inserted twice is one row by
its table's identity. While ClickHouse is away the sink waits with bounded memory, keeps its place in the group, and
tries again. A committed offset names the table that has the rows before it: where that table was dropped or restored
since, the topic is read from its beginning, and what the new table has already is one row still.
"""

import asyncio
import gc
import logging
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import msgspec
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRebalanceListener, TopicPartition
from aiokafka.errors import CommitFailedError, IllegalStateError, KafkaError

from events.topics import MAX_REQUEST_BYTES, full_name
from sinks.client import connect
from sinks.errors import KafkaUnreachable, StoreReplaced, TopicMissing

from .delivery import Delivery
from .lane import COLLECTED_AFTER, Lane, Limits, Load
from .sources import SOURCES, Source
from .writer import require_tables

GROUP = "imageledger.sink"
DEFAULT_LIMITS = Limits()

_POLL_MS = 100
_FETCH_RECORDS = 4_000
_PARTITION_FETCH_BYTES = 2 << 20  # a larger batch still comes, alone
_FETCH_BYTES = 16 << 20
_SESSION_MS = 10_000
_REVOKE_PATIENCE_S = 3.0
_REPORT_S = 1.0

log = logging.getLogger(__name__)


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """How the sink is doing. `rows` inserted by table and `refused` records since the start; `lag` in records by topic.

    `away`: why ClickHouse takes nothing just now; None while it does.
    """

    rows: dict[str, int]
    refused: int
    lag: dict[str, int]
    away: str | None


async def run(
    bootstrap: str,
    prefix: str,
    clickhouse_url: str,
    *,
    group: str = GROUP,
    database: str | None = None,
    security: Mapping[str, Any] | None = None,
    instance_id: str | None = None,
    limits: Limits = DEFAULT_LIMITS,
    report: Callable[[Status], None] = lambda _: None,
) -> None:
    """The sink's process body: until it is cancelled; then it stores what it has read, commits and leaves the group.

    Sets how often the process looks for cycles of objects (COLLECTED_AFTER).

    `security`: aiokafka's own arguments (`security_protocol`, `sasl_mechanism`, …). `instance_id`: static membership.
    `report` gets the status about once a second.

    Raises:
        KafkaUnreachable, TopicMissing, AccessDenied, SchemaMissing, ClickHouseAway: at the start.
        ClickHouseError: ClickHouse refuses rows in a way that no retry cures; nothing unconfirmed was committed.
        StoreReplaced: the tables were made anew meanwhile; the next start reads what they lack.
    """
    gc.set_threshold(COLLECTED_AFTER)
    client = await asyncio.to_thread(connect, clickhouse_url, database=database)
    await asyncio.to_thread(require_tables, client, [source.table for source in SOURCES])
    where = {"bootstrap_servers": bootstrap, **(security or {})}
    consumer = AIOKafkaConsumer(
        **where,
        group_id=group,
        group_instance_id=instance_id,
        isolation_level="read_committed",
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        max_partition_fetch_bytes=_PARTITION_FETCH_BYTES,
        fetch_max_bytes=_FETCH_BYTES,
        session_timeout_ms=_SESSION_MS,
    )
    producer = AIOKafkaProducer(**where, enable_idempotence=True, max_request_size=MAX_REQUEST_BYTES)
    sink = _Sink(consumer, Delivery(client, producer, prefix), prefix, limits, report)
    try:
        await _start(consumer, producer, bootstrap)
        await sink.subscribe()
        await sink.consume()
    finally:
        await consumer.stop()
        await producer.stop()
        client.close()


async def _start(consumer: AIOKafkaConsumer, producer: AIOKafkaProducer, bootstrap: str) -> None:
    try:
        await consumer.start()
        await producer.start()
    except KafkaError as error:
        remedy = "start it (`imageledger kafka`) or correct IMAGELEDGER_KAFKA"
        raise KafkaUnreachable(f"Kafka at {bootstrap} cannot be reached: {error}: {remedy}") from error


class _Sink(ConsumerRebalanceListener):  # type: ignore[misc]  # aiokafka ships no types
    """The loop and what it shares with the group's rebalances.

    `_epoch` counts revocations: what was read in an earlier one is never committed.
    """

    def __init__(
        self,
        consumer: AIOKafkaConsumer,
        delivery: Delivery,
        prefix: str,
        limits: Limits,
        report: Callable[[Status], None],
    ) -> None:
        self._consumer = consumer
        self._delivery = delivery
        self._limits = limits
        self._report = report
        self._lanes = {full_name(source.topic, prefix): Lane(source, limits) for source in SOURCES}
        self._inserts: dict[str, asyncio.Task[None]] = {}
        self._under_way = dict.fromkeys(self._lanes, 0)
        self._tables: dict[str, str] = {}
        self._epoch = 0

    async def subscribe(self) -> None:
        """Join the group, if the topics are there."""
        missing = sorted(set(self._lanes) - await self._consumer.topics())
        if missing:
            raise TopicMissing(f"Kafka has no topic {', '.join(missing)}: run `imageledger migrate`")
        for topic, lane in self._lanes.items():
            self._tables[topic] = await self._delivery.identity(lane.source)
        self._consumer.subscribe(list(self._lanes), listener=self)

    async def consume(self) -> None:
        """Read and store until cancelled, then store the rest within `limits.stop_s`."""
        clock = asyncio.get_running_loop().time
        reporting = asyncio.create_task(self._keep_reporting())
        try:
            while True:
                await self._fetch(clock)
                for topic, lane in self._lanes.items():
                    self._advance(topic, lane, clock())
        except asyncio.CancelledError:
            await self._finish(self._limits.stop_s)
            raise
        finally:
            for task in (reporting, *self._inserts.values()):
                task.cancel()

    async def _fetch(self, clock: Callable[[], float]) -> None:
        epoch = self._epoch
        fetched = await self._consumer.getmany(timeout_ms=_POLL_MS, max_records=_FETCH_RECORDS)
        if epoch != self._epoch:
            await self._rewind(fetched)
            return
        for partition, records in fetched.items():
            self._lanes[partition.topic].take({partition: records}, clock())

    async def _rewind(self, partitions: Iterable[TopicPartition]) -> None:
        """Back to what is committed, where records came over while the group changed: they may not follow on it."""
        for partition in partitions:
            committed = await self._committed(partition)
            if partition not in self._consumer.assignment():
                continue
            if committed is None:
                await self._consumer.seek_to_beginning(partition)
            else:
                self._consumer.seek(partition, committed)

    async def _committed(self, partition: TopicPartition) -> int | None:
        """The offset that the group has committed for the table as it is; None without one."""
        # The consumer's own `committed` leaves out what was committed with the offset.
        found = (await self._consumer._coordinator.fetch_committed_offsets([partition])).get(partition)  # noqa: SLF001
        if found is None or found.offset < 0:
            return None
        known = {"", self._tables[partition.topic]}  # an older version named no table
        return int(found.offset) if (found.metadata or "") in known else None

    def _advance(self, topic: str, lane: Lane, now: float) -> None:
        """Begin an insert when one is due, and hold the topic back while another is under way and enough waits."""
        task = self._inserts.get(topic)
        if task is not None and task.done():
            del self._inserts[topic]
            self._under_way[topic] = 0
            task.result()
        if topic not in self._inserts and lane.due(now):
            self._under_way[topic] = lane.records
            self._inserts[topic] = asyncio.create_task(self._store(lane.source, lane.unload()))
        ours = [partition for partition in self._consumer.assignment() if partition.topic == topic]
        held = self._consumer.paused()
        paused = [partition for partition in ours if partition in held]
        if lane.full and len(paused) < len(ours):
            self._consumer.pause(*ours)
        elif paused and not lane.full:
            self._consumer.resume(*paused)

    async def _store(self, source: Source, load: Load) -> None:
        """Everything is confirmed before the offsets are committed, so that a crash repeats and never loses."""
        epoch = self._epoch
        await self._delivery.deliver(source, load)
        if epoch != self._epoch:
            return
        table = self._tables[next(iter(load.next_offsets)).topic]
        if await self._delivery.identity(source) != table:
            raise StoreReplaced(f"table {source.table} was made anew: the sink has to begin again, and reads the log")
        try:
            await self._consumer.commit({at: (offset, table) for at, offset in load.next_offsets.items()})
        except (CommitFailedError, IllegalStateError) as error:
            # The group has changed meanwhile: whoever has the partitions now reads the records again.
            log.info("offsets of %s not committed: %s", source.table, error)

    async def _finish(self, patience_s: float) -> None:
        """Store what was read, unless it takes longer than this."""
        for topic, lane in self._lanes.items():
            under_way = self._inserts.get(topic)
            self._inserts[topic] = asyncio.create_task(self._store_last(under_way, lane))
        await asyncio.wait(self._inserts.values(), timeout=patience_s)

    async def _store_last(self, under_way: asyncio.Task[None] | None, lane: Lane) -> None:
        if under_way is not None:
            await under_way
        if lane.records:
            await self._store(lane.source, lane.unload())

    async def on_partitions_revoked(self, revoked: list[TopicPartition]) -> None:  # noqa: ARG002 - all of them, always
        """Give inserts under way a moment; then forget what is not confirmed: its next owner reads it again."""
        if self._inserts and self._delivery.away is None:
            await asyncio.wait(self._inserts.values(), timeout=_REVOKE_PATIENCE_S)
        self._epoch += 1
        for topic, lane in self._lanes.items():
            lane.clear()
            task = self._inserts.get(topic)
            if task is not None and not task.done():
                self._inserts.pop(topic).cancel()
                self._under_way[topic] = 0

    async def on_partitions_assigned(self, assigned: list[TopicPartition]) -> None:
        """Reading goes on where the group has committed, unless that was for another table of the name."""
        lost = [partition for partition in assigned if await self._committed(partition) is None]
        if lost:
            await self._consumer.seek_to_beginning(*lost)

    async def _keep_reporting(self) -> None:
        """Beside the loop, because Kafka is asked, which may be away itself."""
        while True:
            await asyncio.sleep(_REPORT_S)
            try:
                self._report(await self._status())
            except KafkaError as error:
                log.info("no status: %s", error)

    async def _status(self) -> Status:
        lag = {topic: lane.records + self._under_way[topic] for topic, lane in self._lanes.items()}
        # The end of a partition comes with what is fetched from it; one that is held back must be asked for.
        asked = await self._consumer.end_offsets(self._consumer.paused())
        for partition in self._consumer.assignment():
            end = asked.get(partition) or self._consumer.last_stable_offset(partition) or 0
            if end > 0:
                lag[partition.topic] += max(0, end - await self._consumer.position(partition))
        return Status(rows=dict(self._delivery.rows), refused=self._delivery.refused, lag=lag, away=self._delivery.away)
