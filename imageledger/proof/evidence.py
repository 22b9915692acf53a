"""What `verify` looks at: every witness's word at the offsets that it names, and the log folded anew to just these."""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TypeVar

import msgspec

from events.alerts import AnyAlert
from imageledger.errors import CannotCompare
from metrics.fold.partition import TOPICS
from metrics.fold.refold import join
from metrics.fold.segment import Segment
from metrics.registers import RunRegisters
from streams.cluster import Cluster
from streams.offline import ledgers, logs, prefixes, witnesses
from streams.offline.ledgers import CombineLedger, RunLedger
from streams.offline.logs import At, Begin, Unreadable
from streams.offline.witnesses import Said, Shown
from streams.topics import require_topics

Offsets = Mapping[str, Mapping[str, int]]
T = TypeVar("T")


@dataclass
class Evidence:
    """What the witnesses say. Of one run (`run_id`), or of all where that is None.

    `counts`: topic → partitions. `shown`: run → its newest snapshot; `said`: (run, source partition) → partials; `kept`
    and `combined`: the ledgers; `alerts`: what was said of them, read after the ledger. `begins`: where the heartbeats
    of each partition begin; `log_ends`: (topic, partition) → the offset past its last record, asked after everything
    else. `unreadable`: records that are none of ours.
    """

    run_id: str | None
    counts: dict[str, int]
    shown: dict[str, Shown]
    said: dict[tuple[str, int], Said]
    kept: RunLedger
    combined: CombineLedger
    begins: dict[int, Begin]
    log_ends: dict[tuple[str, int], int]
    unreadable: list[Unreadable]
    alerts: list[tuple[AnyAlert, At]]

    def cuts(self) -> dict[tuple[str, int], dict[str, set[int]]]:
        """(topic, partition) → run → the offsets as of which some witness speaks of it."""
        found: dict[tuple[str, int], dict[str, set[int]]] = defaultdict(lambda: defaultdict(set))
        for run_id, topic, partition, offset in self._places():
            found[topic, partition][run_id].add(min(offset, self.log_ends.get((topic, partition), 0)))
        return found

    def ends(self) -> dict[tuple[str, int], int]:
        """(topic, partition) → how far the log has to be folded for all that."""
        ends = {at: max(max(offsets) for offsets in runs.values()) for at, runs in self.cuts().items()}
        if self.run_id is None:
            for number, head in self.combined.heads.items():
                for topic, applied in head.applied.items():
                    end = min(applied + 1, self.log_ends.get((topic, number), 0))
                    ends[topic, number] = max(end, ends.get((topic, number), 0))
        return ends

    def _places(self) -> Iterator[tuple[str, str, int, int]]:
        for run_id, shown in self.shown.items():
            yield from _places(run_id, shown.metrics.source_offsets)
        for run_id, registers in self.kept.runs.items():
            yield from _places(run_id, registers.source_offsets)
        for (run_id, partition), said in self.said.items():
            for topic, offset in said.newest.source_offsets.items():
                yield run_id, topic, partition, offset
        for (run_id, partition), segment in self.combined.runs.items():
            for topic, offset in segment.source_offsets.items():
                yield run_id, topic, partition, offset


async def gather(cluster: Cluster, run_id: str | None) -> Evidence:
    """Every witness, in the order in which what they tell comes to be.

    Raises CannotCompare where `run_id` has no snapshot; StreamError.
    """
    counts = {name: topic.partitions for name, topic in (await require_topics(cluster)).items()}
    count = counts["partials"]
    shown = _chosen((await witnesses.read_snapshots(cluster, counts["metrics"])).items(), run_id, lambda name: name)
    if run_id is not None and not shown:
        raise CannotCompare(f"run {run_id!r} has no snapshot: its name may be misspelt, or no worker runs")
    said, unreadable = await witnesses.read_partials(cluster, count)
    kept = await ledgers.read_run_ledger(cluster, count)
    alerts = await witnesses.read_alerts(cluster, counts["alerts"])
    combined = await ledgers.read_combine_ledger(cluster, count)
    kept.runs = _chosen(kept.runs.items(), run_id, lambda name: name)
    combined.runs = _chosen(combined.runs.items(), run_id, lambda at: at[0])
    return Evidence(
        run_id=run_id,
        counts=counts,
        shown=shown,
        said=_chosen(said.items(), run_id, lambda at: at[0]),
        kept=kept,
        combined=combined,
        begins=await logs.log_begins(cluster, "heartbeats", count),
        log_ends=await logs.log_ends(cluster, count, ("results", "feedback", "runs", "heartbeats")),
        unreadable=[*unreadable, *kept.unreadable, *combined.unreadable],
        alerts=[(event, at) for event, at in alerts if run_id in (None, event.run_id)],
    )


K = TypeVar("K", str, tuple[str, int])


def _chosen(items: Iterable[tuple[K, T]], run_id: str | None, run_of: Callable[[K], str]) -> dict[K, T]:
    return {key: one for key, one in sorted(items, key=lambda item: item[0]) if run_id in (None, run_of(key))}


def _places(run_id: str, offsets: Offsets) -> Iterator[tuple[str, str, int, int]]:
    for topic in TOPICS:
        for partition, offset in offsets.get(topic, {}).items():
            yield run_id, topic, int(partition), offset


class Refold(msgspec.Struct):
    """The log folded from offset 0: (topic, partition) → (run, cut) → digest, the refused records, how far it went."""

    digests: dict[tuple[str, int], dict[tuple[str, int], Segment]]
    refused: dict[tuple[str, int], list[int]]
    ends: dict[tuple[str, int], int]

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


async def refold(cluster: Cluster, evidence: Evidence, processes: int, moved: Callable[[int], None]) -> Refold:
    """The log as of every offset that the evidence names. Raises StreamError."""
    cuts, ends = evidence.cuts(), evidence.ends()
    tasks = [
        prefixes.Task(
            cluster,
            "results" if topic == "results" else "feedback",
            partition,
            end,
            {run_id: sorted(offsets) for run_id, offsets in cuts.get((topic, partition), {}).items()},
        )
        for (topic, partition), end in sorted(ends.items())
    ]
    found = await asyncio.to_thread(prefixes.refold, tasks, processes, moved)
    return Refold(
        {(one.topic, one.partition): one.digests for one in found},
        {(one.topic, one.partition): one.refused for one in found},
        ends,
    )
