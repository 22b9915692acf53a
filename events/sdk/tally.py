"""What a publisher could not take as it was given: counted, and said in the log."""

from .complaints import Complaints


class Tally:
    """`dropped` events never leave; `mended` ones left without a field that they could not hold."""

    def __init__(self, complain: Complaints) -> None:
        self._complain = complain
        self.dropped = 0
        self.mended = 0

    def drop(self, problem: str) -> None:
        """An event is lost."""
        self.dropped += 1
        self._complain("dropped", "an event is dropped: %s", problem)

    def mend(self, problem: str) -> None:
        """A field is left out."""
        self.mended += 1
        self._complain("mended", "a tracked call is published without a field: %s", problem)
