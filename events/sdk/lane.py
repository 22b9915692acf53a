"""One topic's way to Kafka: a bounded queue in memory, behind it one on disk, and the round that is under way."""

import asyncio
import threading
from collections import deque

from .complaints import Complaints
from .record import Record
from .spool import Spool

MAX_QUEUED_BYTES = 256 << 20
ROUND_RECORDS = 2_000
ROUND_BYTES = 2 << 20


class Lane:
    """Records of one topic, delivered in the order in which they came.

    What is on disk is always older than what is in memory, and the round under way is older than both, or the disk's
    own head. So nothing overtakes. `put` may be called by any thread, all else by the delivery's thread alone.

    `accepted` records came (with those that an earlier process left on disk), `settled` of them are confirmed or were
    refused for ever; both only grow.
    """

    def __init__(self, topic: str, max_queued: int, spool: Spool | None, complain: Complaints) -> None:
        self.topic = topic
        self.arrived = asyncio.Event()
        self.awake = False
        self._max_queued = max_queued
        self._spool = spool
        self._complain = complain
        self._lock = threading.Lock()
        self._incoming: deque[Record] = deque()
        self._incoming_bytes = 0
        self._round: list[Record] = []
        self._round_saved = False
        self.recovered = len(spool) if spool else 0
        self.accepted = self.recovered
        self.settled = 0

    def put(self, record: Record) -> bool:
        """Queue a record; False where the queue is full."""
        with self._lock:
            if len(self._incoming) >= self._max_queued or self._incoming_bytes >= MAX_QUEUED_BYTES:
                return False
            self._incoming.append(record)
            self._incoming_bytes += len(record.value)
            self.accepted += 1
        return True

    def next_round(self) -> list[Record]:
        """The oldest records, up to 2,000 or 2 MiB; the same again until `settle`. Empty where nothing waits."""
        if self._round:
            return self._round
        if self.crowded:
            self.save()
        if self._spool:
            self._round, self._round_saved = self._spool.peek(ROUND_RECORDS, ROUND_BYTES), True
        else:
            self._round, self._round_saved = self._take(), False
        return self._round

    def settle(self) -> None:
        """The round is over: each of its records is confirmed or refused for ever."""
        count = len(self._round)
        if self._round_saved and self._spool is not None:
            try:
                self._spool.drop(count)
            except OSError as error:
                self._complain("spool", "the spool of %s: %s; its records may be sent again", self.topic, error)
        self._round = []
        with self._lock:
            self.settled += count

    def save(self) -> None:
        """Write the round and what waits in memory to disk, as far as there is room; the rest stays in memory."""
        if self._spool is None:
            return
        try:
            if self._round and not self._round_saved:
                # It fits: the spool is empty, as it is older than no round but its own.
                self._spool.append(self._round)
                self._round_saved = True
            with self._lock:
                waiting = list(self._incoming)
            taken = self._spool.append(waiting)
            with self._lock:
                for _ in range(taken):
                    self._incoming_bytes -= len(self._incoming.popleft().value)
        except OSError as error:
            self._complain("spool", "the spool of %s: %s; its records stay in memory", self.topic, error)

    @property
    def crowded(self) -> bool:
        """Whether there is a spool and it is time to use it: more than half of the memory's bound waits."""
        return self._spool is not None and len(self._incoming) > self._max_queued // 2

    @property
    def waiting(self) -> int:
        """How many records are neither confirmed nor refused."""
        return self.accepted - self.settled

    def abandon(self) -> None:
        """Let go of the files and leave the rest to the process that this one was forked from."""
        if self._spool is not None:
            self._spool.close()

    def close(self) -> None:
        """Save what waits and let go of the files."""
        self.save()
        if self._spool is not None:
            self._spool.close()

    def _take(self) -> list[Record]:
        taken: list[Record] = []
        size = 0
        with self._lock:
            while self._incoming and len(taken) < ROUND_RECORDS and size < ROUND_BYTES:
                taken.append(self._incoming.popleft())
                size += len(taken[-1].value)
            self._incoming_bytes -= size
        return taken
