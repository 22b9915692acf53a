"""Answers that are kept for as long as the parts are there that they were made of."""

from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable
from threading import Lock
from typing import TypeVar, cast
from uuid import UUID

T = TypeVar("T")
Contents = frozenset[UUID]
"""What tables hold, by the UUIDs of their parts: a part never changes, and none gets the UUID of another.

That is so in any database and of any server; a part's name comes back once its table was made anew (migration 0016).
"""

MOST_KEPT = 32
UNNAMED = UUID(int=0)
"""Of parts that were written before the migration: nothing is kept that is made of one."""


class Kept:
    """The MOST_KEPT answers that were wanted last. Threads may share it."""

    def __init__(self) -> None:
        self._answers: OrderedDict[Hashable, tuple[Contents, object]] = OrderedDict()
        self._lock = Lock()

    def answer(self, about: Hashable, look: Callable[[], Iterable[UUID]], ask: Callable[[], T]) -> T:
        """What `ask` answers `about` something; it is not asked while `look` finds the parts of its last answer.

        `about` says all that the answer depends on beside those parts. What was asked while parts came or went is
        not kept.
        """
        before = frozenset(look())
        with self._lock:
            contents, kept = self._answers.get(about, (None, None))
            if contents == before:
                self._answers.move_to_end(about)
                return cast("T", kept)
        found = ask()
        if UNNAMED not in before and frozenset(look()) == before:
            with self._lock:
                self._answers[about] = (before, found)
                self._answers.move_to_end(about)
                if len(self._answers) > MOST_KEPT:
                    self._answers.popitem(last=False)
        return found
