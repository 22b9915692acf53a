"""What one partition of a stage has folded so far, as records of a plain compacted topic (DESIGN.md 5.2).

One transaction writes one `head` record and, for each run that it touched, what changed of that run (a *segment*). A
run's newest segment is its tail: it is rewritten, merged with what changed next, while it is small, then closed for
good. A key is the JSON `[run id, segment, part]`: a segment over PART_BYTES is cut into parts, which stand one after
the other.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Generic, NamedTuple, Protocol, Self, TypeVar

import msgspec

from .errors import LedgerUnreadable

FORMAT = 2
"""1 kept no positions of run events and heartbeats (`metrics.registers`); all else is alike."""
_READABLE = (1, FORMAT)
TAIL_BYTES = 64 << 10
PART_BYTES = 4 << 20
"""Half of what the topic takes (`max.message.bytes`), which counts keys, headers and the batch too."""
HEAD_KEY = b"head"
_SEQUENCE = "sequence"
PARTS = "parts"
"""Header: how many parts the segment has."""
_CLOSED = b""


class Payload(Protocol):
    """What a segment holds, absolute: the newer wins wherever both speak."""

    def merge(self, newer: Self, /) -> Self:
        """Both as one; neither is changed."""

    def encode(self) -> bytes:
        """The stored form."""


P = TypeVar("P", bound=Payload)


class Head(msgspec.Struct, kw_only=True, frozen=True):
    """The fence of everything else in the ledger.

    `sequence` grows by one with each transaction. `applied`: the last offset applied of each source topic (names
    without prefix). `topic_ids`: which topics those were.
    """

    format: int = FORMAT
    sequence: int = 0
    applied: dict[str, int] = {}
    topic_ids: dict[str, str] = {}


class Entry(NamedTuple):
    """One record of the ledger topic; a None `value` deletes the key."""

    key: bytes
    value: bytes | None
    headers: list[tuple[str, bytes]] = []


class _Tail(NamedTuple):
    """A run's newest segment: its number, the transaction that wrote it, its bytes (`_CLOSED`: rewritten no more)."""

    number: int
    sequence: int
    value: bytes


class Write(NamedTuple):
    """What a transaction puts down; `Ledger.adopt` makes it the state once the transaction is committed."""

    head: Head
    entries: list[Entry]
    tails: dict[str, _Tail]
    wide: list[tuple[str, int, int]]


class Ledger(Generic[P]):
    """The ledger of one partition: read once, then written.

    Args:
        decode: the reverse of `Payload.encode`.
        is_sealed: whether a segment stands alone: all earlier ones of its run can go.
        tail_bytes: a segment that has grown to this size is closed.
        reread: source topics that an older format says too little of: as if nothing of them were applied.
    """

    def __init__(
        self,
        decode: Callable[[bytes], P],
        is_sealed: Callable[[P], bool] = lambda _segment: False,
        *,
        tail_bytes: int = TAIL_BYTES,
        reread: Sequence[str] = (),
    ) -> None:
        self.head = Head()
        self._decode = decode
        self._is_sealed = is_sealed
        self._tail_bytes = tail_bytes
        self._reread = reread
        self._tails: dict[str, _Tail] = {}
        self._wide: dict[tuple[str, int], int] = {}  # how many parts, for segments of more than one
        self._parts: list[bytes] = []

    def read(self, key: bytes, value: bytes | None, headers: Sequence[tuple[str, bytes]]) -> tuple[str, P] | None:
        """Take in the next record of the partition. Returns a (run id, segment) that no later record can replace.

        Raises:
            LedgerUnreadable: it is of another format.
        """
        if key == HEAD_KEY:
            self.head = _upgraded(decode_head(value or b""), self._reread)
            return None
        if value is None:
            return None
        run_id, number, part = decode_key(key)
        notes = dict(headers)
        if part == 0:
            self._parts = []
        self._parts.append(value)
        if len(self._parts) < int(notes[PARTS]):
            return None
        self._note_width(run_id, number, len(self._parts))
        older = self._tails.get(run_id)
        self._tails[run_id] = _Tail(number, int(notes[_SEQUENCE]), b"".join(self._parts))
        self._parts = []
        return (run_id, self._decode(older.value)) if older is not None and older.number < number else None

    def read_to_end(self) -> Iterator[tuple[str, P, bool]]:
        """After the last record: each run's newest segment, and whether the last transaction wrote it."""
        for run_id, tail in self._tails.items():
            payload = self._decode(tail.value)
            yield run_id, payload, tail.sequence == self.head.sequence
            if len(tail.value) >= self._tail_bytes or self._is_sealed(payload):
                self._tails[run_id] = tail._replace(value=_CLOSED)

    def write(self, changed: Mapping[str, P], applied: Mapping[str, int], topic_ids: Mapping[str, str]) -> Write:
        """The records that say `changed` (run id → what changed) and `applied` (merged into the head's).

        Changes nothing yet.
        """
        head = Head(
            sequence=self.head.sequence + 1, applied={**self.head.applied, **applied}, topic_ids=dict(topic_ids)
        )
        entries: list[Entry] = []
        tails: dict[str, _Tail] = {}
        wide: list[tuple[str, int, int]] = []
        for run_id, payload in changed.items():
            tail = self._grown(run_id, payload, head.sequence)
            parts = _segment_entries(run_id, tail)
            entries += parts
            wide.append((run_id, tail.number, len(parts)))
            if self._is_sealed(payload):
                entries += self._tombstones(run_id, tail.number)
            closed = len(tail.value) >= self._tail_bytes or self._is_sealed(payload)
            tails[run_id] = tail._replace(value=_CLOSED) if closed else tail
        entries.append(Entry(HEAD_KEY, msgspec.json.encode(head)))
        return Write(head, entries, tails, wide)

    def adopt(self, write: Write) -> None:
        """The transaction of `write` is committed."""
        self.head = write.head
        self._tails.update(write.tails)
        for run_id, number, parts in write.wide:
            self._note_width(run_id, number, parts)

    def _note_width(self, run_id: str, number: int, parts: int) -> None:
        if parts > 1:
            self._wide[run_id, number] = parts

    def _tombstones(self, run_id: str, before: int) -> list[Entry]:
        return [
            Entry(_encode_key(run_id, number, part), None)
            for number in range(before)
            for part in range(self._wide.get((run_id, number), 1))
        ]

    def _grown(self, run_id: str, payload: P, sequence: int) -> _Tail:
        tail = self._tails.get(run_id)
        if tail is None:
            return _Tail(0, sequence, payload.encode())
        if tail.value == _CLOSED:
            return _Tail(tail.number + 1, sequence, payload.encode())
        return _Tail(tail.number, sequence, self._decode(tail.value).merge(payload).encode())


def _segment_entries(run_id: str, tail: _Tail) -> list[Entry]:
    parts = [tail.value[at : at + PART_BYTES] for at in range(0, len(tail.value), PART_BYTES)] or [b""]
    notes = [(_SEQUENCE, b"%d" % tail.sequence), (PARTS, b"%d" % len(parts))]
    return [Entry(_encode_key(run_id, tail.number, part), value, notes) for part, value in enumerate(parts)]


def _encode_key(run_id: str, number: int, part: int) -> bytes:
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


def _upgraded(head: Head, reread: Sequence[str]) -> Head:
    """An older head as of this format. The next transaction writes it; until then it is read, and upgraded, again."""
    if head.format == FORMAT:
        return head
    applied = {topic: offset for topic, offset in head.applied.items() if topic not in reread}
    return msgspec.structs.replace(head, format=FORMAT, applied=applied)


_REMEDY = (
    "run the version that wrote it, or fold the log anew into another prefix with `imageledger replay --into PREFIX`"
)
