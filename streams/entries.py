"""The records of a ledger topic: their keys, headers and formats (`ledger`)."""

from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from .errors import LedgerUnreadable

FORMAT = 3
"""1 kept no positions of run events and heartbeats (`metrics.registers`), 2 no packed runs; all else is alike."""
_READABLE = (1, 2, FORMAT)
_WITHOUT_POSITIONS = 1
PART_BYTES = 4 << 20
"""Half of what the topic takes (`max.message.bytes`), which counts keys, headers and the batch too."""
HEAD_KEY = b"head"
SEQUENCE = "sequence"
PARTS = "parts"
"""Header: how many parts the segment has."""
WHOLE = "whole"
"""Header of a segment that stands alone: those before it are deleted in the same transaction."""


class Head(msgspec.Struct, kw_only=True, frozen=True):
    """The fence of everything else in the ledger.

    `sequence` grows by one with each transaction. `applied`: the last offset applied of each source topic (names
    without prefix). `topic_ids`: which topics those were. `letters`: how many dead letters went with the transactions,
    counted since the ledger was begun by a version that does.
    """

    format: int = FORMAT
    sequence: int = 0
    applied: dict[str, int] = {}
    topic_ids: dict[str, str] = {}
    letters: int = 0


class Entry(NamedTuple):
    """One record of the ledger topic; a None `value` deletes the key."""

    key: bytes
    value: bytes | None
    headers: list[tuple[str, bytes]] = []


def segment_entries(run_id: str, number: int, value: bytes, sequence: int, *, alone: bool) -> list[Entry]:
    """A segment in its parts, as the transaction `sequence` writes it; `alone`: those before it go."""
    parts = [value[at : at + PART_BYTES] for at in range(0, len(value), PART_BYTES)] or [b""]
    notes = [(SEQUENCE, b"%d" % sequence), (PARTS, b"%d" % len(parts)), *([(WHOLE, b"")] if alone else [])]
    return [Entry(encode_key(run_id, number, part), value, notes) for part, value in enumerate(parts)]


def encode_key(run_id: str, number: int, part: int) -> bytes:
    """The key of a part of a segment."""
    return msgspec.json.encode((run_id, number, part))


def decode_key(key: bytes) -> tuple[str, int, int]:
    """The run, segment and part that a key names. Raises LedgerUnreadable."""
    try:
        return msgspec.json.decode(key, type=tuple[str, int, int])
    except msgspec.MsgspecError as error:
        raise LedgerUnreadable(f"the ledger holds a key that is none of ours, {key[:80]!r}; {_REMEDY}") from error


def decode_head(value: bytes) -> Head:
    """The head as it was written. Raises LedgerUnreadable, also for a format that this version does not read."""
    try:
        head = msgspec.json.decode(value, type=Head)
    except msgspec.MsgspecError as error:
        raise LedgerUnreadable(f"the ledger's head is unreadable ({error}); {_REMEDY}") from error
    if head.format not in _READABLE:
        raise LedgerUnreadable(f"the ledger has format {head.format}, this version reads {_READABLE}; {_REMEDY}")
    return head


def upgraded(head: Head, reread: Sequence[str]) -> Head:
    """An older head as of this format. The next transaction writes it; until then it is read, and upgraded, again."""
    if head.format != _WITHOUT_POSITIONS:
        return msgspec.structs.replace(head, format=FORMAT)
    applied = {topic: offset for topic, offset in head.applied.items() if topic not in reread}
    return msgspec.structs.replace(head, format=FORMAT, applied=applied)


_REMEDY = (
    "run the version that wrote it, or fold the log anew into another prefix with `imageledger replay --into PREFIX`"
)
