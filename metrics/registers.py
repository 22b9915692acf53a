"""The run stage's state of one run: registers that only the newest value of each thing stays in (DESIGN.md 5.6)."""

import zlib
from typing import Literal

import msgspec

from events.envelope import epoch_ms
from events.heartbeats import ProcessorHeartbeat
from events.partials import Partials
from events.runs import AnyRunEvent
from metrics.episodes import AlertState
from metrics.fold import buckets
from metrics.fold.counters import join_counters
from metrics.fold.groups import TOTALS, Group
from metrics.fold.lifecycle import Lifecycle, Stamp
from metrics.fold.segment import AFTER_SEAL, FEEDBACK
from metrics.newest import NewestRows, Source, StoredRow

LIVE_MS = buckets.HOUR_MS
"""A run goes by the clock for so long after its last record (DETAILS.md, Time)."""
OPEN_MS = 7 * buckets.DAY_MS
"""One that is declared and not over, or has no result yet, for so long: as long as its heartbeats are kept."""
_HEARTBEATS_KEPT_MS = buckets.DAY_MS


Told = Literal["runs", "heartbeats"]
"""The topics that a run's registers take records of; those of `results` and `feedback` come as partials."""


class Heartbeat(msgspec.Struct, array_like=True, frozen=True):
    """A processor's newest heartbeat, when it counts (`buckets.effective_ms`), and where it stands."""

    event: ProcessorHeartbeat
    effective_ms: int
    at: Stamp


class RunSegment(msgspec.Struct, omit_defaults=True):
    """What changed in a run's registers: the stored form in `ledger.run`. The newer wins.

    `packed`: all of a run's registers, compressed, and nothing else beside; `opened` has them as they were.

    `next_offsets`: topic → partition → past the run's own last record taken. `alerts`: fingerprint → state, of all that
    are not inactive; None where they are as they were. A ledger of format 1 lacks the positions
    of what it calls `lifecycle` and `heartbeats`: it is read anew from the log, and these names are new ones.
    """

    sources: dict[int, Source] = {}
    rows: list[StoredRow] = []
    lifecycle: Lifecycle | None = msgspec.field(default=None, name="life")
    heartbeats: list[Heartbeat] = msgspec.field(default_factory=list, name="beats")
    next_offsets: dict[Told, dict[int, int]] = {}
    as_of_ms: int | None = None
    alerts: dict[str, AlertState] | None = None
    packed: bytes = b""

    def pack(self) -> "RunSegment":
        """The registers of a run at rest: a seventh of their stored size, not looked into until something comes."""
        return RunSegment(packed=zlib.compress(msgspec.json.encode(self)))

    def opened(self) -> "RunSegment":
        """What was packed; any other segment as it is. Raises as `decode` does."""
        if not self.packed:
            return self
        try:
            return _DECODER.decode(zlib.decompress(self.packed))
        except zlib.error as error:
            raise msgspec.DecodeError(f"packed registers are damaged ({error})") from error

    def merge(self, newer: "RunSegment") -> "RunSegment":
        """This segment and the one that followed it, as one."""
        if newer.packed:
            return newer
        merged = RunRegisters("")
        merged.restore(self)
        merged.restore(newer)
        return merged.everything()

    def encode(self) -> bytes:
        """JSON, where a sum may pass 64 bits; or what was packed."""
        return self.packed or msgspec.json.encode(self)

    @staticmethod
    def decode(value: bytes) -> "RunSegment":
        """Raises msgspec.ValidationError or msgspec.DecodeError for bytes that are no segment."""
        return RunSegment(packed=value) if value.startswith(_ZLIB) else _DECODER.decode(value)


_ZLIB = b"x"
"""What zlib's own form begins with; JSON begins with a brace."""
_DECODER = msgspec.json.Decoder(RunSegment)


class RunRegisters:
    """Registers of one run. `snapshot.snapshot` reads them; whoever owns the clock says `as_of`."""

    def __init__(self, run_id: str) -> None:
        self.run_id = run_id
        self.lifecycle = Lifecycle()
        self.heartbeats: dict[str, Heartbeat] = {}
        self.next_offsets: dict[Told, dict[int, int]] = {}
        self.as_of_ms: int | None = None
        self.alerts: dict[str, AlertState] | None = None  # None: nothing was ever decided
        self._rows = NewestRows()
        self._changes = RunSegment()
        self._changed_rows: dict[tuple[int, int, int, str, str], StoredRow] = {}

    def take_partials(self, partials: Partials) -> None:
        """Takes the rows of a chunk; repeats and older ones change nothing."""
        partition = partials.source_partition
        known = self.sources.get(partition)
        if known is None or partials.sequence > known.sequence:
            self._rows.take_source(
                partition,
                Source(
                    partials.sequence,
                    partials.source_offsets,
                    partials.watermark_ms,
                    partials.recorded_ms,
                    partials.first_event_ms,
                    partials.truncated,
                    not partials.more,
                ),
            )
            self._changes.sources[partition] = self.sources[partition]
        elif partials.sequence == known.sequence and not known.whole and not partials.more:
            self._changes.sources[partition] = self.sources[partition] = msgspec.structs.replace(known, whole=True)
        for row in partials.rows:
            stored = StoredRow(partition, partials.sequence, row)
            if self._rows.take(stored):
                self._changed_rows[partition, row.width_ms, row.bucket_ms, row.group, row.value] = stored

    def take_run_event(self, event: AnyRunEvent, at: Stamp) -> None:
        """Takes an event of the run's life; repeats and older ones change nothing."""
        self._pass("runs", at)
        after = self.lifecycle.take(event, at)
        if after is not self.lifecycle:
            self.lifecycle = self._changes.lifecycle = after

    def take_heartbeat(self, event: ProcessorHeartbeat, at: Stamp) -> None:
        """Takes a heartbeat; repeats and older ones change nothing. Processors silent for a day are forgotten."""
        self._pass("heartbeats", at)
        heartbeat = Heartbeat(event, buckets.effective_ms(epoch_ms(event.event_time), at.recorded_ms), at)
        if self._take_heartbeat(heartbeat):
            self._changes.heartbeats.append(heartbeat)

    def take_as_of(self, as_of_ms: int) -> None:
        """Notes the moment of the run's newest snapshot."""
        if as_of_ms != self.as_of_ms:
            self.as_of_ms = self._changes.as_of_ms = as_of_ms

    def take_alerts(self, states: dict[str, AlertState]) -> None:
        """Notes what was decided of the run's alerts."""
        if states != (self.alerts or {}):
            self.alerts = self._changes.alerts = states

    def changed(self) -> RunSegment | None:
        """What changed since the last call; None if nothing did."""
        changes = self._changes
        changes.rows = list(self._changed_rows.values())
        self._changes, self._changed_rows = RunSegment(), {}
        return None if changes == RunSegment() else changes

    def restore(self, segment: RunSegment) -> None:
        """Takes a ledger segment, in segment order."""
        segment = segment.opened()
        for partition, source in segment.sources.items():
            self._rows.take_source(partition, source)
        for stored in segment.rows:
            self._rows.take(stored)
        for heartbeat in segment.heartbeats:
            self._take_heartbeat(heartbeat)
        for topic, offsets in segment.next_offsets.items():
            self.next_offsets.setdefault(topic, {}).update(offsets)
        self.lifecycle = segment.lifecycle or self.lifecycle
        self.as_of_ms = self.as_of_ms if segment.as_of_ms is None else segment.as_of_ms
        self.alerts = self.alerts if segment.alerts is None else segment.alerts

    def everything(self) -> RunSegment:
        """All registers as one segment."""
        heartbeats = list(self.heartbeats.values())
        next_offsets = {topic: dict(offsets) for topic, offsets in self.next_offsets.items()}
        lifecycle = None if self.lifecycle == Lifecycle() else self.lifecycle  # else it would wipe an earlier one out
        return RunSegment(
            dict(self.sources), self._rows.everything(), lifecycle, heartbeats, next_offsets, self.as_of_ms, self.alerts
        )

    def as_of(self, now_ms: int) -> int:
        """The moment to look from: the clock while the run is live, else its last event time (DETAILS.md, Time).

        Never before the broker had the run's newest record: a clock that is behind it would look at buckets that are
        kept no more (docs/decisions/0048). Of a run that is not over never later than OPEN_MS after that record: what
        nobody ends would be looked at every second for ever (docs/decisions/0049).
        """
        last_event_ms, recorded_ms = self.last_event_ms, self.recorded_ms
        if recorded_ms == buckets.NEVER:
            return now_ms
        if last_event_ms is None or (self.lifecycle.declared and not self.finished):
            return min(max(now_ms, recorded_ms), recorded_ms + OPEN_MS)
        return max(now_ms, recorded_ms) if now_ms - recorded_ms <= LIVE_MS else last_event_ms

    @property
    def sources(self) -> dict[int, Source]:
        """Source partition → what its newest partials say beside their rows."""
        return self._rows.sources

    @property
    def whole(self) -> bool:
        """Whether every source partition's newest partials have come as a whole: only then is there a snapshot."""
        return all(source.whole for source in self.sources.values())

    @property
    def source_offsets(self) -> dict[str, dict[str, int]]:
        """Topic → partition → next offset past the run's own last record that is in these registers."""
        found: dict[str, dict[int, int]] = {}
        for partition, source in self.sources.items():
            for topic, offset in source.source_offsets.items():
                found.setdefault(topic, {})[partition] = offset
        return {
            topic: {str(partition): offset for partition, offset in sorted(offsets.items())}
            for topic, offsets in sorted((found | self.next_offsets).items())
        }

    @property
    def recorded_ms(self) -> int:
        """Arrival of the run's newest record on any topic."""
        times = [source.recorded_ms for source in self.sources.values()]
        times += [heartbeat.at.recorded_ms for heartbeat in self.heartbeats.values()]
        if self.lifecycle.recorded_ms is not None:
            times.append(self.lifecycle.recorded_ms)
        return max(times, default=buckets.NEVER)

    @property
    def last_event_ms(self) -> int | None:
        """Time of the run's last result; None before the first."""
        last = max((source.watermark_ms for source in self.sources.values()), default=buckets.NEVER)
        return None if last == buckets.NEVER else last

    @property
    def first_event_ms(self) -> int | None:
        """Time of the run's first result; None before it."""
        times = [source.first_event_ms for source in self.sources.values() if source.first_event_ms != buckets.NEVER]
        return min(times, default=None)

    @property
    def finished(self) -> bool:
        """Whether run.finished was recorded, or nothing is left of a declared total."""
        if self.lifecycle.phase == "finished":
            return True
        plan = self.lifecycle.plan
        if plan is None or plan.total_images is None:
            return False
        processed = sum(counters.get("processed_subjects", 0) for counters in self._rows.of_run((TOTALS, "")))
        return processed >= plan.total_images

    def whole_run(self) -> dict[Group, dict[str, int]]:
        """Counters of the whole run by group, added up over partitions; `totals` include what feedback adds."""
        summed: dict[Group, dict[str, int]] = {(TOTALS, ""): {}}
        for group, counters in self._rows.whole_run():
            into = (TOTALS, "") if group[0] in (FEEDBACK, AFTER_SEAL) else group
            join_counters(summed.setdefault(into, {}), counters)
        return summed

    def bucket_rows(self, width_ms: int, after_ms: int, until_ms: int) -> list[tuple[int, Group, dict[str, int]]]:
        """(start, group, counters) of each partition's buckets with `after_ms` < start ≤ `until_ms`."""
        return self._rows.of_buckets(width_ms, after_ms, until_ms)

    def _take_heartbeat(self, heartbeat: Heartbeat) -> bool:
        known = self.heartbeats.get(heartbeat.event.processor_id)
        if known is not None and known.at >= heartbeat.at:
            return False
        self.heartbeats[heartbeat.event.processor_id] = heartbeat
        silent_ms = heartbeat.effective_ms - _HEARTBEATS_KEPT_MS
        for processor_id in [name for name, other in self.heartbeats.items() if other.effective_ms < silent_ms]:
            del self.heartbeats[processor_id]
        return True

    def _pass(self, topic: Told, at: Stamp) -> None:
        if at.offset >= self.next_offsets.get(topic, {}).get(at.partition, 0):
            self.next_offsets.setdefault(topic, {})[at.partition] = at.offset + 1
            self._changes.next_offsets.setdefault(topic, {})[at.partition] = at.offset + 1
