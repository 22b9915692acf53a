"""No progress while there is work: say why, end (DESIGN.md 5.10). The supervisor starts the worker again.

Commits say nothing here (they read "all done" on runs that were wrong): what can be read and is not applied counts.
"""

from collections.abc import Callable, Iterable
from typing import NamedTuple

from .errors import Stalled

PATIENCE_MS = 30_000


class Watched(NamedTuple):
    """A partition of a stage: `progress` grows with whatever it gets done, `waits` says what is left, if anything."""

    name: str
    progress: int
    waits: str | None


class Watchdog:
    """Looks at the partitions now and then.

    Args:
        watch: what there is to watch now.
        patience_ms: how long one may have work and get nothing done.
    """

    def __init__(self, watch: Callable[[], Iterable[Watched]], patience_ms: int = PATIENCE_MS) -> None:
        self._watch = watch
        self._patience_ms = patience_ms
        self._since: dict[str, tuple[int, int]] = {}

    def look(self, now_ms: int) -> None:
        """Raises Stalled if a partition has had work for too long without progress. `now_ms` is of a steady clock."""
        since: dict[str, tuple[int, int]] = {}
        for name, progress, waits in self._watch():
            if waits is None:
                continue
            before, when_ms = self._since.get(name, (progress, now_ms))
            since[name] = (progress, when_ms if before == progress else now_ms)
            if now_ms - since[name][1] > self._patience_ms:
                raise Stalled(f"{name}: {waits}, and nothing moved for {self._patience_ms // 1000} s; starting anew")
        self._since = since
