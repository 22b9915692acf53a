"""The group's committed offsets as the broker has them: Faust takes a rejected commit for done (notes: #611).

Nothing of ours reads on from them, but everybody's view of the lag does. So one that was lost is made again, and where
that does not help either, the watchdog ends the worker.
"""

from collections.abc import Awaitable, Callable, Iterator, Mapping

from faust.types import TP

from .broker import committed
from .cluster import Cluster
from .watchdog import Watched


class Commits:
    """Compares what the worker has acked with what the broker knows of it.

    Args:
        cluster, group: whose offsets.
        commit: commits these offsets.
    """

    def __init__(self, cluster: Cluster, group: str, commit: Callable[[Mapping[TP, int]], Awaitable[object]]) -> None:
        self._cluster = cluster
        self._group = group
        self._commit = commit
        self._wanted: Mapping[TP, int] = {}
        self._found: Mapping[tuple[str, int], int] = {}

    async def look(self, acked: Mapping[TP, int]) -> None:
        """Ask the broker; commit again what was behind the last time already and has not been acked further since.

        `acked`: the next offset of each partition in which this process has acked anything.
        """
        found = await committed(self._cluster, self._group)
        lost = {
            tp: offset for tp, offset in acked.items() if self._wanted.get(tp) == offset and found.get(tp, 0) < offset
        }
        self._wanted, self._found = acked, found
        if lost:
            await self._commit(lost)

    def watched(self) -> Iterator[Watched]:
        """What is behind, for the watchdog."""
        for tp, offset in self._wanted.items():
            if self._found.get(tp, 0) < offset:
                yield Watched(
                    f"{tp.topic} partition {tp.partition}",
                    self._found.get(tp, 0),
                    f"offset {offset - 1} is folded, but its commit does not reach the group",
                )
