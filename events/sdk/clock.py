"""The two clocks that the SDK reads, so that a test can hold them."""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import NamedTuple


def _now() -> datetime:
    return datetime.now(UTC)


class Clock(NamedTuple):
    """`now`: the time of day, with its zone. `monotonic`: seconds that only grow, for durations."""

    now: Callable[[], datetime] = _now
    monotonic: Callable[[], float] = time.perf_counter


SYSTEM_CLOCK = Clock()
