"""What one chunk changed in one run, absolute: also the stored form of a ledger segment of the combine stage."""

from collections.abc import Sequence

import msgspec

from events.partials import TOTAL, PartialRow, Partials

from . import buckets

ID_BYTES = 16
"""A 128-bit identity."""
SUBJECT_BYTES = 25
"""Identity, 8 bytes of tier states, 1 byte of flags (`metrics.fold.subjects`)."""
VERDICT_BYTES = 17
"""Identity, 1 byte of opinion (`metrics.fold.validations`)."""


class Segment(msgspec.Struct, array_like=True):
    """Absolute rows that changed, identities that are new, subjects and opinions that moved; the newer wins.

    The meta fields are always complete: `source_offsets` {topic: next offset past the run's last folded record},
    `recorded_ms` {topic: highest record time of the run}, `watermark_ms` and `first_event_ms` (`buckets.NEVER`
    without a result), `truncated` (labels that overflowed), `sealed_topics`, and `alive` (topics whose state is needed
    to fold on). Once nothing is alive the run is sealed: earlier segments can go, this one must stay.
    """

    rows: list[PartialRow] = []
    ids: bytes = b""
    subjects: bytes = b""
    feedback_ids: bytes = b""
    verdicts: bytes = b""
    source_offsets: dict[str, int] = {}
    recorded_ms: dict[str, int] = {}
    watermark_ms: int = buckets.NEVER
    first_event_ms: int = buckets.NEVER
    truncated: list[str] = []
    sealed_topics: list[str] = []
    alive: list[str] = []

    @property
    def sealed(self) -> bool:
        """Whether the run is sealed here: the ledger may tombstone all its earlier segments, and keeps this one."""
        return bool(self.sealed_topics) and not self.alive

    def merge(self, newer: "Segment") -> "Segment":
        """This segment and the one that followed it, as one. Neither argument is changed.

        All rows of the newer stay, even frozen ones: until the next chunk they may have to be said once more.
        """
        merged = together((self, newer))
        merged.subjects = _newest(merged.subjects, SUBJECT_BYTES)
        merged.verdicts = _newest(merged.verdicts, VERDICT_BYTES)
        return merged

    def encode(self) -> bytes:
        """MessagePack; its rows are JSON, where a sum may pass 64 bits."""
        return msgspec.msgpack.encode((msgspec.json.encode(self.rows), msgspec.structs.replace(self, rows=[])))

    @staticmethod
    def decode(value: bytes) -> "Segment":
        """Raises msgspec.ValidationError or msgspec.DecodeError for bytes that are no segment."""
        rows, segment = _DECODER.decode(value)
        segment.rows = _ROWS.decode(rows)
        return segment

    def partials(self, run_id: str, source_partition: int, sequence: int) -> Partials:
        """What the run stage is told. `sequence` must grow with each chunk of the source partition."""
        return Partials(
            run_id=run_id,
            source_partition=source_partition,
            sequence=sequence,
            source_offsets=self.source_offsets,
            watermark_ms=self.watermark_ms,
            recorded_ms=max(self.recorded_ms.values()),
            first_event_ms=self.first_event_ms,
            rows=self.rows,
            truncated=self.truncated,
        )


def together(segments: Sequence[Segment]) -> Segment:
    """Segments that followed one another, one or more, as one to restore: `merge` but for the memory it takes.

    A subject or an opinion stands in it as often as it moved, in that order. No argument is changed.
    """
    *older, newest = segments
    if not older:
        return newest
    dropped = newest.sealed_topics
    rows = {row_key(row): row for segment in older for row in segment.rows}
    rows = {key: row for key, row in rows.items() if is_kept(row, newest.watermark_ms, dropped)}
    rows.update((row_key(row), row) for row in newest.rows)
    results, feedback = "results" not in dropped, "feedback" not in dropped
    return msgspec.structs.replace(
        newest,
        rows=list(rows.values()),
        ids=b"".join(segment.ids for segment in segments) if results else b"",
        subjects=b"".join(segment.subjects for segment in segments) if results else b"",
        feedback_ids=b"".join(segment.feedback_ids for segment in segments) if feedback else b"",
        verdicts=b"".join(segment.verdicts for segment in segments) if feedback else b"",
    )


_DECODER = msgspec.msgpack.Decoder(tuple[bytes, Segment])
_ROWS = msgspec.json.Decoder(list[PartialRow])

FEEDBACK = "feedback"
"""Group of the row that holds what feedback adds to the totals."""
AFTER_SEAL = "after_seal"
"""Group of the row that counts records of a sealed run."""


def row_key(row: PartialRow) -> tuple[int, int, str, str]:
    """What an absolute row replaces."""
    return row.width_ms, row.bucket_ms, row.group, row.value


def is_kept(row: PartialRow, watermark_ms: int, sealed_topics: list[str]) -> bool:
    """Whether a stored row is still needed to fold on: neither expired nor sealed."""
    if row.width_ms != TOTAL:
        return "results" not in sealed_topics and not buckets.is_expired(row.bucket_ms, row.width_ms, watermark_ms)
    if row.group == AFTER_SEAL:
        return True
    return (FEEDBACK if row.group == FEEDBACK else "results") not in sealed_topics


def _newest(entries: bytes, width: int) -> bytes:
    """The last entry of each identity."""
    newest = {entries[at : at + ID_BYTES]: entries[at : at + width] for at in range(0, len(entries), width)}
    return b"".join(newest.values())
