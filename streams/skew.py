"""Whether this machine's clock and the broker's agree: told by records that arrive while one waits for them."""

from collections import deque

from faust.types import TP

_TIMES = 16


class ClockCheck:
    """A record that comes to a partition that had been read to its end was stamped by the broker after that and before
    now. Where our clock says otherwise, the clocks differ.

    A busy process hears of the end too late, which looks like a clock that is ahead; hence the least of several times.
    """

    def __init__(self) -> None:
        self._found_ms: deque[int] = deque(maxlen=_TIMES)
        self._read_to_end_ms: dict[TP, int] = {}

    @property
    def ahead_ms(self) -> int | None:
        """How far this machine's clock is ahead of the broker's, at least (negative: behind); None until known."""
        return min(self._found_ms, key=abs, default=None)

    def read_to_end(self, tp: TP, at_ms: int) -> None:
        """All that the partition held at `at_ms`, by our clock, is read."""
        self._read_to_end_ms[tp] = at_ms

    def arrived(self, tp: TP, stamped_ms: int, now_ms: int) -> None:
        """The next record of the partition is here; the broker stamped it (LogAppendTime)."""
        since_ms = self._read_to_end_ms.pop(tp, None)
        if since_ms is not None:
            self._found_ms.append(min(0, now_ms - stamped_ms) or max(0, since_ms - stamped_ms))
