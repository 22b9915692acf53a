"""What the stages have said: the newest snapshots and partials, alerts and dead letters, read as anybody may read them.

Each witness stands at offsets of its own, which it names; `verify` asks the refold for just these.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

import msgspec
from aiokafka import ConsumerRecord

from events.alerts import AnyAlert
from events.partials import PartialRow, Partials
from events.snapshots import RunMetrics
from metrics.fold.segment import is_kept, row_key
from streams.cluster import Cluster

from .deadletters import RETRIED
from .ledgers import RowKey
from .logs import At, Unreadable, records

PARTIALS_READ = 50_000
"""How many records of a partition of `partials` are looked at, from its end: what is newest stands there."""

_PARTIALS = msgspec.json.Decoder(Partials)
_ALERTS = msgspec.json.Decoder(AnyAlert)


class Shown(NamedTuple):
    """A run's newest snapshot."""

    metrics: RunMetrics
    at: At


@dataclass
class Said:
    """Of one run in one source partition: its newest partials, and of each row the newest value and who said it."""

    newest: Partials
    rows: dict[RowKey, tuple[int, PartialRow, At]] = field(default_factory=dict)

    def take(self, partials: Partials, at: At) -> None:
        """The next message about this run and partition; one with an older sequence changes nothing newer."""
        if partials.sequence >= self.newest.sequence:
            self.newest = partials
        for row in partials.rows:
            known = self.rows.get(row_key(row))
            if known is None or partials.sequence >= known[0]:
                self.rows[row_key(row)] = (partials.sequence, row, at)

    def kept(self) -> Iterable[tuple[PartialRow, At]]:
        """The rows that are not expired."""
        for _, row, at in self.rows.values():
            if is_kept(row, self.newest.watermark_ms, []):
                yield row, at


async def read_snapshots(cluster: Cluster, partitions: int) -> dict[str, Shown]:
    """Each run's newest snapshot."""
    newest: dict[bytes, ConsumerRecord] = {}
    for number in range(partitions):
        async for record in records(cluster, "metrics", number):
            newest[record.key or b""] = record
    shown = {}
    for record in newest.values():
        metrics = msgspec.json.decode(record.value or b"", type=RunMetrics)
        shown[metrics.run_id or ""] = Shown(metrics, At("metrics", record.partition, record.offset))
    return shown


async def read_partials(cluster: Cluster, partitions: int) -> tuple[dict[tuple[str, int], Said], list[Unreadable]]:
    """(run, source partition) → the newest rows said, and records that are none."""
    found: dict[tuple[str, int], Said] = {}
    unreadable = []
    for number in range(partitions):
        async for record in records(cluster, "partials", number, last=PARTIALS_READ):
            at = At("partials", number, record.offset)
            try:
                partials = _PARTIALS.decode(record.value or b"")
            except msgspec.MsgspecError as error:
                if not _is_passed_on(record.value or b""):
                    unreadable.append(Unreadable(at, str(error)))
                continue
            said = found.setdefault((partials.run_id, partials.source_partition), Said(partials))
            said.take(partials, at)
    return found, unreadable


def _is_passed_on(value: bytes) -> bool:
    return value.startswith(b'{"event_type":"run.passed_on"')


async def read_dead_letters(cluster: Cluster, partitions: int) -> Counter[At]:
    """How often each refused record stands on the DLQ, by its own place; what was sent again is left out."""
    found: Counter[At] = Counter()
    for number in range(partitions):
        async for record in records(cluster, "dlq", number):
            notes = dict(record.headers)
            if "dlq.topic" in notes and RETRIED not in notes:
                topic = cluster.name(notes["dlq.topic"].decode())
                found[At(topic, int(notes["dlq.partition"]), int(notes["dlq.offset"]))] += 1
    return found


async def read_alerts(cluster: Cluster, partitions: int) -> list[tuple[AnyAlert, At]]:
    """Every alert that was said."""
    return [
        (_ALERTS.decode(record.value), At("alerts", number, record.offset))
        for number in range(partitions)
        async for record in records(cluster, "alerts", number)
        if record.value is not None
    ]
