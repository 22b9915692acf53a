import pytest

from streams.errors import Stalled
from streams.watchdog import Watchdog, Watched


def test_work_without_progress_ends_the_worker_after_its_patience() -> None:
    watched = [Watched("combine partition 1", 5, "results has records that are not applied")]
    dog = Watchdog(lambda: watched, patience_ms=30_000)
    dog.look(0)
    dog.look(30_000)
    with pytest.raises(Stalled, match="combine partition 1: results has records that are not applied"):
        dog.look(30_001)


def test_progress_or_having_nothing_to_do_starts_the_patience_anew() -> None:
    watched = [Watched("a", 5, "work")]
    dog = Watchdog(lambda: watched, patience_ms=30_000)
    dog.look(0)
    watched[0] = Watched("a", 6, "work")
    dog.look(29_000)
    dog.look(58_000)
    watched[0] = Watched("a", 6, None)
    dog.look(59_000)
    watched[0] = Watched("a", 6, "work")
    dog.look(60_000)
    dog.look(90_000)
    with pytest.raises(Stalled):
        dog.look(90_001)
