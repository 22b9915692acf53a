"""`imageledger verify`: every figure against an independent fold of the log from offset 0 (DESIGN.md 4.6, parity law).

The newest snapshot of each run, the partials, both ledgers, the dead letters and SQL are held against what the live
fold's own code makes of the same prefix of the log. All of them may go on being written meanwhile: each is compared as
of the offsets that it names.
"""

import asyncio
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from events.envelope import epoch_ms
from events.snapshots import RunMetrics
from imageledger.errors import CannotCompare
from imageledger.verify_sql import SqlWitness
from metrics import buckets
from metrics.fold import TOPICS
from metrics.refold import join
from metrics.registers import RunRegisters
from metrics.segment import Segment
from metrics.snapshot import snapshot
from streams import comparison, prefixes, witnesses
from streams.cluster import Cluster
from streams.comparison import Difference
from streams.topics import require_topics
from streams.witnesses import At, CombineLedger, RunLedger, Said, Shown

Offsets = Mapping[str, Mapping[str, int]]
_HEARTBEAT_NEEDED_MS = 7 * buckets.MINUTE_MS


class RunVerdict(msgspec.Struct, kw_only=True):
    """One run: the snapshot that was looked at, how many figures it has, and whether every witness agrees on them."""

    run_id: str
    as_of: str
    source_offsets: dict[str, dict[str, int]]
    figures: int
    equal: bool = True


class Verdict(msgspec.Struct, kw_only=True):
    """What `verify --json` prints. `notes`: what was not compared, and why; none of it is a difference."""

    equal: bool
    runs: list[RunVerdict]
    differences: list[Difference]
    notes: list[str]
    records: int
    seconds: float


class Progress:
    """What `verify` says while it works; the command line draws it."""

    def begin(self, what: str, total: int | None = None) -> None:
        """A part of the work begins; `total` offsets are to be read, if that is known."""

    def moved(self, done: int) -> None:
        """So many of them are."""


class _Log(msgspec.Struct):
    """The refolded log: (topic, partition) → (run, cut) → digest, and the refused records."""

    digests: dict[tuple[str, int], dict[tuple[str, int], Segment]]
    refused: dict[tuple[str, int], list[int]]

    def part(self, run_id: str, partition: int, offsets: Mapping[str, int]) -> Segment:
        """A run in a source partition as of the next offsets of its topics."""
        asked = [(topic, offsets[topic]) for topic in TOPICS if topic in offsets]
        found = [self.digests.get((topic, partition), {}).get((run_id, offset)) for topic, offset in asked]
        return join(part for part in found if part is not None)

    def registers(self, told: RunRegisters, offsets: Offsets) -> RunRegisters:
        """`told`, which holds the run's events and heartbeats, with the partials as of `offsets`."""
        by_partition: dict[int, dict[str, int]] = defaultdict(dict)
        for topic in TOPICS:
            for partition, offset in offsets.get(topic, {}).items():
                by_partition[int(partition)][topic] = offset
        for number, by_topic in sorted(by_partition.items()):
            part = self.part(told.run_id, number, by_topic)
            if part.recorded_ms:
                told.take_partials(part.partials(told.run_id, number, 1))
        return told


class Verification:
    """One look at everything.

    Args:
        cluster: where the log is.
        sql: the second witness; None leaves it out.
        run_id: only this run; None for all.
        processes: how many fold at a time.
    """

    def __init__(
        self, cluster: Cluster, sql: SqlWitness | None, run_id: str | None, processes: int, progress: Progress
    ) -> None:
        self._cluster = cluster
        self._sql = sql
        self._run_id = run_id
        self._processes = processes
        self._progress = progress
        self._differences: list[Difference] = []
        self._notes: list[str] = []
        self._refolded: dict[str, RunMetrics] = {}

    async def run(self) -> Verdict:
        """Raises CannotCompare, StreamError, SinkError."""
        began = time.monotonic()
        await self._read()
        log = await self._refold()
        offsets = {run_id: registers.source_offsets for run_id, registers in self._kept.runs.items()}
        shown = {run_id: one.metrics.source_offsets for run_id, one in self._shown.items()}
        told, kept = await prefixes.retell(self._cluster, [shown, offsets])
        for cuts, registers in ((shown, told), (offsets, kept)):
            self._trust_heartbeats(cuts, registers)
        runs = [self._snapshot(one, log.registers(told[run_id], shown[run_id])) for run_id, one in self._shown.items()]
        self._partials(log)
        self._combine_ledger(log)
        self._run_ledger({run_id: log.registers(kept[run_id], offsets[run_id]) for run_id in kept})
        if self._run_id is None:
            await self._dead_letters(log)
        if self._sql is not None:
            self._progress.begin("asking SQL")
            shown_now = {run_id: one.metrics for run_id, one in self._shown.items()}
            self._differences += await self._sql.compare(shown_now, self._refolded)
        different = {difference.run_id for difference in self._differences}
        for run in runs:
            run.equal = run.run_id not in different
        return Verdict(
            equal=not self._differences,
            runs=runs,
            differences=self._differences,
            notes=self._notes,
            records=sum(self._ends.values()),
            seconds=round(time.monotonic() - began, 1),
        )

    async def _read(self) -> None:
        """Every witness, in the order in which what they tell comes to be."""
        self._progress.begin("reading snapshots, partials and ledgers")
        cluster = self._cluster
        counts = self._counts = {name: topic.partitions for name, topic in (await require_topics(cluster)).items()}
        count = counts["partials"]
        shown = await witnesses.read_snapshots(cluster, counts["metrics"])
        self._shown: dict[str, Shown] = self._chosen(shown)
        if self._run_id is not None and not self._shown:
            raise CannotCompare(f"run {self._run_id!r} has no snapshot: its name may be misspelt, or no worker runs")
        said, unreadable = await witnesses.read_partials(cluster, count)
        self._said: dict[tuple[str, int], Said] = {at: one for at, one in said.items() if self._asked(at[0])}
        self._kept: RunLedger = await witnesses.read_run_ledger(cluster, count)
        self._combined: CombineLedger = await witnesses.read_combine_ledger(cluster, count)
        self._kept.runs = self._chosen(self._kept.runs)
        self._combined.runs = {at: one for at, one in self._combined.runs.items() if self._asked(at[0])}
        for record in (*unreadable, *self._kept.unreadable, *self._combined.unreadable):
            self._differences.append(
                Difference(run_id=None, figure="a record", values={}, offsets=[record.at], explanation=record.reason)
            )
        self._begins = await witnesses.log_begins(cluster, "heartbeats", count)
        self._log_ends = await witnesses.log_ends(cluster, count, ("results", "feedback", "runs", "heartbeats"))

    def _trust_heartbeats(self, cuts: Mapping[str, Offsets], registers: Mapping[str, RunRegisters]) -> None:
        """Heartbeats are kept for a week: how far a run had read what is gone cannot be asked any more."""
        for run_id, by_topic in cuts.items():
            for partition, offset in by_topic.get("heartbeats", {}).items():
                if self._begins[int(partition)].offset > 0:
                    registers[run_id].next_offsets.setdefault("heartbeats", {})[int(partition)] = offset

    def _lacks_heartbeats(self, metrics: RunMetrics) -> bool:
        """Whether heartbeats that a snapshot's operations were made of may be gone from the log."""
        needed_ms = epoch_ms(metrics.as_of) - _HEARTBEAT_NEEDED_MS
        begins = [self._begins[int(partition)] for partition in metrics.source_offsets.get("heartbeats", {})]
        return any(begin.offset > 0 and (begin.timestamp_ms or needed_ms + 1) > needed_ms for begin in begins)

    def _asked(self, run_id: str) -> bool:
        return self._run_id is None or run_id == self._run_id

    def _chosen(self, by_run: dict[str, Any]) -> dict[str, Any]:
        return {run_id: one for run_id, one in sorted(by_run.items()) if self._asked(run_id)}

    async def _refold(self) -> _Log:
        cuts: dict[tuple[str, int], dict[str, set[int]]] = defaultdict(lambda: defaultdict(set))
        for run_id, topic, partition, offset in self._cuts():
            cuts[topic, partition][run_id].add(min(offset, self._log_ends.get((topic, partition), 0)))
        self._ends = {at: max(max(offsets) for offsets in runs.values()) for at, runs in cuts.items()}
        if self._run_id is None:
            for number, head in self._combined.heads.items():
                for topic, applied in head.applied.items():
                    end = min(applied + 1, self._log_ends.get((topic, number), 0))
                    self._ends[topic, number] = max(end, self._ends.get((topic, number), 0))
        tasks = [
            prefixes.Task(
                self._cluster,
                "results" if topic == "results" else "feedback",
                partition,
                end,
                {run_id: sorted(offsets) for run_id, offsets in cuts[topic, partition].items()},
            )
            for (topic, partition), end in sorted(self._ends.items())
        ]
        self._progress.begin("folding the log from offset 0", sum(self._ends.values()))
        found = await asyncio.to_thread(prefixes.refold, tasks, self._processes, self._progress.moved)
        return _Log(
            {(one.topic, one.partition): one.digests for one in found},
            {(one.topic, one.partition): one.refused for one in found},
        )

    def _cuts(self) -> Iterator[tuple[str, str, int, int]]:
        """(run, topic, partition, offset) as of which some witness speaks."""
        for run_id, shown in self._shown.items():
            yield from _places(run_id, shown.metrics.source_offsets)
        for run_id, registers in self._kept.runs.items():
            yield from _places(run_id, registers.source_offsets)
        for (run_id, partition), said in self._said.items():
            for topic, offset in said.newest.source_offsets.items():
                yield run_id, topic, partition, offset
        for (run_id, partition), segment in self._combined.runs.items():
            for topic, offset in segment.source_offsets.items():
                yield run_id, topic, partition, offset

    def _snapshot(self, shown: Shown, registers: RunRegisters) -> RunVerdict:
        metrics = shown.metrics
        refolded = snapshot(registers, epoch_ms(metrics.as_of))
        if self._lacks_heartbeats(metrics):
            refolded = msgspec.structs.replace(refolded, operations=metrics.operations)
            self._notes.append(f"run {metrics.run_id}: its heartbeats are gone from the log; operations not compared")
        self._refolded[registers.run_id] = refolded
        figures, found = comparison.of_snapshot(metrics, refolded, shown.at)
        self._differences += found
        after_seal = metrics.totals.get("after_seal")
        if after_seal:
            self._notes.append(
                f"run {metrics.run_id}: {after_seal} records came after it was sealed; they are stored and counted in "
                "after_seal alone, so SQL is not compared. `imageledger replay` folds them in"
            )
        return RunVerdict(
            run_id=registers.run_id,
            as_of=metrics.as_of.isoformat(),
            source_offsets=metrics.source_offsets,
            figures=figures,
        )

    def _partials(self, log: _Log) -> None:
        for (run_id, partition), said in self._said.items():
            part = log.part(run_id, partition, said.newest.source_offsets)
            self._differences += comparison.of_partials(run_id, partition, said, part)

    def _combine_ledger(self, log: _Log) -> None:
        ledger = self._combined
        for (run_id, partition), segment in ledger.runs.items():
            part = log.part(run_id, partition, segment.source_offsets)
            at = (run_id, partition)
            self._differences += comparison.of_combine_ledger(
                run_id, partition, segment, part, ledger.rows_at[at], ledger.last_at[at]
            )
        for run_id, shown in self._shown.items():
            for topic in TOPICS:
                for number in map(int, shown.metrics.source_offsets.get(topic, {})):
                    if (run_id, number) not in ledger.runs:
                        self._missing(run_id, f"the run in partition {number}", "ledger.combine")

    def _run_ledger(self, refolded: Mapping[str, RunRegisters]) -> None:
        ledger = self._kept
        since = {number: begin.offset for number, begin in self._begins.items()}
        for run_id, registers in ledger.runs.items():
            whole = [partition for partition, source in registers.sources.items() if source.whole]
            self._differences += comparison.of_run_ledger(
                registers, refolded[run_id], whole, ledger.rows_at[run_id], ledger.last_at[run_id], since
            )
        for run_id in self._shown.keys() - ledger.runs.keys():
            self._missing(run_id, "the run", "ledger.run")

    def _missing(self, run_id: str, figure: str, witness: comparison.Witness) -> None:
        values: dict[comparison.Witness, Any] = {witness: None, "refold": "there"}
        self._differences.append(Difference(run_id=run_id, figure=figure, values=values))

    async def _dead_letters(self, log: _Log) -> None:
        """Each refused record has one letter, and nothing else has any."""
        found = await witnesses.read_dead_letters(self._cluster, self._counts["dlq"])
        wanted: set[At] = set()
        for (name, number), offsets in log.refused.items():
            head = self._combined.heads.get(number)
            applied = -1 if head is None else head.applied.get(name, -1)
            wanted.update(At(name, number, offset) for offset in offsets if offset <= applied)
        for at in sorted(wanted | {at for at in found if at.topic in TOPICS}):
            head = self._combined.heads.get(at.partition)
            if head is None or at.offset > head.applied.get(at.topic, -1):
                continue  # refused after the ledger was read
            if found[at] != (at in wanted):
                values: dict[comparison.Witness, Any] = {"dlq": found[at], "refold": int(at in wanted)}
                self._differences.append(Difference(run_id=None, figure="dead letters", values=values, offsets=[at]))


def _places(run_id: str, offsets: Offsets) -> Iterator[tuple[str, str, int, int]]:
    for topic in TOPICS:
        for partition, offset in offsets.get(topic, {}).items():
            yield run_id, topic, int(partition), offset
