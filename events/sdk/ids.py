"""UUID version 7: an id that sorts by the time it was made (RFC 9562, section 5.7)."""

import os
import random
import threading
import time
from collections.abc import Callable

_COUNTER_BITS = 12
_COUNTER_START_BITS = 11
_TAIL_BITS = 62
_TAIL_MASK = (1 << _TAIL_BITS) - 1
_VARIANT = 0b10 << _TAIL_BITS
_MAX_COUNTER = (1 << _COUNTER_BITS) - 1


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


class Uuid7:
    """Makes ids that only grow, from any number of threads (RFC 9562, section 6.2, method 1: a counter in rand_a).

    The counter starts at random in the lower half of its 12 bits each millisecond; where it is used up, and where the
    clock steps back, the id's time runs ahead of the clock.

    `now_ms` is Unix time in milliseconds; `random_bits(n)` gives n random bits.
    """

    def __init__(self, now_ms: Callable[[], int] = _now_ms, random_bits: Callable[[int], int] | None = None) -> None:
        self._now_ms = now_ms
        # Ids need not be secret. Seeded by the system, in each process anew: a forked one must not repeat its parent's.
        self._random_bits = random_bits or random.Random().getrandbits  # noqa: S311 - as said
        self._lock = threading.Lock()
        self._last_ms = -1
        self._counter = 0

    def __call__(self) -> str:
        """The next id, in the canonical form of 36 characters."""
        noise = self._random_bits(_COUNTER_START_BITS + _TAIL_BITS)
        start, tail = noise >> _TAIL_BITS, noise & _TAIL_MASK
        now_ms = self._now_ms()
        with self._lock:
            if now_ms > self._last_ms:
                self._last_ms, self._counter = now_ms, start
            elif self._counter < _MAX_COUNTER:
                self._counter += 1
            else:
                self._last_ms, self._counter = self._last_ms + 1, start
            head = self._last_ms << 16 | 0x7000 | self._counter
        digits = "%016x%016x" % (head, _VARIANT | tail)  # noqa: UP031 - twice as fast here
        return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


_process = Uuid7()


def uuid7() -> str:
    """A new id; within this process each is greater than the one before."""
    return _process()


def _renew() -> None:
    # The parent's lock may be held for ever in the child.
    global _process
    _process = Uuid7()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew)
