"""A load on its way: rows into ClickHouse, as often as it takes, then its dead letters onto the DLQ."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import TypeVar

import stamina
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, KafkaTimeoutError
from clickhouse_connect.driver.client import Client

from events.refusals import Position, dead_letter
from events.topics import full_name
from sinks.errors import ClickHouseAway

from .lane import Load
from .sources import SOURCES, Source
from .writer import identity, insert

Answer = TypeVar("Answer")


def _endlessly(on: type[Exception] | Callable[[Exception], bool]) -> AsyncIterator[stamina.Attempt]:
    """Attempts, ever further apart, until one does not end in such an error."""
    return stamina.retry_context(on=on, attempts=None, timeout=None, wait_initial=0.2, wait_max=5.0, wait_jitter=0.5)


def _kafka_is_away(error: Exception) -> bool:
    """The producer tries again by itself, but gives up after 40 s without metadata or a leader."""
    return isinstance(error, KafkaTimeoutError) or (isinstance(error, KafkaError) and error.retriable)


class Delivery:
    """Delivers loads, several at a time, and counts.

    `rows` inserted by table, `refused` records, and `away`: why ClickHouse takes nothing just now, None while it does.
    """

    def __init__(self, client: Client, producer: AIOKafkaProducer, prefix: str) -> None:
        self.rows = {source.table: 0 for source in SOURCES}
        self.refused = 0
        self.away: str | None = None
        self._client = client
        self._producer = producer
        self._dlq = full_name("dlq", prefix)

    async def deliver(self, source: Source, load: Load) -> None:
        """Returns when ClickHouse and Kafka have confirmed everything. Done twice it changes nothing.

        Raises:
            ClickHouseError: ClickHouse refuses the rows in a way that no retry cures.
        """
        if load.batches:
            self.rows[source.table] += await self._patiently(lambda: insert(self._client, source.table, load.batches))
        self.refused += len(load.refused)
        if source.dead_letters:
            await self._bury(load)

    async def identity(self, source: Source) -> str:
        """What the source's table is known by just now (`writer.identity`), as soon as ClickHouse answers."""
        return await self._patiently(lambda: identity(self._client, source.table))

    async def _patiently(self, call: Callable[[], Answer]) -> Answer:
        """The answer of a blocking call to ClickHouse, however long that is away."""
        async for attempt in _endlessly(ClickHouseAway):
            with attempt:
                try:
                    answer = await asyncio.to_thread(call)
                except ClickHouseAway as error:
                    self.away = str(error)
                    raise
        self.away = None
        return answer

    async def _bury(self, load: Load) -> None:
        for partition, (record, refused) in load.refused:
            place = Position(partition.topic, partition.partition, record.offset, record.timestamp)
            letter = dead_letter(place, record.value, refused)
            async for attempt in _endlessly(_kafka_is_away):
                with attempt:
                    await self._producer.send_and_wait(self._dlq, letter.value, key=letter.key, headers=letter.headers)
