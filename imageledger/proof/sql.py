"""SQL as a witness: the deduplicated sums of the rows below a snapshot's offsets, once the sink has stored them all."""

import asyncio
import time
from collections.abc import Collection, Mapping
from typing import Any

from events.snapshots import RunMetrics
from events.topics import BY_NAME
from imageledger.errors import CannotCompare
from metrics.fold import wire
from metrics.fold.groups import FAMILIES, LABELS, SUMMED, TOTALS
from metrics.fold.partition import TOPICS
from sinks.loading.sources import SOURCES
from sinks.reading import witness
from streams.cluster import Cluster
from streams.offline import prefixes
from streams.offline.comparison import Difference, Witness, differing
from streams.offline.logs import At

_ASK_AGAIN_S = 0.5
_EXPLAINED_RUNS = 10
_OFFSETS_NAMED = 5
_ROWS_NAMED = 100


class SqlWitness:
    """ClickHouse's word on runs.

    Args:
        group: the sink's consumer group, whose commits say what is stored.
        wait_s: how long the sink may take to store what the snapshots hold.
        rows: look at each row too, not only at what they add up to.

    `notes`: what was not compared, and why.
    """

    def __init__(self, cluster: Cluster, sql: witness.Sql, group: str, wait_s: float, *, rows: bool = False) -> None:
        self._cluster = cluster
        self._sql = sql
        self._group = group
        self._wait_s = wait_s
        self._rows = rows
        self.notes: list[str] = []

    async def compare(self, shown: Mapping[str, RunMetrics], refolded: Mapping[str, RunMetrics]) -> list[Difference]:
        """The figures of each run that SQL tells otherwise. Raises CannotCompare, SinkError, StreamError."""
        asked = {run_id: metrics for run_id, metrics in shown.items() if not metrics.totals.get("after_seal")}
        cuts = {run_id: metrics.source_offsets for run_id, metrics in asked.items()}
        await self._until_stored(cuts)
        found = await asyncio.to_thread(self._sql.counters, cuts)
        wrong = {run_id: _different(metrics, refolded[run_id], found[run_id]) for run_id, metrics in asked.items()}
        forgotten = await self._forgotten(None if self._rows else {run for run, mine in wrong.items() if mine})
        differences: list[Difference] = []
        explained = 0
        for run_id, mine in wrong.items():
            if run_id in forgotten:
                continue
            if mine and explained < _EXPLAINED_RUNS:
                explained += 1
                offsets, explanation = await self._explain(run_id, cuts[run_id])
                for difference in mine:
                    difference.offsets, difference.explanation = offsets, explanation
            differences += mine
        return [*differences, *await self._each_row(forgotten)] if self._rows else differences

    async def _forgotten(self, runs: Collection[str] | None) -> set[str]:
        found = await asyncio.to_thread(self._sql.forgotten, runs)
        self.notes += [
            f"run {run_id}: `imageledger cleanup` took it out of ClickHouse: SQL is not compared"
            for run_id in sorted(found)
        ]
        return found

    async def _stored(self) -> dict[tuple[str, int], int]:
        """As `witness.stored_offsets`, of our own sink."""
        cluster = self._cluster
        return await witness.stored_offsets(cluster.bootstrap, cluster.prefix, self._group, cluster.security)

    async def _each_row(self, forgotten: set[str]) -> list[Difference]:
        """Rows that are not what their record says, of everything that the sink has stored; the first _ROWS_NAMED."""
        found: list[Difference] = []
        stored = await self._stored()
        for topic in (source.topic for source in SOURCES):
            for partition, end in sorted((at[1], end) for at, end in stored.items() if at[0] == topic):
                check = self._sql.rows(None, topic, partition, forgotten)
                whole = "compact" not in BY_NAME[topic].cleanup
                async for records in prefixes.prefix(self._cluster, topic, partition, end, whole=whole):
                    for row in await asyncio.to_thread(check.differences, records, records[-1].offset + 1):
                        values: dict[Witness, Any] = {"sql": row.what}
                        at = At(topic, partition, row.offset)
                        found.append(
                            Difference(run_id=None, figure="a row", values=values, offsets=[at], explanation=row.detail)
                        )
                    if len(found) >= _ROWS_NAMED:
                        return found[:_ROWS_NAMED]
        return found

    async def _until_stored(self, cuts: witness.Cuts) -> None:
        """Returns when the sink has stored everything below the cuts."""
        needed: dict[tuple[str, int], int] = {}
        for by_topic in cuts.values():
            for topic in TOPICS:
                for partition, offset in by_topic.get(topic, {}).items():
                    place = (topic, int(partition))
                    needed[place] = max(offset, needed.get(place, 0))
        deadline = time.monotonic() + self._wait_s
        while True:
            stored = await self._stored()
            behind = [(*at, offset, stored.get(at, 0)) for at, offset in needed.items() if stored.get(at, 0) < offset]
            if not behind:
                return
            if time.monotonic() > deadline:
                name, number, end, reached = behind[0]
                raise CannotCompare(
                    f"the sink is behind: of {name} partition {number} it has stored what lies before {reached}, "
                    f"the snapshot holds what lies before {end}. Start `imageledger sink`, or wait longer than "
                    f"{self._wait_s:.0f} s with --wait"
                )
            await asyncio.sleep(_ASK_AGAIN_S)

    async def _explain(self, run_id: str, offsets: Mapping[str, Mapping[str, int]]) -> tuple[list[At], str | None]:
        """The first records of a run whose rows are missing, extra or different; and what is wrong with the first."""
        found: list[At] = []
        first: str | None = None
        for topic in TOPICS:
            for partition, end in sorted(offsets.get(topic, {}).items()):
                check = self._sql.rows(run_id, topic, int(partition))
                async for records in prefixes.prefix(self._cluster, topic, int(partition), end):
                    below = records[-1].offset + 1
                    for row in await asyncio.to_thread(check.differences, records, below):
                        found.append(At(topic, row.partition, row.offset))
                        first = (
                            first or f"{topic} partition {row.partition} offset {row.offset}: {row.what}, {row.detail}"
                        )
                    if len(found) >= _OFFSETS_NAMED:
                        return found[:_OFFSETS_NAMED], first
        return found, first


def _different(shown: RunMetrics, refolded: RunMetrics, counters: witness.Counters) -> list[Difference]:
    bounded = set(shown.truncated)
    ours, theirs = _shown(refolded, bounded), _told(counters, bounded)
    live = {path: found for path, found, _ in differing(_shown(shown, bounded), ours)}
    found = []
    for path, sql, ours_there in differing(theirs, ours):
        values: dict[Witness, Any] = {"snapshot": live.get(path, ours_there), "refold": ours_there, "sql": sql}
        found.append(Difference(run_id=shown.run_id, figure=path, values=values))
    return found


def _shown(metrics: RunMetrics, bounded: set[str]) -> dict[str, Any]:
    """The part of a snapshot that SQL knows."""
    found: dict[str, Any] = {TOTALS: _comparable(metrics.totals, bounded)}
    for label in LABELS:
        groups = {value: _comparable(counters, bounded) for value, counters in getattr(metrics, f"by_{label}").items()}
        found[f"by_{label}"] = _summed(groups) if label in bounded else _nonempty(groups)
    return found


def _told(counters: witness.Counters, bounded: set[str]) -> dict[str, Any]:
    """What SQL says in the form of a snapshot."""
    names = wire.known_names(counters[TOTALS, ""])
    labels = wire.by_label(counters)
    found: dict[str, Any] = {TOTALS: _comparable(wire.nested(counters[TOTALS, ""], names), bounded)}
    for label in LABELS:
        groups = {value: _comparable(wire.nested(row, names), bounded) for value, row in labels[label].items()}
        found[f"by_{label}"] = _summed(groups) if label in bounded else _nonempty(groups)
    return found


def _comparable(counters: Mapping[str, Any], bounded: set[str]) -> dict[str, Any]:
    """Counters that SQL knows; of a family with more names than are shown, only how much it is in all."""
    counters = _within_int64(counters)
    found: dict[str, Any] = {name: value for name, value in counters.items() if name in witness.TOLD_BY_SQL}
    for family in FAMILIES:
        named = counters.get(family, {})
        if named and family in bounded:
            values = named.values()
            found[family] = sum(one["count"] for one in values) if family in SUMMED else sum(values)
        elif named:
            found[family] = named
    return found


def _within_int64(counters: Mapping[str, Any]) -> dict[str, Any]:
    """Without the sums of money that SQL does not hold: it says NULL of them, which is read as nothing."""
    within = {name: value for name, value in counters.items() if not isinstance(value, int) or _held(value)}
    if costs := counters.get("stage_costs"):
        within["stage_costs"] = {
            stage: one | {"nano_usd_sum": _held(one["nano_usd_sum"])} for stage, one in costs.items()
        }
    return within


def _held(amount: int) -> int:
    return amount if amount <= witness.MOST_IN_SQL else 0


def _summed(groups: Mapping[str, Mapping[str, Any]]) -> dict[str, int]:
    """Groups of a label of which a partition named only the first 2,000 values: parity is asked of their sum."""
    total: dict[str, int] = {}
    for counters in groups.values():
        for name, value in counters.items():
            if isinstance(value, int):
                total[name] = total.get(name, 0) + value
    return total


def _nonempty(groups: Mapping[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """A group of nothing but repeats is one that SQL does not have."""
    return {value: counters for value, counters in groups.items() if counters}
