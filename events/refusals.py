"""Why a record is refused, and the dead letter that keeps it (DETAILS.md, Refused records)."""

import functools
import hashlib
from typing import Literal, NamedTuple

Reason = Literal[
    "not_text",
    "not_json",
    "too_large",
    "too_deep",
    "list_too_long",
    "not_finite",
    "negative",
    "out_of_range",
    "wrong_type",
    "missing_field",
    "unknown_type",
    "undeliverable",
]

MAX_RECORD_BYTES = 1 << 20
EXCERPT_BYTES = 64 << 10


class Refused(Exception):  # noqa: N818 - it is an answer about a record, not a fault of the program
    """A record that is no valid event: `reason`, and `detail`, the field's path (`$.confidence`) and why."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason: Reason = reason
        self.detail = detail


class Position(NamedTuple):
    """Where a record stands in the log: the topic's full name, partition, offset, and its time in ms."""

    topic: str
    partition: int
    offset: int
    timestamp_ms: int


class DeadLetter(NamedTuple):
    """A record for the `dlq` topic, ready to be produced."""

    key: bytes
    value: bytes
    headers: list[tuple[str, bytes]]


def dead_letter(position: Position, value: bytes | None, refused: Refused) -> DeadLetter:
    """The letter for a refused record: its raw bytes up to 1 MiB, else their first 64 KiB with size and SHA-256."""
    topic, partition, offset, timestamp_ms = position
    headers = [
        _reason(refused.reason),
        ("dlq.detail", refused.detail.encode("utf-8", "backslashreplace")),
        *_log(topic, partition),
        ("dlq.offset", b"%d" % offset),
        ("dlq.timestamp", b"%d" % timestamp_ms),
    ]
    raw = value or b""
    if len(raw) > MAX_RECORD_BYTES:
        headers += [("dlq.size", b"%d" % len(raw)), ("dlq.sha256", hashlib.sha256(raw).hexdigest().encode())]
        raw = raw[:EXCERPT_BYTES]
    return DeadLetter(f"{topic}-{partition}-{offset}".encode(), raw, headers)


@functools.cache
def _reason(reason: Reason) -> tuple[str, bytes]:
    return "dlq.reason", reason.encode()


@functools.lru_cache
def _log(topic: str, partition: int) -> tuple[tuple[str, bytes], tuple[str, bytes]]:
    return ("dlq.topic", topic.encode()), ("dlq.partition", b"%d" % partition)
