"""The one place of this package that knows what time it is (DESIGN.md 5.6: at the edge, once a second)."""

import time
from collections.abc import Callable

Clock = Callable[[], int]
"""Milliseconds since 1970."""


def system_clock() -> int:
    """The machine's own clock."""
    return time.time_ns() // 1_000_000
