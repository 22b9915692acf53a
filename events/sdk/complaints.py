"""Warnings that may come by the thousand."""

import logging
import threading
from collections.abc import Callable

EVERY_S = 10.0


class Complaints:
    """Logs a warning of each kind at most every 10 s, saying how many it kept back. From any thread."""

    def __init__(self, log: logging.Logger, monotonic: Callable[[], float]) -> None:
        self._log = log
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._seen: dict[str, tuple[float, int]] = {}

    def __call__(self, kind: str, message: str, *args: object) -> None:
        """Log `message % args`, or count it where one of its `kind` was logged a moment ago."""
        now = self._monotonic()
        with self._lock:
            last, held_back = self._seen.get(kind, (now - EVERY_S, 0))
            if now - last < EVERY_S:
                self._seen[kind] = (last, held_back + 1)
                return
            self._seen[kind] = (now, 0)
        more = f" ({held_back} more like it since the last such line)" if held_back else ""
        self._log.warning(message + "%s", *args, more)
