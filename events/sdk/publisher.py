"""The publisher: takes an event in microseconds, and gets it to Kafka whatever the broker does meanwhile."""

import asyncio
import atexit
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self, TypedDict, Unpack

import msgspec

from .. import cloudevents
from ..codec import encode
from ..envelope import Event
from ..refusals import MAX_RECORD_BYTES
from ..topics import DEFAULT_PREFIX
from .clock import SYSTEM_CLOCK, Clock
from .delivery import Delivery
from .prices import Prices
from .record import Record
from .routing import route
from .security import Security
from .tally import Tally
from .track import Track

EXIT_PATIENCE_S = 5.0
"""A program that ends without `close` waits so long for Kafka, and only if something is not confirmed."""


class Statistics(NamedTuple):
    """Counts since the publisher was made: `published` were taken, `dropped` not, or refused for ever by the broker.

    `mended` tracked calls went without a field that they could not hold.
    `confirmed` are in Kafka, `queued` on the way; `recovered` of both were left on disk by an earlier process.
    """

    published: int
    dropped: int
    mended: int
    confirmed: int
    queued: int
    recovered: int


class Publisher:
    """Publishes events from any thread; never slows, blocks or breaks the program it is in.

    `publish` encodes and queues, in the caller's thread; a daemon thread delivers (idempotent, acks=all, zstd), with
    unlimited patience over outages, each key's events in their order. A repeat after a lost answer keeps its event_id,
    so that the fold counts it once.

    bootstrap: `host:port` of one or more brokers, comma-separated. source: who publishes, for events that do not say.
    max_queued: events of one topic that wait in memory (256 MiB at most); more are dropped and counted.
    prices: what results cost that say no cost (docs/prices.md).
    spool: a folder, which several processes may share. With it, what waits longer than a second or fills half of
    `max_queued` goes to disk (256 MiB a topic at most) and is delivered from there in its turn, by this process or the
    next that opens the folder.

    What a crash loses (kill -9, power): without spool, all that was queued. With it, what was published within the last
    2 s (a second until a stalled round is saved, a second between saves) and not confirmed yet.
    At the program's end an open publisher is closed, waiting 5 s at most. That holds for neither a signal that kills
    nor `os._exit` (multiprocessing's workers): call `close` there. A forked child begins with an empty queue; its
    parent delivers what was queued before.
    """

    def __init__(
        self,
        bootstrap: str,
        *,
        prefix: str = DEFAULT_PREFIX,
        source: str = "unknown",
        security: Security | None = None,
        prices: Prices | None = None,
        spool: Path | None = None,
        max_queued: int = 100_000,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self._prefix = prefix
        self._source = source
        self._prices = prices
        self._clock = clock
        self._delivery = Delivery(bootstrap, security or Security(), spool, max_queued)
        self._tally = Tally(self._delivery.complain)
        atexit.register(self.close, EXIT_PATIENCE_S)

    def publish(self, event: Event) -> bool:
        """Take an event for delivery; never blocks, never raises.

        False where it is not taken (queue full, publisher closed, over 1 MiB, not encodable): counted in `dropped`,
        and logged.
        """
        try:
            problem = self._publish(event)
        except Exception as error:  # noqa: BLE001 - the caller's work goes on, whatever is wrong with an event
            problem = repr(error)
        if problem is not None:
            self._tally.drop(problem)
        return problem is None

    def _publish(self, event: Event) -> str | None:
        name, key = route(event)
        if event.source == "unknown" and self._source != "unknown":
            event = msgspec.structs.replace(event, source=self._source)
        value = encode(event if self._prices is None else self._prices.priced(event))
        if len(value) > MAX_RECORD_BYTES and self._prices is not None:
            value = encode(event)  # without a cost it may be small enough
        if len(value) > MAX_RECORD_BYTES:
            return f"{len(value)} bytes; the limit is {MAX_RECORD_BYTES}"
        record = Record(key.encode() if key is not None else None, value, cloudevents.headers(event, key))
        return None if self._delivery.put(self._prefix + name, record) else "the queue is full or closed"

    def track(self, **fields: Any) -> Track:
        """Time a model call and publish its result: see `Track`."""
        if self._source != "unknown":
            fields.setdefault("source", self._source)
        return Track(self.publish, self._tally, self._clock, fields)

    def flush(self, timeout_s: float = 10.0) -> int:
        """Wait until Kafka has confirmed what was published before; returns how many events it has not (0 = all)."""
        return self._delivery.flush(timeout_s)

    def close(self, timeout_s: float = 10.0) -> int:
        """Flush, save the rest to the spool, end the thread. Returns how many events Kafka did not confirm."""
        atexit.unregister(self.close)
        return self._delivery.close(timeout_s)

    @property
    def dropped(self) -> int:
        """How many events will never reach Kafka."""
        return self._tally.dropped + self._delivery.refused

    def statistics(self) -> Statistics:
        """The counts now."""
        lanes = self._delivery.lanes
        recovered = sum(lane.recovered for lane in lanes)
        settled = sum(lane.settled for lane in lanes)
        accepted = sum(lane.accepted for lane in lanes)
        return Statistics(
            published=accepted - recovered,
            dropped=self.dropped,
            mended=self._tally.mended,
            confirmed=settled - self._delivery.refused,
            queued=accepted - settled,
            recovered=recovered,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class Options(TypedDict, total=False):
    """`Publisher`'s keyword arguments."""

    prefix: str
    source: str
    security: Security | None
    prices: Prices | None
    spool: Path | None
    max_queued: int
    clock: Clock


class AsyncPublisher:
    """The same for asyncio: one core, so `publish` only queues, and delivery never waits for the caller's loop."""

    def __init__(self, bootstrap: str, **options: Unpack[Options]) -> None:
        self._publisher = Publisher(bootstrap, **options)
        self.track = self._publisher.track
        self.statistics = self._publisher.statistics

    async def publish(self, event: Event) -> bool:
        """As `Publisher.publish`."""
        return self._publisher.publish(event)

    async def flush(self, timeout_s: float = 10.0) -> int:
        """As `Publisher.flush`; the caller's loop runs on."""
        return await asyncio.to_thread(self._publisher.flush, timeout_s)

    async def close(self, timeout_s: float = 10.0) -> int:
        """As `Publisher.close`; the caller's loop runs on."""
        return await asyncio.to_thread(self._publisher.close, timeout_s)

    @property
    def dropped(self) -> int:
        """How many events will never reach Kafka."""
        return self._publisher.dropped

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()
