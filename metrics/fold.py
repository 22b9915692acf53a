"""The combine stage's fold of one source partition: records in, what changed in each run out.

Deterministic and independent of batching: any chunking of the same records of a topic gives the same state. Results
and feedback never touch each other's state, so the order between the two topics does not matter either.
"""

from collections.abc import Sequence
from typing import Literal, NamedTuple, cast

from events.envelope import Event, epoch_ms
from events.feedback import FeedbackRecorded
from events.partials import TOTAL, PartialRow
from events.results import AnyResult

from . import buckets
from .segment import AFTER_SEAL, FEEDBACK, Segment
from .tally import Arrival, Tally
from .validations import Opinions

Topic = Literal["results", "feedback"]


class Record(NamedTuple):
    """A decoded, accepted record of a source partition; `timestamp_ms` is Kafka's, the arrival."""

    topic: Topic
    offset: int
    timestamp_ms: int
    event: Event


class _Run:
    """One run in this partition: its live state, what is known of it for ever, and what the current chunk brought."""

    def __init__(self) -> None:
        self.tally: Tally | None = None
        self.opinions: Opinions | None = None
        self.source_offsets: dict[str, int] = {}
        self.recorded_ms: dict[str, int] = {}
        self.sealed: set[str] = set()
        self.after_seal = 0
        self.watermark_ms = buckets.NEVER
        self.first_event_ms = buckets.NEVER
        self.truncated: list[str] = []
        self.arrivals: list[Arrival] = []
        self.feedback: list[FeedbackRecorded] = []

    def seal(self, topic: str) -> None:
        """Freezes the rows that stem from a topic, and drops its identities and states."""
        self.sealed.add(topic)
        if topic == "results":
            self.tally = None
        else:
            self.opinions = None

    def fold(self) -> Segment:
        """Folds what the chunk brought."""
        segment = Segment()
        if self.arrivals:
            self.tally = self.tally or Tally()
            segment = self.tally.take(self.arrivals)
            self.watermark_ms, self.first_event_ms = self.tally.watermark_ms, self.tally.first_event_ms
            self.truncated = self.tally.truncated
            self.arrivals = []
        if self.feedback:
            self.opinions = self.opinions or Opinions()
            said = [self.opinions.take(feedback) for feedback in self.feedback]
            segment.feedback_ids = b"".join(event for event, _ in said)
            segment.verdicts = b"".join(opinion for _, opinion in said)
            segment.rows.append(PartialRow(TOTAL, 0, FEEDBACK, "", _nonzero(self.opinions.counters)))
            self.feedback = []
        if self.after_seal:
            segment.rows.append(PartialRow(TOTAL, 0, AFTER_SEAL, "", {AFTER_SEAL: self.after_seal}))
        return segment

    def sign(self, segment: Segment) -> Segment:
        """Completes a segment with the meta fields."""
        segment.source_offsets = dict(self.source_offsets)
        segment.recorded_ms = dict(self.recorded_ms)
        segment.watermark_ms, segment.first_event_ms = self.watermark_ms, self.first_event_ms
        segment.truncated = self.truncated
        segment.sealed_topics = sorted(self.sealed)
        live = (("results", self.tally), ("feedback", self.opinions))
        segment.alive = [topic for topic, state in live if state is not None]
        return segment

    def restore(self, segment: Segment) -> None:
        self.source_offsets, self.recorded_ms = dict(segment.source_offsets), dict(segment.recorded_ms)
        self.watermark_ms, self.first_event_ms = segment.watermark_ms, segment.first_event_ms
        self.truncated, self.sealed = segment.truncated, set(segment.sealed_topics)
        totals = {row.group: row.counters for row in segment.rows if row.width_ms == TOTAL}
        self.after_seal = totals.get(AFTER_SEAL, {}).get(AFTER_SEAL, self.after_seal)
        if "results" in segment.alive:
            self.tally = self.tally or Tally()
            self.tally.restore(segment)
        if "feedback" in segment.alive:
            self.opinions = self.opinions or Opinions()
            self.opinions.restore(segment.feedback_ids, segment.verdicts, totals.get(FEEDBACK))
        for topic in segment.sealed_topics:
            self.seal(topic)


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
        sealed: list[tuple[_Run, str]] = []
        for topic, offset, timestamp_ms, event in records:
            event_ms = epoch_ms(event.event_time)
            effective_ms = buckets.effective_ms(event_ms, timestamp_ms)
            run_id = event.run_id or buckets.default_run(effective_ms // buckets.DAY_MS)
            run = touched.get(run_id)
            if run is None:
                run = touched[run_id] = self._runs.setdefault(run_id, _Run())
            if self._arrive(run, topic, offset, timestamp_ms):
                sealed.append((run, topic))
            if topic in run.sealed:
                run.after_seal += 1
            elif topic == "results":
                run.arrivals.append(Arrival(cast("AnyResult", event), effective_ms, effective_ms != event_ms))
            else:
                run.feedback.append(cast("FeedbackRecorded", event))
        segments = {run_id: run.fold() for run_id, run in touched.items()}
        for run, source in sealed:
            run.seal(source)
        for run_id in self._sweep():
            segments.setdefault(run_id, self._runs[run_id].fold())
        return {run_id: self._runs[run_id].sign(segment) for run_id, segment in segments.items()}

    def restore(self, run_id: str, segment: Segment) -> None:
        """Takes a ledger segment; called in segment order, before the first `apply`."""
        run = self._runs.setdefault(run_id, _Run())
        run.restore(segment)
        for topic, recorded_ms in segment.recorded_ms.items():
            self._clock_ms[topic] = max(self._clock_ms.get(topic, recorded_ms), recorded_ms)

    def _arrive(self, run: _Run, topic: str, offset: int, timestamp_ms: int) -> bool:
        """Notes where and when a record of a run stands; True if the run is sealed by the time that had passed."""
        clock_ms = max(self._clock_ms.get(topic, timestamp_ms), timestamp_ms)
        self._clock_ms[topic] = clock_ms
        last_ms = run.recorded_ms.get(topic)
        run.recorded_ms[topic] = timestamp_ms if last_ms is None or timestamp_ms > last_ms else last_ms
        run.source_offsets[topic] = offset + 1
        if last_ms is None or topic in run.sealed or not buckets.is_sealed(last_ms, clock_ms, self._seal_after_ms):
            return False
        run.sealed.add(topic)  # its live state goes when the chunk's earlier records are folded
        return True

    def _sweep(self) -> list[str]:
        """Seals the runs that the partition's record time left behind."""
        swept = []
        for topic, clock_ms in self._clock_ms.items():
            if clock_ms < self._next_sweep_ms.get(topic, buckets.NEVER):
                continue
            live = [(run_id, run) for run_id, run in self._runs.items() if topic in run.recorded_ms]
            live = [(run_id, run) for run_id, run in live if topic not in run.sealed]
            for run_id, run in live:
                if buckets.is_sealed(run.recorded_ms[topic], clock_ms, self._seal_after_ms):
                    run.seal(topic)
                    swept.append(run_id)
            oldest_ms = min((run.recorded_ms[topic] for _, run in live if topic not in run.sealed), default=clock_ms)
            self._next_sweep_ms[topic] = oldest_ms + self._seal_after_ms
        return swept


def _nonzero(counts: dict[str, int]) -> dict[str, int]:
    return {name: value for name, value in counts.items() if value}
