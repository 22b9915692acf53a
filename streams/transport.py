"""The batched transport: Faust hands an agent one message per (partition, chunk of raw records).

Message by message, Faust spends over nine tenths of its time on asyncio (notes/performance.md). Faust keeps
membership, assignment, fetching and commits; what it assumes of offsets (gaps, read and committed positions) is
neutralised, because here a stage's ledger says where to read on.
"""

from collections.abc import AsyncIterator, Mapping
from typing import Any, ClassVar, NamedTuple, cast

import aiokafka
import faust
from aiokafka import ConsumerRecord
from faust.transport.drivers import aiokafka as driver
from faust.types import TP, Message
from faust.types.tuples import ConsumerMessage

from .clock import system_clock
from .cluster import Cluster
from .positions import Positions

CHUNK_RECORDS = 4_000
CHUNK_BYTES = 16 << 20
_FETCH_BYTES = 4 << 20
_FETCH_MIN_BYTES = 1 << 20
_FETCH_WAIT_MS = 150
"""The broker lets a trickle gather for so long, and answers at once where there is more: a transaction costs the same
for one record as for hundreds. (Faust's 1,500 ms would stall a partition that has caught up.)
"""
_POLL_S = 0.005  # while a chunk is being folded, its partition may become free at any moment
_IDLE_S = 0.5
_QUIET_MS = 10_000


class ChunkSchema(faust.Schema[Any, Any]):
    """Messages whose value is a Chunk as the transport made it: nothing to decode."""

    def loads_key(self, *_args: Any, **_options: Any) -> None:
        """A chunk has no key."""

    def loads_value(self, *args: Any, **_options: Any) -> Any:
        """The chunk."""
        _app, message = args
        return message.value


class Waits(NamedTuple):
    """`why` there is something left to do, in words; None where all that could be read `quiet_ms` ago is folded."""

    why: str | None
    quiet_ms: int = 0


class _NoOffsets(dict[TP, int | None]):
    """Stands in for Faust's `_read_offset`, below which it drops what it fetches: remembers nothing."""

    def __missing__(self, _tp: TP) -> None:
        return None

    def __setitem__(self, _tp: TP, _offset: int | None) -> None:
        return

    def update(self, *_args: Any, **_kwargs: Any) -> None:
        """Remembers nothing either."""


class _ConsumerThread(driver.AIOKafkaConsumerThread):
    def _create_worker_consumer(self, transport: driver.Transport) -> aiokafka.AIOKafkaConsumer:
        conf, cluster = self.app.conf, cast("BatchTransport", transport).cluster
        # Faust's own assignor gives a worker the same partition numbers of all topics of equal partition count that are
        # subscribed together; Faust would take it only for an app with tables, else round-robin, which does not.
        self._assignor = self.app.assignor
        return aiokafka.AIOKafkaConsumer(
            bootstrap_servers=cluster.bootstrap,
            client_id=conf.broker_client_id,
            group_id=conf.id,
            group_instance_id=conf.consumer_group_instance_id,
            partition_assignment_strategy=[self._assignor],
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            isolation_level="read_committed",
            max_poll_records=CHUNK_RECORDS,
            max_poll_interval_ms=int(conf.broker_max_poll_interval * 1000),
            max_partition_fetch_bytes=_FETCH_BYTES,
            fetch_min_bytes=_FETCH_MIN_BYTES,
            fetch_max_wait_ms=_FETCH_WAIT_MS,
            request_timeout_ms=int(conf.broker_request_timeout * 1000),
            session_timeout_ms=int(conf.broker_session_timeout * 1000),
            rebalance_timeout_ms=int(conf.broker_rebalance_timeout * 1000),
            heartbeat_interval_ms=int(conf.broker_heartbeat_interval * 1000),
            **cluster.security,
        )

    def progress(self, tp: TP) -> tuple[int | None, int | None, int | None]:
        """The partition's position, the end of what can be read, and when that was heard (ms); None where unknown.

        The end is the last stable offset: an open transaction of a user's producer is no work that waits.
        """
        subscription = self._ensure_consumer()._subscription.subscription  # noqa: SLF001 - not offered otherwise
        assignment = subscription and subscription.assignment
        if not assignment or not assignment.active or tp not in assignment.tps:
            return None, None, None
        state = assignment.state_value(tp)
        return (state.position if state.has_valid_position else None), state.lso, state.timestamp


class BatchConsumer(driver.Consumer):
    """Faust's consumer, yielding chunks: at most one of a partition is on its way at a time."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._read_offset = _NoOffsets()
        self._fetched: dict[TP, tuple[int | None, list[ConsumerRecord]]] = {}
        self.positions = Positions(self.seek_wait)

    def _new_consumer_thread(self) -> _ConsumerThread:
        return _ConsumerThread(self, loop=self.loop, beacon=self.beacon)

    async def getmany(self, timeout: float) -> AsyncIterator[tuple[TP, Message]]:  # noqa: ARG002, ASYNC109 - as Faust has it
        """The next chunks; what was fetched beyond them stays for the next call."""
        if not self.flow_active:
            await self.wait(cast("Any", self.can_resume_flow))
        await self.positions.refetch_lost()
        wanted = self.positions.free(self._get_active_partitions())
        if not wanted:
            await self.positions.changed(_POLL_S if self.positions.busy else _IDLE_S)
            return
        if wanted.isdisjoint(self._fetched):
            await self._fetch(wanted)
        for tp in list(self._fetched):
            if tp in wanted and self.flow_active and not self.should_stop:
                chunk = self._next_chunk(tp)
                if chunk is None:
                    await self.positions.refetch(tp)
                else:
                    yield tp, chunk

    async def _fetch(self, wanted: set[TP]) -> None:
        epochs = {tp: self.positions.epoch(tp) for tp in wanted}
        records = await self._getmany(wanted, _POLL_S if self.positions.busy else _IDLE_S)
        for tp, batch in records.items():
            self._fetched[TP(*tp)] = (epochs[tp], batch)

    def _next_chunk(self, tp: TP) -> ConsumerMessage | None:
        """A message with the next chunk; None where its records were fetched before a seek, and are dropped."""
        epoch, batch = self._fetched.pop(tp)
        if epoch != self.positions.epoch(tp):
            return None
        size = fitting(batch)
        if size < len(batch):
            self._fetched[tp] = (epoch, batch[size:])
            batch = batch[:size]
        last = batch[-1]
        return ConsumerMessage(
            tp.topic,
            tp.partition,
            last.offset,
            last.timestamp / 1000,
            last.timestamp_type,
            None,
            None,
            cast("Any", self.positions.hand_out(tp, batch)),
            None,
            tp=tp,
            generation_id=self.app.consumer_generation_id,
        )

    async def perform_seek(self) -> None:
        """Faust would go to the committed offsets; the stages seek to what their ledgers say."""

    async def seek(self, partition: TP, offset: int) -> None:
        """Move one partition and wait until it stands there."""
        await self.seek_wait({partition: offset})

    async def _add_gap(self, tp: TP, offset_from: int, offset_to: int) -> None:
        """A chunk acks one offset for all its records; the others are no gap."""

    def _new_offset(self, tp: TP) -> int | None:
        """What to commit: past the last chunk acked. Acks are in order, one chunk at a time."""
        acked = self._acked[tp]
        if not acked:
            return None
        offset = max(acked) + 1
        acked.clear()
        self._acked_index[tp].clear()
        return int(offset)

    async def commit_offsets(self, offsets: Mapping[TP, int]) -> None:
        """Commit these, past Faust's own book of what it has committed."""
        await self._commit(offsets)

    def verify_event_path(self, now: float, tp: TP) -> None:
        """Faust's opinion on slow partitions counts messages; the watchdog has its own."""

    def waits(self, tp: TP, expected: int) -> Waits:
        """What is left to do with a partition. `expected`: the offset that is to be folded next."""
        position, end, fetched_ms = cast("_ConsumerThread", self._thread).progress(tp)
        if position is None or end is None or fetched_ms is None:
            return Waits(f"{tp.topic} has not been fetched")
        if position < end or tp in self._fetched or self.positions.has_handed_out(tp, expected):
            return Waits(f"{tp.topic} has records that are not applied")
        quiet_ms = system_clock() - fetched_ms
        if quiet_ms > _QUIET_MS:
            return Waits(f"the broker has not answered for {tp.topic} for {quiet_ms // 1000} s")
        return Waits(None, quiet_ms)


def fitting(batch: list[ConsumerRecord]) -> int:
    """How many of the first records make a chunk: within CHUNK_RECORDS and CHUNK_BYTES, and at least one."""
    size = 0
    for count, record in enumerate(batch[:CHUNK_RECORDS]):
        size += len(record.value or b"") + len(record.key or b"")
        if size > CHUNK_BYTES:
            return max(count, 1)
    return min(len(batch), CHUNK_RECORDS)


class _Producer(driver.Producer):
    """Faust's own producer, which nothing here sends with; it only has to get in."""

    def _settings_default(self) -> Mapping[str, Any]:
        return {"bootstrap_servers": self._cluster.bootstrap, "client_id": self.client_id}

    def _settings_auth(self) -> Mapping[str, Any]:
        return self._cluster.security

    @property
    def _cluster(self) -> Cluster:
        return cast("BatchTransport", self.transport).cluster


class BatchTransport(driver.Transport):
    """Set as `app.transport`."""

    Consumer: ClassVar[type[BatchConsumer]] = BatchConsumer
    Producer: ClassVar[type[_Producer]] = _Producer

    def __init__(self, app: faust.App, cluster: Cluster) -> None:
        super().__init__(app.conf.broker, app)
        self.cluster = cluster
