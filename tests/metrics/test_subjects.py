"""Transitions of one subject, step by step; (subjects, processed, failed, reprocessed) as each result adds to them."""

import numpy as np
import pytest

from metrics.fold.bands import band
from metrics.fold.identity import identity, keys
from metrics.fold.subjects import BAND_CODES, STATUSES, Moves, Outcomes, Subjects, _turns


def take(subjects: Subjects, *results: tuple[str, int, str, bool, str | None]) -> Moves:
    """Results as (subject, tier, status, final, band)."""
    return subjects.take(
        keys([identity(subject) for subject, *_ in results]),
        Outcomes(
            np.array([tier for _, tier, *_ in results], dtype=np.uint64),
            np.array([STATUSES[status] for _, _, status, *_ in results], dtype=np.intp),
            np.array([final for *_, final, _ in results], dtype=np.bool_),
            np.array([BAND_CODES[band] if band else 0 for *_, band in results], dtype=np.uint8),
        ),
    )


def test_a_subject_is_reprocessed_once_however_many_tiers_did_it_again() -> None:
    again = [("a", tier, "success", False, None) for tier in (1, 1, 1, 15, 15)]
    moves = take(Subjects(), *again)
    assert moves.whole[:, 3].tolist() == [0, 1, 0, 0, 0]
    assert moves.tier[:, 3].tolist() == [0, 1, 0, 0, 1]
    separate = Subjects()
    assert [take(separate, result).whole[0, 3] for result in again] == [0, 1, 0, 0, 0]


def test_processed_stays_and_failed_is_the_latest_word() -> None:
    moves = take(
        Subjects(),
        ("a", 1, "failed", True, None),
        ("a", 1, "success", False, None),
        ("a", 1, "partial", True, None),
        ("a", 2, "failed", True, None),
        ("b", 1, "success", True, None),
    )
    assert moves.whole.tolist() == [[1, 0, 1, 0], [0, 0, -1, 0], [0, 1, 0, 0], [0, 0, 1, 0], [1, 1, 0, 0]]
    assert moves.tier.tolist() == [[1, 0, 1, 0], [0, 1, -1, 0], [0, 0, 0, 0], [1, 0, 1, 0], [1, 1, 0, 0]]


def test_a_partial_is_no_success_to_repeat() -> None:
    results = [("a", 3, status, True, None) for status in ("partial", "success", "partial", "success")]
    assert take(Subjects(), *results).whole[:, 3].tolist() == [0, 0, 0, 1]


def test_a_subject_is_in_the_band_of_its_latest_scored_result() -> None:
    subjects = Subjects()
    rich, poor = BAND_CODES["rich"], BAND_CODES["poor"]
    moves = take(subjects, ("a", 1, "success", True, "poor"), ("b", 1, "success", True, "poor"))
    assert moves.bands[poor] == 2
    assert not any(take(subjects, ("a", 1, "failed", True, None)).bands)
    moves = take(subjects, ("a", 1, "failed", True, None), ("a", 1, "failed", True, "rich"))
    assert (moves.bands[poor], moves.bands[rich]) == (-1, 1)


@pytest.mark.parametrize(
    ("score", "name"),
    [
        (100, "rich"),
        (60, "rich"),
        (59.9, "good"),
        (30, "good"),
        (29.9, "medium"),
        (10, "medium"),
        (9.9, "poor"),
        (0, "poor"),
    ],
)
def test_a_band_begins_at_its_lowest_score(score: float, name: str) -> None:
    assert band(score) == name


def test_states_go_on_from_what_was_stored() -> None:
    stored, through = Subjects(), Subjects()
    first = [("a", 1, "success", True, "good"), ("b", 2, "failed", True, None)]
    then = [("b", 2, "success", True, "poor"), ("a", 1, "success", True, "poor"), ("c", 1, "partial", True, None)]
    entries = take(through, *first).entries
    stored.restore(entries)
    one, other = take(stored, *then), take(through, *then)
    assert one.whole.tolist() == other.whole.tolist()
    assert one.tier.tolist() == other.tier.tolist()
    assert (one.bands, one.entries) == (other.bands, other.entries)
    assert len(stored) == 3


def test_results_of_distinct_subjects_share_a_turn() -> None:
    """A turn for each result would give the same states, a hundred times slower."""
    assert [turn.tolist() for turn in _turns(np.array([5, 5, 7, 5, 9]))] == [[0, 2, 4], [1], [3]]


def test_a_subject_takes_forty_bytes_at_most() -> None:
    """DESIGN.md 7, memory of a worker."""
    subjects = Subjects()
    for begin in range(0, 20_000, 500):
        take(subjects, *((f"s{n}", 1, "success", True, None) for n in range(begin, begin + 500)))
        assert subjects.nbytes <= 43 * len(subjects)  # where the arrays have just grown
    assert 25 * len(subjects) <= subjects.nbytes <= 40 * len(subjects)
    few = Subjects()
    take(few, *((f"s{n}", 1, "success", True, None) for n in range(600)))
    assert few.nbytes == 600 * (16 + 8 + 1) + 4 * 1_001  # identity, tiers, whole plan; slots that are 60 % full
