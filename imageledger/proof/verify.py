"""`imageledger verify`: every figure against an independent fold of the log from offset 0 (DESIGN.md 4.6, parity law).

The newest snapshot of each run, the partials, both ledgers, the dead letters and SQL are held against what the live
fold's own code makes of the same prefix of the log. All of them may go on being written meanwhile: each is compared as
of the offsets that it names.
"""

import time
from collections.abc import Mapping
from typing import Any

import msgspec

from events.envelope import epoch_ms
from events.snapshots import RunMetrics
from imageledger.proof.evidence import Offsets, Refold, gather, refold
from imageledger.proof.sql import SqlWitness
from metrics.fold import buckets
from metrics.fold.partition import TOPICS
from metrics.registers import RunRegisters
from metrics.snapshot import snapshot
from streams.cluster import Cluster
from streams.offline import comparison, prefixes, witnesses
from streams.offline.comparison import Difference
from streams.offline.logs import At
from streams.offline.witnesses import Shown

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
        self._progress.begin("reading snapshots, partials and ledgers")
        self._seen = seen = await gather(self._cluster, self._run_id)
        for record in seen.unreadable:
            self._differences.append(
                Difference(run_id=None, figure="a record", values={}, offsets=[record.at], explanation=record.reason)
            )
        self._progress.begin("folding the log from offset 0", sum(seen.ends().values()))
        log = await refold(self._cluster, seen, self._processes, self._progress.moved)
        offsets = {run_id: registers.source_offsets for run_id, registers in seen.kept.runs.items()}
        shown = {run_id: one.metrics.source_offsets for run_id, one in seen.shown.items()}
        told, kept = await prefixes.retell(self._cluster, [shown, offsets])
        for cuts, registers in ((shown, told), (offsets, kept)):
            self._trust_heartbeats(cuts, registers)
        runs = [self._snapshot(one, log.registers(told[run_id], shown[run_id])) for run_id, one in seen.shown.items()]
        self._partials(log)
        self._combine_ledger(log)
        self._run_ledger({run_id: log.registers(kept[run_id], offsets[run_id]) for run_id in kept})
        recorded = {run_id: registers.alerts or {} for run_id, registers in seen.kept.runs.items()}
        self._differences += comparison.of_alerts(recorded, seen.alerts)
        if self._run_id is None:
            await self._dead_letters(log)
        if self._sql is not None:
            self._progress.begin("asking SQL")
            shown_now = {run_id: one.metrics for run_id, one in seen.shown.items()}
            self._differences += await self._sql.compare(shown_now, self._refolded)
            self._notes += self._sql.notes
        different = {difference.run_id for difference in self._differences}
        for run in runs:
            run.equal = run.run_id not in different
        return Verdict(
            equal=not self._differences,
            runs=runs,
            differences=self._differences,
            notes=self._notes,
            records=sum(log.ends.values()),
            seconds=round(time.monotonic() - began, 1),
        )

    def _trust_heartbeats(self, cuts: Mapping[str, Offsets], registers: Mapping[str, RunRegisters]) -> None:
        """Heartbeats are kept for a week: how far a run had read what is gone cannot be asked any more."""
        for run_id, by_topic in cuts.items():
            for partition, offset in by_topic.get("heartbeats", {}).items():
                if self._seen.begins[int(partition)].offset > 0:
                    registers[run_id].next_offsets.setdefault("heartbeats", {})[int(partition)] = offset

    def _lacks_heartbeats(self, metrics: RunMetrics) -> bool:
        """Whether heartbeats that a snapshot's operations were made of may be gone from the log."""
        needed_ms = epoch_ms(metrics.as_of) - _HEARTBEAT_NEEDED_MS
        begins = [self._seen.begins[int(partition)] for partition in metrics.source_offsets.get("heartbeats", {})]
        return any(begin.offset > 0 and (begin.timestamp_ms or needed_ms + 1) > needed_ms for begin in begins)

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
                "after_seal alone, so its SQL is not compared"
            )
        return RunVerdict(
            run_id=registers.run_id,
            as_of=metrics.as_of.isoformat(),
            source_offsets=metrics.source_offsets,
            figures=figures,
        )

    def _partials(self, log: Refold) -> None:
        for (run_id, partition), said in self._seen.said.items():
            part = log.part(run_id, partition, said.newest.source_offsets)
            self._differences += comparison.of_partials(run_id, partition, said, part)

    def _combine_ledger(self, log: Refold) -> None:
        ledger = self._seen.combined
        for (run_id, partition), segment in ledger.runs.items():
            part = log.part(run_id, partition, segment.source_offsets)
            at = (run_id, partition)
            self._differences += comparison.of_combine_ledger(
                run_id, partition, segment, part, ledger.rows_at[at], ledger.last_at[at]
            )
        for run_id, shown in self._seen.shown.items():
            for topic in TOPICS:
                for number in map(int, shown.metrics.source_offsets.get(topic, {})):
                    if (run_id, number) not in ledger.runs:
                        self._missing(run_id, f"the run in partition {number}", "ledger.combine")

    def _run_ledger(self, refolded: Mapping[str, RunRegisters]) -> None:
        ledger = self._seen.kept
        since = {number: begin.offset for number, begin in self._seen.begins.items()}
        for run_id, registers in ledger.runs.items():
            whole = [partition for partition, source in registers.sources.items() if source.whole]
            self._differences += comparison.of_run_ledger(
                registers, refolded[run_id], whole, ledger.rows_at[run_id], ledger.last_at[run_id], since
            )
        for run_id in self._seen.shown.keys() - ledger.runs.keys():
            self._missing(run_id, "the run", "ledger.run")

    def _missing(self, run_id: str, figure: str, witness: comparison.Witness) -> None:
        values: dict[comparison.Witness, Any] = {witness: None, "refold": "there"}
        self._differences.append(Difference(run_id=run_id, figure=figure, values=values))

    async def _dead_letters(self, log: Refold) -> None:
        """Each refused record has one letter, and nothing else has any."""
        found = await witnesses.read_dead_letters(self._cluster, self._seen.counts["dlq"])
        wanted: set[At] = set()
        for (name, number), offsets in log.refused.items():
            head = self._seen.combined.heads.get(number)
            applied = -1 if head is None else head.applied.get(name, -1)
            wanted.update(At(name, number, offset) for offset in offsets if offset <= applied)
        for at in sorted(wanted | {at for at in found if at.topic in TOPICS}):
            head = self._seen.combined.heads.get(at.partition)
            if head is None or at.offset > head.applied.get(at.topic, -1):
                continue  # refused after the ledger was read
            if found[at] != (at in wanted):
                values: dict[comparison.Witness, Any] = {"dlq": found[at], "refold": int(at in wanted)}
                self._differences.append(Difference(run_id=None, figure="dead letters", values=values, offsets=[at]))
