"""A stage: one `Partition` for each source partition number that this worker owns."""

import asyncio
from typing import Any, Generic

from faust.types import EventT

from .ledger import P
from .partition import Partition, Reopen, chunk_of
from .setup import StageSetup, Surroundings


class Stage(Generic[P]):
    """The partitions of a stage that this worker owns."""

    def __init__(self, setup: StageSetup[P], shared: Surroundings) -> None:
        self.name = setup.name
        self.partitions: dict[int, Partition[P]] = {}
        self._setup = setup
        self._shared = shared

    def assigned(self, numbers: set[int]) -> None:
        """The worker owns exactly these now. Kept ones read on, new ones recover first, the others are let go.

        A kept partition keeps its state: had another worker owned it meanwhile, it would have raised the fence, and the
        first write here would fail.
        """
        for number in set(self.partitions) - numbers:
            self.partitions.pop(number).revoke()
        for number in sorted(numbers):
            if number in self.partitions:
                self.partitions[number].put(Reopen())
            else:
                self.partitions[number] = Partition(self._setup, self._shared, number)

    def take(self, event: EventT[Any]) -> None:
        """Pass a chunk on to its partition; without one, it is dropped and nobody acks it."""
        partition = self.partitions.get(chunk_of(event).tp.partition)
        if partition is not None:
            partition.put(event)

    def tick(self, now_ms: int) -> None:
        """It is time for another look."""
        for partition in self.partitions.values():
            partition.tick(now_ms)

    async def stop(self) -> None:
        """Let every partition end what it is doing, and wait for that."""
        leaving = list(self.partitions.values())
        self.assigned(set())
        await asyncio.gather(*(partition.ended() for partition in leaving))
