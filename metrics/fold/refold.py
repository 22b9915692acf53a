"""The fold of a prefix of the log, run by run: what `verify` holds everything else against (DESIGN.md 4.3, parity law).

It is the live fold itself over records read from offset 0. Runs are asked for as of an offset (a *cut*), because each
witness (a snapshot, the partials, a ledger) stands at a moment of its own. Results and feedback never touch each
other's state, so each topic of a partition is refolded by itself, and `join` puts the two together.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence

import numpy as np
import xxhash

from events.envelope import epoch_ms
from events.partials import TOTAL, PartialRow

from . import buckets
from .partition import Fold, Record
from .segment import AFTER_SEAL, ID_BYTES, SUBJECT_BYTES, VERDICT_BYTES, Segment, is_kept, row_key

IDENTITIES = {"ids": ID_BYTES, "subjects": SUBJECT_BYTES, "feedback_ids": ID_BYTES, "verdicts": VERDICT_BYTES}
"""Fields of a segment that grow with the log, and the bytes of an entry."""
TOPIC_OF = {"ids": "results", "subjects": "results", "feedback_ids": "feedback", "verdicts": "feedback"}
_EXPIRED_EVERY_MS = 10 * buckets.MINUTE_MS


class Growing:
    """A run's segments put together, whether they come from a fold or from a ledger."""

    def __init__(self) -> None:
        self._last = Segment()
        self._rows: dict[tuple[int, int, str, str], PartialRow] = {}
        self._entries = {name: bytearray() for name in IDENTITIES}
        self._expire_at_ms = buckets.NEVER

    def take(self, segment: Segment) -> None:
        """The next segment of the run."""
        self._last = segment
        self._rows.update((row_key(row), row) for row in segment.rows)
        for name, entries in self._entries.items():
            entries += getattr(segment, name)
        if segment.watermark_ms >= self._expire_at_ms:
            self._rows = {row_key(row): row for row in self._kept()}
            self._expire_at_ms = segment.watermark_ms + _EXPIRED_EVERY_MS

    def digest(self) -> Segment:
        """The run as one segment: all rows that are not expired, and of what grows with the log only `fingerprint`s."""
        last = self._last
        prints = {name: fingerprint(bytes(entries), IDENTITIES[name]) for name, entries in self._entries.items()}
        for topic in last.sealed_topics:
            prints |= {name: b"" for name, of in TOPIC_OF.items() if of == topic}
        return Segment(
            rows=self._kept(),
            **prints,
            source_offsets=last.source_offsets,
            recorded_ms=last.recorded_ms,
            watermark_ms=last.watermark_ms,
            first_event_ms=last.first_event_ms,
            truncated=last.truncated,
            sealed_topics=last.sealed_topics,
            alive=last.alive,
        )

    def _kept(self) -> list[PartialRow]:
        return [row for row in self._rows.values() if is_kept(row, self._last.watermark_ms, [])]


def fingerprint(entries: bytes, width: int) -> bytes:
    """How many identities, 8 bytes, and a hash of their newest entries in the order of identities; empty for none."""
    if not entries:
        return b""
    table = np.frombuffer(entries, dtype=np.uint8).reshape(-1, width)
    keys = np.ascontiguousarray(table[:, :ID_BYTES]).view(np.uint64)
    order = np.lexsort((keys[:, 1], keys[:, 0]))  # stable: of equal keys the newest comes last
    ordered = keys[order]
    newest = np.append(np.any(ordered[1:] != ordered[:-1], axis=1), True)
    return int(newest.sum()).to_bytes(8) + xxhash.xxh3_128_digest(table[order[newest]].tobytes())


class PrefixFold:
    """The fold of one topic in one source partition.

    Args:
        partition: its number.
        cuts: run → the offsets as of which it is asked for. Other runs are folded (they move the clock that seals) and
            forgotten.
        seal_after_ms: as the live fold's.
    """

    def __init__(
        self, partition: int, cuts: Mapping[str, Collection[int]], *, seal_after_ms: int = buckets.SEAL_AFTER_MS
    ) -> None:
        self._fold = Fold(seal_after_ms=seal_after_ms)
        self._partition = partition
        self._waiting = {run_id: sorted(set(offsets)) for run_id, offsets in cuts.items()}
        self._growing: dict[str, Growing] = {}
        self._digests: dict[tuple[str, int], Segment] = {}

    def take(self, records: Sequence[Record]) -> None:
        """The next records of the topic, in the order of their offsets."""
        begin = 0
        for at, record in enumerate(records):
            event = record.event
            run_id = event.run_id or buckets.effective_run(
                event, buckets.effective_ms(epoch_ms(event.event_time), record.timestamp_ms)
            )
            waiting = self._waiting.get(run_id)
            if waiting and record.offset >= waiting[0]:
                self._apply(records[begin:at])
                begin = at
                while waiting and record.offset >= waiting[0]:
                    self._cut(run_id, waiting.pop(0))
        self._apply(records[begin:])

    def finish(self) -> dict[tuple[str, int], Segment]:
        """(run, cut) → its digest as of then; runs without a record before the cut are left out."""
        for run_id, waiting in self._waiting.items():
            while waiting:
                self._cut(run_id, waiting.pop(0))
        return self._digests

    def _apply(self, records: Sequence[Record]) -> None:
        if records:
            for run_id, segment in self._fold.apply(records).items():
                if self._waiting.get(run_id):
                    self._growing.setdefault(run_id, Growing()).take(segment)

    def _cut(self, run_id: str, offset: int) -> None:
        growing = self._growing.get(run_id)
        if growing is not None:
            self._digests[run_id, offset] = growing.digest()
        if not self._waiting[run_id]:
            self._growing.pop(run_id, None)


def join(parts: Iterable[Segment]) -> Segment:
    """Digests of the topics of one source partition as one: what one fold of all of them has."""
    rows: dict[tuple[int, int, str, str], PartialRow] = {}
    joined = Segment()
    after_seal = 0
    for part in parts:
        rows.update((row_key(row), row) for row in part.rows)
        after_seal += sum(row.counters[AFTER_SEAL] for row in part.rows if row.group == AFTER_SEAL)
        joined.source_offsets = joined.source_offsets | part.source_offsets
        joined.recorded_ms = joined.recorded_ms | part.recorded_ms
        joined.watermark_ms = max(joined.watermark_ms, part.watermark_ms)
        joined.first_event_ms = max(joined.first_event_ms, part.first_event_ms)  # feedback has none
        joined.truncated = joined.truncated or part.truncated
        joined.sealed_topics = sorted({*joined.sealed_topics, *part.sealed_topics})
        joined.alive = sorted({*joined.alive, *part.alive}, reverse=True)
        for name in IDENTITIES:
            setattr(joined, name, getattr(joined, name) or getattr(part, name))
    if after_seal:
        rows[TOTAL, 0, AFTER_SEAL, ""] = PartialRow(TOTAL, 0, AFTER_SEAL, "", {AFTER_SEAL: after_seal})
    joined.rows = list(rows.values())
    return joined
