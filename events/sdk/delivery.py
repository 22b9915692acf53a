"""The daemon thread that carries records to Kafka, with unlimited patience."""

import asyncio
import contextlib
import logging
import os
import socket
import threading
import time
import weakref
from pathlib import Path
from typing import Any

from aiokafka.errors import MessageSizeTooLargeError, TopicAuthorizationFailedError, UnknownTopicOrPartitionError

from .attempt import Outcome, attempt
from .complaints import Complaints
from .connection import Connection
from .lane import Lane
from .record import Record
from .security import Security
from .spool import Spool

LINGER_S = 0.003
STALL_S = 1.0
"""A round that takes longer is saved to disk with all that waits behind it, again each second."""
MIN_BACKOFF_S, MAX_BACKOFF_S = 0.1, 3.0
FAREWELL_S = 5.0

_log = logging.getLogger(__name__)
# These are one topic's trouble: the producer that the other topics share is well.
_TOPIC_ERRORS = (UnknownTopicOrPartitionError, TopicAuthorizationFailedError)


class Delivery:
    """A lane for each topic, one connection, one thread with an event loop. Methods may be called by any thread.

    The thread starts with the first record (or with what an earlier process left in `spool`, a folder).
    """

    def __init__(self, bootstrap: str, security: Security, spool: Path | None, max_queued: int) -> None:
        self._bootstrap = bootstrap
        self._security = security
        self._spool = spool
        self._max_queued = max_queued
        self.complain = Complaints(_log, time.monotonic)
        self._inherited: list[object] = []
        self._begin()
        for topic in self._left_behind():
            self._lane(topic)
        _alive.add(self)

    def begin_in_child(self) -> None:
        """Begin anew in a forked process: what was queued is the parent's, which delivers it."""
        for lane in self._lanes.values():
            lane.abandon()
        # Kept, as ending them here would reach into the parent's sockets.
        self._inherited += [self._loop, self._connection, self._tasks]
        self._begin()

    def _begin(self) -> None:
        self._lock = threading.Lock()
        self._progress = threading.Condition()
        self._lanes: dict[str, Lane] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._connection = Connection(self._bootstrap, self._security)
        self._closed = False
        self.refused = 0

    def put(self, topic: str, record: Record) -> bool:
        """Queue a record; False where the topic's queue is full or the delivery is closed."""
        lane = self._lanes.get(topic) or self._lane(topic)
        if lane is None or self._closed or not lane.put(record):
            return False
        if (not lane.awake or lane.crowded) and self._loop is not None:
            lane.awake = True
            with contextlib.suppress(RuntimeError):  # closed at this moment: `close` has counted the record
                self._loop.call_soon_threadsafe(lane.arrived.set)
        return True

    def flush(self, timeout_s: float) -> int:
        """Wait until what has been queued so far is settled; returns how many records are not."""
        goals = [(lane, lane.accepted) for lane in list(self._lanes.values())]

        def left() -> int:
            return sum(max(0, goal - lane.settled) for lane, goal in goals)

        with self._progress:
            self._progress.wait_for(lambda: not left(), timeout_s)
        return left()

    def close(self, timeout_s: float) -> int:
        """Flush, save what is left to the spool, end the thread; returns how many records Kafka did not confirm."""
        with self._lock:
            self._closed = True
            loop, thread = self._loop, self._thread
        left = self.flush(timeout_s)
        if loop is not None and thread is not None and thread.is_alive():
            loop.call_soon_threadsafe(loop.stop)
            thread.join(FAREWELL_S)
        return left

    @property
    def lanes(self) -> list[Lane]:
        """Every topic's, for their counts."""
        return list(self._lanes.values())

    def _lane(self, topic: str) -> Lane | None:
        with self._lock:
            if self._closed:
                return None
            if topic not in self._lanes:
                lane = Lane(topic, self._max_queued, self._open_spool(topic), self.complain)
                self._start().call_soon_threadsafe(self._spawn, lane)
                self._lanes[topic] = lane
            return self._lanes[topic]

    def _left_behind(self) -> list[str]:
        if self._spool is None:
            return []
        try:
            return sorted({path.parent.name for path in self._spool.glob("*/*")})
        except OSError as error:
            self.complain("spool", "the spool %s cannot be read: %s", self._spool, error)
            return []

    def _open_spool(self, topic: str) -> Spool | None:
        try:
            return Spool(self._spool / topic) if self._spool else None
        except OSError as error:
            self.complain("spool", "no spool for %s: %s; its records wait in memory only", topic, error)
            return None

    def _start(self) -> asyncio.AbstractEventLoop:
        if self._loop is None:
            self._loop = _Loop()
            self._thread = threading.Thread(
                target=self._run, args=(self._loop,), name="imageledger-delivery", daemon=True
            )
            self._thread.start()
        return self._loop

    # From here on: the thread's own.

    def _run(self, loop: asyncio.AbstractEventLoop) -> None:
        asyncio.set_event_loop(loop)
        loop.run_forever()
        loop.run_until_complete(self._end())
        loop.close()

    def _spawn(self, lane: Lane) -> None:
        self._tasks.add(asyncio.get_running_loop().create_task(self._serve(lane)))

    async def _end(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for lane in self._lanes.values():
            lane.close()
        await self._connection.close()
        leftover = asyncio.all_tasks() - {asyncio.current_task()}
        for task in leftover:
            task.cancel()
        await asyncio.gather(*leftover, return_exceptions=True)

    async def _serve(self, lane: Lane) -> None:
        while True:
            try:
                if records := lane.next_round():
                    await self._deliver_saving(lane, records)
                else:
                    await self._rest(lane)
            except Exception:  # noqa: BLE001 - a fault must not end the delivery; the round is still there
                _log.exception("delivery to %s failed; trying again", lane.topic)
                await asyncio.sleep(MAX_BACKOFF_S)

    async def _rest(self, lane: Lane) -> None:
        # `awake` falls before the queue is looked at again, so that a record which came between is not slept over.
        lane.arrived.clear()
        lane.awake = False
        if not lane.waiting:
            await lane.arrived.wait()
        lane.awake = True
        await asyncio.sleep(LINGER_S)

    async def _deliver_saving(self, lane: Lane, records: list[Record]) -> None:
        delivery = asyncio.ensure_future(self._deliver(lane, records))
        try:
            while not delivery.done():
                lane.arrived.clear()
                crowd = asyncio.ensure_future(lane.arrived.wait())
                await asyncio.wait({delivery, crowd}, timeout=STALL_S, return_when=asyncio.FIRST_COMPLETED)
                crowd.cancel()
                if not delivery.done():
                    lane.save()
                    if lane.crowded:  # the disk takes no more; it is not asked again at every record
                        await asyncio.wait({delivery}, timeout=STALL_S)
            delivery.result()
        finally:
            delivery.cancel()
        lane.settle()
        with self._progress:
            self._progress.notify_all()

    async def _deliver(self, lane: Lane, records: list[Record]) -> None:
        backoff_s = MIN_BACKOFF_S
        singly = False
        while records:
            outcome = await self._try(lane.topic, records, singly=singly)
            self.refused += outcome.refused
            if len(outcome.remaining) < len(records):
                backoff_s = MIN_BACKOFF_S
            records = outcome.remaining
            if outcome.error is not None:
                self.complain(lane.topic, "Kafka does not take %s now, trying on: %r", lane.topic, outcome.error)
                singly = singly or isinstance(outcome.error, MessageSizeTooLargeError)
                await asyncio.sleep(backoff_s)
                backoff_s = min(2 * backoff_s, MAX_BACKOFF_S)

    async def _try(self, topic: str, records: list[Record], *, singly: bool) -> Outcome:
        producer: Any = None
        try:
            producer = await self._connection.producer()
            outcome = await attempt(producer, topic, records, singly=singly)
        except Exception as error:  # noqa: BLE001 - whatever keeps records from Kafka, they are tried again
            outcome = Outcome(records, error=error)
        if outcome.refused:
            self.complain("refused", "%s: the broker never takes %d records of this size", topic, outcome.refused)
        if producer is not None and outcome.error is not None and not isinstance(outcome.error, _TOPIC_ERRORS):
            await self._connection.give_up(producer)
        return outcome


class _Loop(asyncio.SelectorEventLoop):
    async def getaddrinfo(self, host: Any, port: Any, **options: Any) -> Any:
        # asyncio would ask in a thread pool, which cannot start any more when the program is at its end (atexit).
        return socket.getaddrinfo(host, port, **options)


_alive: "weakref.WeakSet[Delivery]" = weakref.WeakSet()


def _begin_in_child() -> None:
    for delivery in _alive:
        delivery.begin_in_child()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_begin_in_child)
