"""The one table of topics: key, cleanup, retention, limits (DESIGN.md 4.1). `imageledger migrate` makes them true."""

from typing import Literal

import msgspec

DAY_MS = 86_400_000
FOR_EVER = -1

Name = Literal[
    "results", "runs", "heartbeats", "feedback", "profiles", "ledger.combine", "ledger.run",
    "partials", "metrics", "alerts", "commands", "dlq",
]  # fmt: skip

MAX_MESSAGE_BYTES = 8 << 20
"""Kafka applies it to the compressed batch; producers' `max_request_size` is 16 MiB, before compression."""
MAX_REQUEST_BYTES = 16 << 20


class Topic(msgspec.Struct, frozen=True, kw_only=True):
    """One topic. `retention_ms` -1 keeps for ever; a compacted topic's `retention_ms` counts only with delete.

    `arrival`: the record's time is the broker's (LogAppendTime), so that nobody's clock decides lateness or sealing.
    """

    name: Name
    key: str
    holds: str
    cleanup: Literal["delete", "compact", "compact,delete"] = "delete"
    retention_ms: int = FOR_EVER
    min_compaction_lag_ms: int = 0
    arrival: bool = False

    def config(self) -> dict[str, str]:
        """Kafka's own names and values."""
        config = {
            "cleanup.policy": self.cleanup,
            "retention.ms": str(self.retention_ms),
            "retention.bytes": "-1",
            "max.message.bytes": str(MAX_MESSAGE_BYTES),
            "message.timestamp.type": "LogAppendTime" if self.arrival else "CreateTime",
        }
        if "compact" in self.cleanup:
            config["min.compaction.lag.ms"] = str(self.min_compaction_lag_ms)
            config["segment.ms"] = str(DAY_MS)
        return config


TOPICS: tuple[Topic, ...] = (
    Topic(name="results", key="subject id", holds="image.result, component.result, message.result", arrival=True),
    Topic(name="runs", key="run id", holds="a run's life, acknowledged commands, alert rules", arrival=True),
    Topic(name="heartbeats", key="run id", holds="processor.heartbeat", retention_ms=7 * DAY_MS, arrival=True),
    Topic(name="feedback", key="subject id", holds="feedback.recorded", arrival=True),
    Topic(name="profiles", key="vehicle id", holds="vehicle.profiled", cleanup="compact", arrival=True),
    Topic(name="ledger.combine", key="(run, segment), head", holds="what combine has folded", cleanup="compact"),
    Topic(
        name="ledger.run",
        key="(run, segment), head",
        holds="what the run stage has folded",
        cleanup="compact",
    ),
    Topic(name="partials", key="run id", holds="absolute partials between the stages", retention_ms=7 * DAY_MS),
    Topic(
        name="metrics",
        key="run id",
        holds="run.metrics snapshots",
        cleanup="compact",
        min_compaction_lag_ms=DAY_MS,
    ),
    Topic(
        name="alerts",
        key="fingerprint",
        holds="alert.firing, alert.resolved",
        cleanup="compact,delete",
        retention_ms=365 * DAY_MS,
    ),
    Topic(name="commands", key="run id", holds="command.issued", retention_ms=365 * DAY_MS),
    Topic(name="dlq", key="source topic-partition-offset", holds="refused records with their reason"),
)

BY_NAME: dict[str, Topic] = {topic.name: topic for topic in TOPICS}

COPARTITIONED: tuple[Name, ...] = (
    "results", "feedback", "partials", "runs", "heartbeats", "ledger.combine", "ledger.run",
)  # fmt: skip
"""These share one partition count: a stage reads the same partition number of each (DESIGN.md 2)."""

DEFAULT_PREFIX = "imageledger."
DEFAULT_PARTITIONS = 4


def full_name(name: Name, prefix: str = DEFAULT_PREFIX) -> str:
    """The topic's name on the cluster."""
    return prefix + name
