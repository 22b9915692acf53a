"""What one partition of a stage has folded so far, as records of a plain compacted topic (DESIGN.md 5.2).

One transaction writes one `head` record and, for each run that it touched, what changed of that run (a *segment*). A
run's newest segment is its tail: it is rewritten, merged with what changed next, while it is small, then closed. Once
closed segments hold several times what the run's state is, the state is written as one, and they go: a run that lasts
costs what it is, not how long it was (docs/decisions/0024). A key is the JSON `[run id, segment, part]`: a segment over
PART_BYTES is cut into parts, which stand one after the other.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Generic, NamedTuple, Protocol, Self, TypeVar

import msgspec

from .entries import (
    HEAD_KEY,
    PARTS,
    SEQUENCE,
    WHOLE,
    Entry,
    Head,
    decode_head,
    decode_key,
    encode_key,
    segment_entries,
    upgraded,
)

TAIL_BYTES = 64 << 10
CLOSED_BYTES = 1 << 20
"""What a run's closed segments may hold before its state is looked at; from then on, TIMES what that was."""
TIMES = 4
TOGETHER = 32
"""Segments of 64 kB, mostly: decoded they take some 15 MB."""
_CLOSED = b""


class Payload(Protocol):
    """What a segment holds, absolute: the newer wins wherever both speak."""

    def merge(self, newer: Self, /) -> Self:
        """Both as one; neither is changed."""

    def encode(self) -> bytes:
        """The stored form."""


P = TypeVar("P", bound=Payload)


class _Tail(NamedTuple):
    """A run's newest segment: its number, the transaction that wrote it, its bytes (`_CLOSED`: rewritten no more)."""

    number: int
    sequence: int
    value: bytes


class _Chain(NamedTuple):
    """A run's segments before its tail: the first that counts, the bytes of those that are closed, and how many of them
    call for a look at the state.
    """

    first: int = 0
    closed_bytes: int = 0
    limit_bytes: int = 0

    def closing(self, value: bytes) -> "_Chain":
        """With one more."""
        return self._replace(closed_bytes=self.closed_bytes + len(value))


class Final(NamedTuple):
    """`value`: a segment of a run, as it is stored, that is written no more; None: those before are replaced."""

    run_id: str
    value: bytes | None


class Write(NamedTuple):
    """What a transaction puts down; `Ledger.adopt` makes it the state once the transaction is committed."""

    head: Head
    entries: list[Entry]
    tails: dict[str, _Tail]
    chains: dict[str, _Chain]
    wide: list[tuple[str, int, int]]


class Ledger(Generic[P]):
    """The ledger of one partition: read once, then written.

    Args:
        decode: the reverse of `Payload.encode`.
        is_sealed: whether a segment stands alone: all earlier ones of its run can go.
        whole: a run's state, all that was given to `write` so far, as one segment; None where it is too large for that.
        tail_bytes: a segment that has grown to this size is closed.
        closed_bytes: as CLOSED_BYTES.
        reread: source topics that an older format says too little of: as if nothing of them were applied.
    """

    def __init__(
        self,
        decode: Callable[[bytes], P],
        is_sealed: Callable[[P], bool] = lambda _segment: False,
        whole: Callable[[str], P | None] = lambda _run_id: None,
        *,
        tail_bytes: int = TAIL_BYTES,
        closed_bytes: int = CLOSED_BYTES,
        reread: Sequence[str] = (),
    ) -> None:
        self.head = Head()
        self._decode = decode
        self._is_sealed = is_sealed
        self._whole = whole
        self._tail_bytes = tail_bytes
        self._closed_bytes = closed_bytes
        self._reread = reread
        self._tails: dict[str, _Tail] = {}
        self._chains: dict[str, _Chain] = {}
        self._wide: dict[tuple[str, int], int] = {}  # how many parts, for segments of more than one
        self._parts: list[bytes] = []

    def read(self, key: bytes, value: bytes | None, headers: Sequence[tuple[str, bytes]]) -> Final | None:
        """Take in the next record of the partition. Returns what it says of segments before it.

        Raises:
            LedgerUnreadable: it is of another format.
        """
        if key == HEAD_KEY:
            self.head = upgraded(decode_head(value or b""), self._reread)
            return None
        if value is None:
            return None
        run_id, number, part = decode_key(key)
        notes = dict(headers)
        if part == 0:
            self._parts = []
        if part != len(self._parts):
            return None  # deleted; the log's cleaner has taken its first parts and not yet this one
        self._parts.append(value)
        if len(self._parts) < int(notes[PARTS]):
            return None
        self._note_width(run_id, number, len(self._parts))
        older = self._tails.get(run_id)
        newest = self._tails[run_id] = _Tail(number, int(notes[SEQUENCE]), b"".join(self._parts))
        self._parts = []
        final = older if older is not None and older.number < number else None
        if WHOLE in notes:
            self._begin_chain(run_id, self._alone(newest))
            return Final(run_id, None)
        if final is None:
            return None
        self._chains[run_id] = self._chain(run_id).closing(final.value)
        return Final(run_id, final.value)

    def decoded(self, finals: Iterable[Final]) -> Iterator[tuple[str, list[P]]]:
        """Segments by run, in their order, at most TOGETHER at a time, without those that a later of `finals` replaces.

        What is replaced is not decoded: it is half of a ledger and more.
        """
        stored: dict[str, list[bytes]] = {}
        for run_id, value in finals:
            if value is None:
                stored.pop(run_id, None)
            else:
                stored.setdefault(run_id, []).append(value)
        for run_id, values in stored.items():
            for at in range(0, len(values), TOGETHER):
                yield run_id, [self._decode(value) for value in values[at : at + TOGETHER]]

    def read_to_end(self) -> Iterator[tuple[str, P, bool]]:
        """After the last record: each run's newest segment, and whether the last transaction wrote it."""
        for run_id, tail in self._tails.items():
            payload = self._decode(tail.value)
            yield run_id, payload, tail.sequence == self.head.sequence
            if len(tail.value) >= self._tail_bytes or self._is_sealed(payload):
                self._tails[run_id] = tail._replace(value=_CLOSED)
                self._chains[run_id] = self._chain(run_id).closing(tail.value)

    def write(
        self, changed: Mapping[str, P], applied: Mapping[str, int], topic_ids: Mapping[str, str], letters: int = 0
    ) -> Write:
        """The records that say `changed` (run id → what changed) and `applied` (merged into the head's).

        `letters`: how many dead letters go with them. Changes nothing yet.
        """
        head = Head(
            sequence=self.head.sequence + 1,
            applied={**self.head.applied, **applied},
            topic_ids=dict(topic_ids),
            letters=self.head.letters + letters,
        )
        entries: list[Entry] = []
        tails: dict[str, _Tail] = {}
        chains: dict[str, _Chain] = {}
        wide: list[tuple[str, int, int]] = []
        for run_id, payload in changed.items():
            tail = self._grown(run_id, payload, head.sequence)
            whole = None if self._is_sealed(payload) else self._put_together(run_id, tail)
            tail, chain = whole or tail, self._chain(run_id)
            alone = whole is not None or self._is_sealed(payload)
            parts = segment_entries(run_id, tail.number, tail.value, tail.sequence, alone=alone)
            entries += parts
            wide.append((run_id, tail.number, len(parts)))
            if alone:
                entries += self._tombstones(run_id, chain.first, tail.number)
                chain = self._alone(tail)
            closed = len(tail.value) >= self._tail_bytes or self._is_sealed(payload)
            tails[run_id] = tail._replace(value=_CLOSED) if closed else tail
            chains[run_id] = chain.closing(tail.value) if closed else chain
        entries.append(Entry(HEAD_KEY, msgspec.json.encode(head)))
        return Write(head, entries, tails, chains, wide)

    def adopt(self, write: Write) -> None:
        """The transaction of `write` is committed."""
        self.head = write.head
        self._tails.update(write.tails)
        for run_id, chain in write.chains.items():
            self._begin_chain(run_id, chain)
        for run_id, number, parts in write.wide:
            self._note_width(run_id, number, parts)

    def _note_width(self, run_id: str, number: int, parts: int) -> None:
        if parts > 1:
            self._wide[run_id, number] = parts

    def _begin_chain(self, run_id: str, chain: _Chain) -> None:
        """The widths of what is before its first are needed no more: that is deleted."""
        if self._wide:
            for number in range(self._chain(run_id).first, chain.first):
                self._wide.pop((run_id, number), None)
        self._chains[run_id] = chain

    def _chain(self, run_id: str) -> _Chain:
        return self._chains.get(run_id) or _Chain(limit_bytes=self._closed_bytes)

    def _alone(self, tail: _Tail) -> _Chain:
        return _Chain(tail.number, 0, max(self._closed_bytes, TIMES * len(tail.value)))

    def _put_together(self, run_id: str, tail: _Tail) -> _Tail | None:
        """The run's state in the place of its tail, where that is about to be closed and too much is already."""
        chain, size = self._chain(run_id), len(tail.value)
        if size < self._tail_bytes or chain.closed_bytes + size <= chain.limit_bytes:
            return None
        whole = self._whole(run_id)
        return None if whole is None else tail._replace(value=whole.encode())

    def _tombstones(self, run_id: str, first: int, before: int) -> list[Entry]:
        return [
            Entry(encode_key(run_id, number, part), None)
            for number in range(first, before)
            for part in range(self._wide.get((run_id, number), 1))
        ]

    def _grown(self, run_id: str, payload: P, sequence: int) -> _Tail:
        tail = self._tails.get(run_id)
        if tail is None:
            return _Tail(0, sequence, payload.encode())
        if tail.value == _CLOSED:
            return _Tail(tail.number + 1, sequence, payload.encode())
        return _Tail(tail.number, sequence, self._decode(tail.value).merge(payload).encode())
