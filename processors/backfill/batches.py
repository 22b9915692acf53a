"""Which batch of its tier an image belongs to: batches are filled one after the other, also across restarts."""

from collections import Counter


class Batches:
    """The batches of one tier, of `size` images each. `prefix`: what their ids begin with."""

    def __init__(self, prefix: str, size: int) -> None:
        self._prefix = prefix
        self._size = size
        self._filled: Counter[str] = Counter()
        self._number = 1

    def take(self) -> str:
        """The id of the first batch that has room, whose room is one less now."""
        while self._filled[name := f"{self._prefix}-batch-{self._number:03d}"] >= self._size:
            self._number += 1
        self._filled[name] += 1
        return name

    def remember(self, batch_id: str) -> None:
        """An image was in this batch before."""
        self._filled[batch_id] += 1
