"""The combine stage's fold of one source partition: records in, what changed in each run out.

Deterministic and independent of batching: any chunking of the same records of a topic gives the same state. Results
and feedback never touch each other's state, so the order between the two topics does not matter either.
"""

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

from events.envelope import Event, epoch_ms
from events.partials import TOTAL, PartialRow

from . import buckets
from .segment import AFTER_SEAL, FEEDBACK, Segment
from .tally import Arrivals, Tally
from .validations import Opinions

Topic = Literal["results", "feedback"]
TOPICS: tuple[Topic, ...] = ("results", "feedback")
WHOLE_BYTES = 64 << 20
"""Of a run's identities in memory, of about a million subjects: what is larger is not written as one segment."""


class Record(NamedTuple):
    """A decoded, accepted record of a source partition; `timestamp_ms` is Kafka's, the arrival."""

    topic: Topic
    offset: int
    timestamp_ms: int
    event: Event


class _Brought:
    """Which records of a topic and a run the current chunk brought."""

    __slots__ = ("effective_ms", "events", "skewed")

    def __init__(self) -> None:
        self.events: list[Any] = []
        self.effective_ms: list[int] = []
        self.skewed: list[int] = []


class _Source:
    """What is known for ever of one topic's records of a run. Without lists: of a sealed run nothing else is left."""

    __slots__ = ("brought", "next_offset", "recorded_ms", "sealed")

    def __init__(self, recorded_ms: int, next_offset: int = 0, *, sealed: bool = False) -> None:
        self.recorded_ms = recorded_ms
        self.next_offset = next_offset
        self.sealed = sealed
        self.brought: _Brought | None = None


class _Run:
    """One run in this partition: its topics, and the live state that their records are folded into."""

    __slots__ = (
        "after_seal",
        "first_event_ms",
        "opinions",
        "sources",
        "tally",
        "truncated",
        "watermark_ms",
    )

    def __init__(self) -> None:
        self.sources: dict[str, _Source] = {}
        self.tally: Tally | None = None
        self.opinions: Opinions | None = None
        self.after_seal = 0
        self.watermark_ms = buckets.NEVER
        self.first_event_ms = buckets.NEVER
        self.truncated: list[str] = []

    def fold(self) -> Segment:
        """Folds what the chunk brought; what is sealed by now loses its state."""
        segment = Segment()
        results, feedback = self.sources.get("results"), self.sources.get("feedback")
        if results is not None and (brought := results.brought) is not None:
            self.tally = self.tally or Tally()
            segment = self.tally.take(Arrivals(brought.events, brought.effective_ms, brought.skewed))
            self.watermark_ms, self.first_event_ms = self.tally.watermark_ms, self.tally.first_event_ms
            self.truncated = self.tally.truncated
            results.brought = None
        if feedback is not None and feedback.brought is not None:
            self.opinions = self.opinions or Opinions()
            said = [self.opinions.take(event) for event in feedback.brought.events]
            segment.feedback_ids = b"".join(event for event, _ in said)
            segment.verdicts = b"".join(opinion for _, opinion in said)
            segment.rows.append(PartialRow(TOTAL, 0, FEEDBACK, "", _nonzero(self.opinions.counters)))
            feedback.brought = None
        if self.after_seal:
            segment.rows.append(PartialRow(TOTAL, 0, AFTER_SEAL, "", {AFTER_SEAL: self.after_seal}))
        self._forget_sealed()
        return self._sign(segment)

    def restore(self, segment: Segment) -> None:
        """Takes a stored segment, in the order in which they were written."""
        self.sources = {
            topic: _Source(recorded_ms, segment.source_offsets[topic], sealed=topic in segment.sealed_topics)
            for topic, recorded_ms in segment.recorded_ms.items()
        }
        self.watermark_ms, self.first_event_ms = segment.watermark_ms, segment.first_event_ms
        self.truncated = segment.truncated
        totals = {row.group: row.counters for row in segment.rows if row.width_ms == TOTAL}
        self.after_seal = totals.get(AFTER_SEAL, {}).get(AFTER_SEAL, self.after_seal)
        if "results" in segment.alive:
            self.tally = self.tally or Tally()
            self.tally.restore(segment)
        if "feedback" in segment.alive:
            self.opinions = self.opinions or Opinions()
            self.opinions.restore(segment.feedback_ids, segment.verdicts, totals.get(FEEDBACK))
        self._forget_sealed()

    def whole(self) -> Segment | None:
        """All that folding on needs, as one segment; None where the identities take more than WHOLE_BYTES."""
        if self.tally is not None and self.tally.nbytes > WHOLE_BYTES:
            return None
        segment = Segment() if self.tally is None else self.tally.everything()
        if self.opinions is not None:
            segment.feedback_ids, segment.verdicts = self.opinions.everything()
            segment.rows.append(PartialRow(TOTAL, 0, FEEDBACK, "", _nonzero(self.opinions.counters)))
        if self.after_seal:
            segment.rows.append(PartialRow(TOTAL, 0, AFTER_SEAL, "", {AFTER_SEAL: self.after_seal}))
        return self._sign(segment)

    def _forget_sealed(self) -> None:
        if "results" in self.sources and self.sources["results"].sealed:
            self.tally = None
        if "feedback" in self.sources and self.sources["feedback"].sealed:
            self.opinions = None

    def _sign(self, segment: Segment) -> Segment:
        """Completes a segment with the meta fields."""
        segment.source_offsets = {topic: source.next_offset for topic, source in self.sources.items()}
        segment.recorded_ms = {topic: source.recorded_ms for topic, source in self.sources.items()}
        segment.watermark_ms, segment.first_event_ms = self.watermark_ms, self.first_event_ms
        segment.truncated = self.truncated
        segment.sealed_topics = sorted(topic for topic, source in self.sources.items() if source.sealed)
        live = (("results", self.tally), ("feedback", self.opinions))
        segment.alive = [topic for topic, state in live if state is not None]
        return segment


class Fold:
    """The state of one source partition, over all its runs."""

    def __init__(self, *, seal_after_ms: int = buckets.SEAL_AFTER_MS) -> None:
        self._seal_after_ms = seal_after_ms
        self._runs: dict[str, _Run] = {}
        self._clock_ms: dict[str, int] = {}
        self._next_sweep_ms: dict[str, int] = {}

    def apply(self, records: Sequence[Record]) -> dict[str, Segment]:
        """Folds the records, in this order; returns what changed, by run id.

        After an exception the state is undefined: drop it and restore another from the ledger.
        """
        touched: dict[str, _Run] = {}
        for topic in TOPICS:
            self._sort(topic, [record for record in records if record.topic == topic], touched)
        for run_id in self._sweep():
            touched[run_id] = self._runs[run_id]
        return {run_id: run.fold() for run_id, run in touched.items()}

    def restore(self, run_id: str, segment: Segment) -> None:
        """Takes a ledger segment; called in segment order, before the first `apply`."""
        self._runs.setdefault(run_id, _Run()).restore(segment)
        for topic, recorded_ms in segment.recorded_ms.items():
            self._clock_ms[topic] = max(self._clock_ms.get(topic, recorded_ms), recorded_ms)

    def whole(self, run_id: str) -> Segment | None:
        """All that is known of a run, as if one chunk had brought it; None where that is too large for one segment."""
        return self._runs[run_id].whole()

    def _sort(self, topic: Topic, records: Sequence[Record], touched: dict[str, _Run]) -> None:
        """Puts each record of a topic to its run, with the time at which it counts. The hot loop."""
        clock_ms = self._clock_ms.get(topic, buckets.NEVER)
        skew_ms, day_ms, default_run = buckets.SKEW_MS, buckets.DAY_MS, buckets.default_run
        sources: dict[str, _Source] = {}
        for _, offset, timestamp_ms, event in records:
            effective_ms = epoch_ms(event.event_time)
            skewed = effective_ms - timestamp_ms > skew_ms
            if skewed:
                effective_ms = timestamp_ms
            run_id = event.run_id or default_run(effective_ms // day_ms)
            if timestamp_ms > clock_ms:
                clock_ms = timestamp_ms
            source = sources.get(run_id)
            if source is None:
                run = touched[run_id] = self._runs.setdefault(run_id, _Run())
                source = sources[run_id] = run.sources.setdefault(topic, _Source(timestamp_ms))
            source.next_offset = offset + 1
            if not source.sealed and clock_ms - source.recorded_ms > self._seal_after_ms:
                source.sealed = True
            if timestamp_ms > source.recorded_ms:
                source.recorded_ms = timestamp_ms
            if source.sealed:
                self._runs[run_id].after_seal += 1
                continue
            brought = source.brought
            if brought is None:
                brought = source.brought = _Brought()
            if skewed:
                brought.skewed.append(len(brought.events))
            brought.events.append(event)
            brought.effective_ms.append(effective_ms)
        if records:
            self._clock_ms[topic] = clock_ms

    def _sweep(self) -> list[str]:
        """Seals the runs that the partition's record time left behind."""
        swept = []
        for topic, clock_ms in self._clock_ms.items():
            if clock_ms < self._next_sweep_ms.get(topic, buckets.NEVER):
                continue
            live = [(run_id, run.sources[topic]) for run_id, run in self._runs.items() if topic in run.sources]
            live = [(run_id, source) for run_id, source in live if not source.sealed]
            for run_id, source in live:
                if buckets.is_sealed(source.recorded_ms, clock_ms, self._seal_after_ms):
                    source.sealed = True
                    swept.append(run_id)
            oldest_ms = min((source.recorded_ms for _, source in live if not source.sealed), default=clock_ms)
            self._next_sweep_ms[topic] = oldest_ms + self._seal_after_ms
        return swept


def _nonzero(counts: dict[str, int]) -> dict[str, int]:
    return {name: value for name, value in counts.items() if value}
