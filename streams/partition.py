"""Chunk in, one transaction out: the law that keeps a stage exact (DESIGN.md 5).

A partition is a task of its own with an inbox, so that one folds while another waits for Kafka; within a partition
everything is strictly one after the other. The ledger's `applied` is the truth, committed offsets are a hint. State
that was folded into and not written down is never used again: any failure ends the process, and the next start reads
the ledger.
"""

import asyncio
import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Generic, NamedTuple, cast

from aiokafka import TopicPartition
from aiokafka.errors import KafkaError, ProducerFenced
from faust.types import TP, EventT

from events.refusals import DeadLetter
from events.topics import Name

from .entries import Entry
from .errors import Fenced, WriteRefused
from .ledger import Ledger, P
from .positions import Chunk
from .posting import all_of, post
from .recovery import EXPIRING, require_same_topics, require_start, require_whole_log, taken_over
from .setup import Outgoing, StageSetup, Step, Surroundings

log = logging.getLogger(__name__)

_CLOSE_S = 5.0


class Tick(NamedTuple):
    """In a partition's inbox: it is time for another look."""

    now_ms: int


class Reopen(NamedTuple):
    """In a partition's inbox: a rebalance left the partition here; read on behind what is applied."""


class Partition(Generic[P]):
    """One source partition of a stage, from fence to fence.

    `ready`: recovered. `progress` grows with what is read in recovery and with each chunk, not with
    ticks, which come however little gets done. `acked`: the last offset acked of each source topic
    since the partition was assigned.
    """

    def __init__(self, setup: StageSetup[P], shared: Surroundings, number: int) -> None:
        self.number = number
        self.ready = False
        self.progress = 0
        self.acked: dict[Name, int] = {}
        self._setup = setup
        self._shared = shared
        self._state = setup.new_state(number, shared.partitions)
        self._ledger = Ledger(setup.decode, setup.is_sealed, self._state.whole, reread=setup.reread)
        self._topic_ids: dict[str, str] = {name: shared.topic_ids[name] for name in (*setup.sources, *setup.rests_on)}
        self._inbox: asyncio.Queue[EventT[Any] | Tick | Reopen | None] = asyncio.Queue()
        self._tick_waits = False
        self._revoked = False
        application = f"{shared.application}.{setup.name}.{number}"
        self._fence = shared.cluster.producer(transactional_id=application)
        shared.recoveries.begin(self)
        self._task = asyncio.create_task(self._run(), name=application)

    def put(self, item: EventT[Any] | Reopen) -> None:
        """Give the partition something to do, after what it was given before."""
        self._inbox.put_nowait(item)

    def tick(self, now_ms: int) -> None:
        """It is time for another look; one that is still waiting stands for this one too."""
        if self.ready and not self._tick_waits:
            self._tick_waits = True
            self._inbox.put_nowait(Tick(now_ms))

    def revoke(self) -> None:
        """The partition is another worker's now. What is half done may end (its writes are refused if too late)."""
        self._revoked = True
        self._shared.recoveries.end(self)
        self._inbox.put_nowait(None)

    async def ended(self) -> None:
        """Wait until the partition, revoked before, has ended."""
        await asyncio.wait([self._task])

    @property
    def letters(self) -> int:
        """How many records were refused here, since the ledger counts them."""
        return self._ledger.head.letters

    @property
    def applied(self) -> dict[str, int]:
        """The last offset folded, by topic name."""
        return self._ledger.head.applied

    async def _run(self) -> None:
        try:
            await self._live()
        except ProducerFenced as error:
            if self._revoked:
                log.info("%s partition %d: fenced after it was taken away", self._setup.name, self.number)
                return
            self._shared.failed(
                Fenced(
                    f"another worker owns {self._setup.name} partition {self.number} now ({error!r}); this one starts "
                    "anew. If this repeats, two workers run with the same slot: give each its own"
                )
            )
        except Exception as error:  # noqa: BLE001 - whatever it is, the state may be ahead of the ledger
            self._shared.failed(error)

    async def _live(self) -> None:
        try:
            await self._recover()
            self._shared.recoveries.end(self)
            await self._shared.recoveries.wait()
            if not self._revoked:
                await self._open()
            while (item := await self._inbox.get()) is not None and not self._revoked:
                await self._shared.recoveries.wait()
                match item:
                    case Tick():
                        await self._tick(item.now_ms)
                    case Reopen():
                        self.acked.clear()  # acks of the former generation may never be committed
                        await self._open()
                    case _:
                        await self._take(item)
                del item  # the chunk in it must not look as if it were still on its way
        finally:
            await self._close()

    async def _close(self) -> None:
        # A fenced producer may wait for ever for what it can no longer send.
        try:
            async with asyncio.timeout(_CLOSE_S):
                await self._fence.stop()
        except (KafkaError, TimeoutError) as error:
            log.info("%s partition %d: its producer did not close: %r", self._setup.name, self.number, error)

    async def _recover(self) -> None:
        shared, setup, cluster = self._shared, self._setup, self._shared.cluster
        again: list[Outgoing] = []
        ledger = TopicPartition(cluster.topic(setup.ledger), self.number)
        sources = {name: TopicPartition(cluster.topic(name), self.number) for name in setup.sources}
        decisions = [TopicPartition(cluster.topic(name), n) for name in setup.recalls for n in range(shared.partitions)]
        async with taken_over(self._fence, cluster.reader(), [ledger, *sources.values(), *decisions]) as logs:
            async for batch in logs.records(ledger):
                found = (self._ledger.read(record.key or b"", record.value, record.headers) for record in batch)
                for run_id, segments in self._ledger.decoded(filter(None, found)):
                    self._state.restore(run_id, *segments)
                self.progress += 1
            for run_id, segment, is_last in self._ledger.read_to_end():
                self._state.restore(run_id, segment)
                if is_last:
                    again += self._state.again(run_id, segment, self._ledger.head.sequence)
            if self._ledger.head.sequence == 0:
                for partition in decisions:
                    async for batch in logs.records(partition):
                        self._state.recall(batch)
            require_same_topics(self._ledger.head, self._topic_ids, cluster)
            require_whole_log(self._ledger.head, {name: logs.extents[source] for name, source in sources.items()})
        await self._say(again)
        if not self._revoked:
            self.ready = True
            log.info("%s partition %d: ready at %s", setup.name, self.number, self._ledger.head.applied)

    async def _open(self) -> None:
        for name in self._setup.sources:
            topic = TP(self._shared.cluster.topic(name), self.number)
            await self._shared.positions.seek(topic, self.expected(name))

    def expected(self, name: Name) -> int:
        """The offset of a source topic that is to be folded next."""
        return self._ledger.head.applied.get(name, -1) + 1

    async def _take(self, event: EventT[Any]) -> None:
        chunk = chunk_of(event)
        name = cast("Name", self._shared.cluster.name(chunk.tp.topic))
        if not self._shared.positions.is_current(chunk):
            return
        expected = self.expected(name)
        if chunk.first > expected and not await self._is_hole_of_the_log(name, chunk, expected):
            log.info("%s partition %d: got offset %d for %d, reading again", *chunk.tp, chunk.first, expected)
            await self._shared.positions.seek(chunk.tp, expected)
            return
        if chunk.last >= expected:
            records = chunk.records
            if chunk.first < expected:
                records = [record for record in records if record.offset >= expected]
            while records:
                step = self._state.take(name, records)
                records = step.rest
                await self._write(step, {name: records[0].offset - 1 if records else chunk.last})
                self.progress += 1
        event.ack()
        self.acked[name] = chunk.last
        self.progress += 1
        self._shared.positions.done(chunk)

    async def _is_hole_of_the_log(self, name: Name, chunk: Chunk, expected: int) -> bool:
        """Whether nothing can be read between `expected` and the chunk: it was read from there on purpose."""
        if chunk.asked != expected:
            return False
        start = await self._shared.log_start(chunk.tp)
        require_start(name, chunk.tp, expected, start)
        if name in EXPIRING and start > expected:
            log.warning("%s partition %d: retention took the offsets %d to %d", *chunk.tp, expected, start - 1)
        return True

    async def _tick(self, now_ms: int) -> None:
        self._tick_waits = False
        step = self._state.tick(now_ms)
        if step is not None:
            await self._write(step, {})

    async def _write(self, step: Step[P], applied: Mapping[str, int]) -> None:
        write = self._ledger.write(step.changed, applied, self._topic_ids, len(step.letters))
        await self._say(step.passed_on)
        await self._commit(write.entries, step.letters, step.decided)
        self._ledger.adopt(write)
        await self._say(step.outgoing(write.head.sequence))

    async def _commit(
        self, entries: Sequence[Entry], letters: Sequence[DeadLetter], decided: Sequence[Outgoing]
    ) -> None:
        cluster, fence = self._shared.cluster, self._fence
        ledger, dlq = cluster.topic(self._setup.ledger), cluster.topic("dlq")
        with self._taken():
            await fence.begin_transaction()
            sent = [
                await fence.send(ledger, entry.value, entry.key, self.number, headers=entry.headers)
                for entry in entries
            ]
            sent += [await fence.send(cluster.topic(one.topic), one.value, one.key, one.partition) for one in decided]
            await all_of(sent + await post(fence, dlq, letters, self.number))
            await fence.commit_transaction()

    async def _say(self, outgoing: Sequence[Outgoing]) -> None:
        cluster, said = self._shared.cluster, self._shared.said
        with self._taken():
            await all_of(
                [await said.send(cluster.topic(one.topic), one.value, one.key, one.partition) for one in outgoing]
            )

    @contextmanager
    def _taken(self) -> Iterator[None]:
        try:
            yield
        except ProducerFenced:
            raise
        except KafkaError as error:
            raise WriteRefused(
                f"Kafka did not take what {self._setup.name} partition {self.number} has to write ({error!r}). "
                "Nothing is lost: the next start folds on behind the ledger. If this repeats, see the broker's log, "
                "disk and quotas, and what `imageledger doctor` says of the topics"
            ) from error


def chunk_of(event: EventT[Any]) -> Chunk:
    """What the batched transport put into Faust's message."""
    return cast("Chunk", event.value)
