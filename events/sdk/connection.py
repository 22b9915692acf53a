"""The one producer of a publisher: made when it is needed, replaced when it makes no progress."""

import asyncio
import contextlib
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from ..topics import MAX_REQUEST_BYTES
from .security import Security

ATTEMPT_S = 30.0
"""So long an attempt may take; a new producer then starts from the bootstrap addresses: the cluster may have moved."""
REQUEST_TIMEOUT_MS = 10_000
BATCH_BYTES = 1 << 20
_FAREWELL_S = 2.0


class Connection:
    """An idempotent producer (acks=all, zstd) that several lanes share."""

    def __init__(self, bootstrap: str, security: Security) -> None:
        self._bootstrap = bootstrap
        self._security = security
        self._starting = asyncio.Lock()
        self._producer: Any = None

    async def producer(self) -> Any:
        """The producer, connected. Raises what aiokafka raises where no broker answers."""
        async with self._starting:
            if self._producer is None:
                self._producer = await self._start()
            return self._producer

    async def _start(self) -> Any:
        producer = AIOKafkaProducer(
            bootstrap_servers=self._bootstrap,
            client_id="imageledger-sdk",
            acks="all",
            enable_idempotence=True,
            compression_type="zstd",
            max_batch_size=BATCH_BYTES,
            max_request_size=MAX_REQUEST_BYTES,
            request_timeout_ms=REQUEST_TIMEOUT_MS,
            **self._security.options(),
        )
        try:
            await asyncio.wait_for(producer.start(), ATTEMPT_S)
        except BaseException:
            await _end(producer)
            raise
        return producer

    async def give_up(self, producer: Any) -> None:
        """End a producer that failed; the next call of `producer` makes another.

        What it held is not waited for. It may still have arrived: sent again it is a duplicate by its event_id.
        """
        if self._producer is producer:
            self._producer = None
            await _end(producer)

    async def close(self) -> None:
        """End the producer, if there is one."""
        if self._producer is not None:
            await self.give_up(self._producer)


async def _end(producer: Any) -> None:
    # aiokafka's stop() waits until everything is delivered, which is for ever where no broker is. So its sender is
    # ended first and the batches it held are failed; their records are still ours.
    sender, accumulator = producer._sender, producer._message_accumulator  # noqa: SLF001 - there is no public way
    if sender.sender_task is not None:
        sender.sender_task.cancel()
        await asyncio.wait({sender.sender_task}, timeout=_FAREWELL_S)
    accumulator.fail_all(KafkaError("given up"))
    with contextlib.suppress(Exception):
        await asyncio.wait_for(producer.stop(), _FAREWELL_S)
