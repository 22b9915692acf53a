"""Where a worker stands in each source partition: what is fetched next, and the one chunk that is on its way.

The transport asks here what it may fetch; a stage says where it wants to read on (`seek`) and that a chunk is done.
Faust may drop a message at any time between the two (its queues are emptied when it resumes after a rebalance). So a
chunk is held by a weak reference: one that nobody holds any more and nobody finished is lost, and is fetched again.
"""

import asyncio
import itertools
import logging
import weakref
from collections.abc import Awaitable, Callable, Iterable, Sequence

from aiokafka import ConsumerRecord
from aiokafka.errors import IllegalStateError
from faust.types import TP

log = logging.getLogger(__name__)


class Chunk:
    """Raw records of one source partition, in the order of the log, one or more.

    `epoch`: of the seek that they were read after. `asked`: the offset of that seek where this is the first chunk after
    it, else None; a hole between `asked` and `first` is the log's own.
    """

    __slots__ = ("__weakref__", "asked", "epoch", "records", "tp")

    def __init__(self, tp: TP, records: Sequence[ConsumerRecord], epoch: int, asked: int | None) -> None:
        self.tp = tp
        self.records = records
        self.epoch = epoch
        self.asked = asked

    @property
    def first(self) -> int:
        """Offset of the first record."""
        return int(self.records[0].offset)

    @property
    def last(self) -> int:
        """Offset of the last record."""
        return int(self.records[-1].offset)


class _Place:
    """One partition: `next` is the offset that the next chunk is read from, `start` the one that the last was."""

    __slots__ = ("asked", "chunk", "epoch", "next", "open", "start")

    def __init__(self, epoch: int) -> None:
        self.epoch = epoch
        self.open = False
        self.asked: int | None = None
        self.next = 0
        self.start = 0
        self.chunk: weakref.ref[Chunk] | None = None


class Positions:
    """The places of all assigned source partitions.

    Args:
        seek_wait: moves the consumer and returns once it stands there (Faust's `Consumer.seek_wait`).
    """

    def __init__(self, seek_wait: Callable[[dict[TP, int]], Awaitable[None]]) -> None:
        self._seek_wait = seek_wait
        self._places: dict[TP, _Place] = {}
        self._epochs = itertools.count(1)  # shared, so that a partition that went and came back has no old epoch again
        self._changed = asyncio.Event()

    def close(self, assigned: Iterable[TP]) -> None:
        """A rebalance: nothing is fetched until `seek` opens a partition; others than `assigned` are forgotten."""
        self._places = {tp: _Place(next(self._epochs)) for tp in assigned}

    async def seek(self, tp: TP, offset: int) -> None:
        """Fetch on from `offset`; every chunk that was read before is of an older epoch. Opens the partition.

        Where the partition is being taken away meanwhile, nothing happens: the next assignment opens it.
        """
        place = self._places.get(tp)
        if place is None:
            return
        epoch = place.epoch = next(self._epochs)
        place.open = False
        place.chunk = None
        try:
            await self._seek_wait({tp: offset})
        except IllegalStateError:
            log.info("%s partition %d was taken away during a seek", tp.topic, tp.partition)
            return
        if place.epoch == epoch:
            place.asked = place.next = place.start = offset
            place.open = True
            self._changed.set()

    def epoch(self, tp: TP) -> int | None:
        """Grows with each seek; None for a partition that is not assigned."""
        place = self._places.get(tp)
        return None if place is None else place.epoch

    def free(self, among: Iterable[TP]) -> set[TP]:
        """Those of `among` that are open and have no chunk on its way."""
        return {tp for tp in among if (place := self._places.get(tp)) and place.open and place.chunk is None}

    @property
    def busy(self) -> bool:
        """Whether any chunk is on its way."""
        return any(place.chunk is not None for place in self._places.values())

    def has_handed_out(self, tp: TP, offset: int) -> bool:
        """Whether the record at `offset`, or one behind it, was handed out since the last seek."""
        place = self._places.get(tp)
        return place is not None and place.next > offset

    def hand_out(self, tp: TP, records: Sequence[ConsumerRecord]) -> Chunk:
        """The partition's next chunk, from now on the one on its way."""
        place = self._places[tp]
        chunk = Chunk(tp, records, place.epoch, place.asked)
        place.asked = None
        place.start, place.next = place.next, chunk.last + 1
        place.chunk = weakref.ref(chunk)
        return chunk

    def is_current(self, chunk: Chunk) -> bool:
        """Whether no seek has happened since the chunk was read."""
        place = self._places.get(chunk.tp)
        return place is not None and place.epoch == chunk.epoch

    def done(self, chunk: Chunk) -> None:
        """The chunk is folded, or was before: the next may come."""
        place = self._places.get(chunk.tp)
        if place is not None and place.epoch == chunk.epoch:
            place.chunk = None
            self._changed.set()

    async def refetch(self, tp: TP) -> None:
        """Read the partition again from its next offset: records of it were fetched and dropped."""
        place = self._places.get(tp)
        if place is not None and place.open:
            await self.seek(tp, place.next)

    async def refetch_lost(self) -> None:
        """Read again what Faust has dropped on the way."""
        lost = [
            (tp, place.start) for tp, place in self._places.items() if place.chunk is not None and not place.chunk()
        ]
        for tp, start in lost:
            log.info("a chunk of %s partition %d from offset %d was dropped on its way; reading it again", *tp, start)
            await self.seek(tp, start)

    async def changed(self, timeout_s: float) -> None:
        """Wait until a partition was opened or became free, or the time is over."""
        self._changed.clear()
        try:
            async with asyncio.timeout(timeout_s):
                await self._changed.wait()
        except TimeoutError:
            return
