"""Every client that a worker opens, alike: where the cluster is, how to get in, and what its topics are called."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import aiokafka.producer.sender
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from events.topics import DEFAULT_PREFIX, MAX_REQUEST_BYTES, Name, full_name

BATCH_BYTES = 1 << 20  # the default of 16 kB sends the batches of a transaction one after the other
_TRANSACTION_TIMEOUT_MS = 30_000

# aiokafka waits this long (20 ms) before the first write of a transaction while Kafka still puts down the markers of
# the last one; back to back, that is most of a transaction's time (22 ms against 1.7 ms, measured).
aiokafka.producer.sender.BACKOFF_OVERRIDE = 0.001


@dataclass(frozen=True, slots=True)
class Cluster:
    """`bootstrap`: `host:port`, several with commas. `security`: aiokafka's own arguments for TLS and SASL."""

    bootstrap: str
    prefix: str = DEFAULT_PREFIX
    security: Mapping[str, Any] = field(default_factory=dict, repr=False)

    def topic(self, name: Name) -> str:
        """The topic's name on this cluster."""
        return full_name(name, self.prefix)

    def name(self, topic: str) -> str:
        """The reverse: a topic's name without the prefix."""
        return topic.removeprefix(self.prefix)

    def producer(self, transactional_id: str | None = None) -> AIOKafkaProducer:
        """A producer that is idempotent, or with `transactional_id` the fence of a partition; not yet started."""
        own = {} if transactional_id is None else {"transaction_timeout_ms": _TRANSACTION_TIMEOUT_MS}
        return AIOKafkaProducer(
            bootstrap_servers=self.bootstrap,
            transactional_id=transactional_id,
            enable_idempotence=True,
            acks="all",
            max_batch_size=BATCH_BYTES,
            max_request_size=MAX_REQUEST_BYTES,
            **own,
            **self.security,
        )

    def reader(self) -> AIOKafkaConsumer:
        """A consumer without a group, for reading partitions to their end; not yet started."""
        return AIOKafkaConsumer(
            bootstrap_servers=self.bootstrap,
            group_id=None,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            isolation_level="read_committed",
            max_partition_fetch_bytes=MAX_REQUEST_BYTES,
            fetch_max_wait_ms=100,
            **self.security,
        )
