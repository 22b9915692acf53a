"""Events in ClickHouse without a sink process: what the endpoints of history read."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import msgspec
from clickhouse_connect.driver.client import Client

from sinks.loading.sources import SOURCES
from sinks.loading.writer import insert

_BY_TOPIC = {source.topic: source for source in SOURCES}


@dataclass
class Record:
    """A Kafka record as far as the sink looks at it."""

    offset: int
    timestamp: int
    value: bytes | None
    key: bytes | None = None
    headers: Sequence[tuple[str, bytes]] = ()


def store(client: Client, topic: str, events: Sequence[Any], first_offset: int = 0) -> None:
    """Events that arrived just now in partition 0."""
    arrived_ms = int(datetime.now(UTC).timestamp() * 1_000)
    source = _BY_TOPIC[topic]
    records = [Record(first_offset + n, arrived_ms, msgspec.json.encode(event)) for n, event in enumerate(events)]
    batches, refused = source.read(f"t.{topic}", 0, records)
    assert not refused, refused
    for batch in batches:
        insert(client, source.table, [batch])
