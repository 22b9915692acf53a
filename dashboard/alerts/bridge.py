"""Alerts leave the house: from the `alerts` topic to every target (targets.py).

Each target is a consumer group of its own, so that one that is away keeps no other waiting. What a target does not take
after the last try becomes a dead letter, and the next alert has its turn.
"""

import asyncio
import logging
from collections import defaultdict
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import NamedTuple

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRecord
from aiokafka.errors import KafkaError

from dashboard.alerts.targets import Target
from dashboard.errors import Undelivered
from events import codec
from events.alerts import Alert
from events.refusals import Position, Refused, dead_letter
from events.sdk.security import OPEN, Security
from events.topics import MAX_REQUEST_BYTES, full_name

log = logging.getLogger(__name__)

PAUSES_S = (1.0, 2.0, 4.0, 8.0, 16.0)
"""Between one try and the next; after as many pauses as there are, an alert is given up."""
POLL_MS = 500
_RECONNECT_S = 2.0


class Letter(NamedTuple):
    """A record and the alert in it."""

    record: ConsumerRecord[bytes, bytes]
    alert: Alert


class Bridge:
    """Follows the alerts for every target until it is cancelled."""

    def __init__(
        self,
        bootstrap: str,
        prefix: str,
        targets: Sequence[Target],
        *,
        security: Security = OPEN,
        pauses_s: Sequence[float] = PAUSES_S,
        ready: Callable[[], None] = lambda: None,
    ) -> None:
        self._bootstrap = bootstrap
        self._security = security
        self._prefix = prefix
        self._targets = targets
        self._pauses_s = pauses_s
        self._ready = ready
        self._waiting = {target.name for target in targets}

    async def run(self) -> None:
        """Raises nothing: a Kafka that is away is waited for."""
        async with asyncio.TaskGroup() as group:
            for target in self._targets:
                group.create_task(self._serve(target))

    async def _serve(self, target: Target) -> None:
        while True:
            try:
                await self._follow(target)
            except (KafkaError, OSError) as error:
                log.warning("alerts for %s wait: Kafka at %s: %r", target.name, self._bootstrap, error)
            await asyncio.sleep(_RECONNECT_S)

    async def _follow(self, target: Target) -> None:
        topic = full_name("alerts", self._prefix)
        consumer = AIOKafkaConsumer(
            topic,
            bootstrap_servers=self._bootstrap,
            group_id=f"{self._prefix}alerts.{target.name}",
            enable_auto_commit=False,
            isolation_level="read_committed",
            auto_offset_reset="latest",  # a new target hears of what comes, not of the past year
            **self._security.options(),
        )
        try:
            await consumer.start()
            await _claim(consumer)
            self._waiting.discard(target.name)
            if not self._waiting:
                self._ready()
            while True:
                batches = await consumer.getmany(timeout_ms=POLL_MS)
                letters = [letter for records in batches.values() for letter in map(_letter, records) if letter]
                by_run: dict[str, list[Letter]] = defaultdict(list)
                for letter in letters:
                    by_run[letter.alert.run_id or ""].append(letter)
                for group in by_run.values():
                    await self._deliver(target, group)
                if batches:
                    await consumer.commit()
        finally:
            with suppress(KafkaError, OSError):
                await consumer.stop()

    async def _deliver(self, target: Target, letters: Sequence[Letter]) -> None:
        """One run's alerts: delivered, or dead."""
        alerts = [letter.alert for letter in letters]
        for number, pause_s in enumerate((*self._pauses_s, None), start=1):
            try:
                await target.deliver(alerts)
            except Undelivered as error:
                if error.lasting or pause_s is None:
                    log.warning("%d alerts are given up after try %d: %s", len(alerts), number, error)
                    await self._bury(letters, f"{error} (try {number}, the last)")
                    return
                log.warning("try %d: %s; the next in %g s", number, error, pause_s)
                await asyncio.sleep(pause_s)
            else:
                return

    async def _bury(self, letters: Sequence[Letter], why: str) -> None:
        producer = AIOKafkaProducer(
            bootstrap_servers=self._bootstrap,
            enable_idempotence=True,
            acks="all",
            max_request_size=MAX_REQUEST_BYTES,
            **self._security.options(),
        )
        await producer.start()
        try:
            for record, _ in letters:
                position = Position(record.topic, record.partition, record.offset, record.timestamp)
                dead = dead_letter(position, record.value, Refused("undeliverable", why))
                await producer.send(full_name("dlq", self._prefix), dead.value, dead.key, headers=dead.headers)
            await producer.flush()
        finally:
            await producer.stop()


async def _claim(consumer: AIOKafkaConsumer) -> None:
    """A group's place is committed from its first moment: what comes while it is away is not skipped afterwards."""
    for at in consumer.assignment():  # `start` waits for it
        if await consumer.committed(at) is None:
            await consumer.commit({at: await consumer.position(at)})


def _letter(record: ConsumerRecord[bytes, bytes]) -> Letter | None:
    if record.value is None:
        return None
    try:
        return Letter(record, codec.decode("alerts", record.value, record.headers))
    except Refused as refused:
        log.warning("the alert at %s-%d-%d: %s", record.topic, record.partition, record.offset, refused)
        return None
