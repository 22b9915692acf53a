"""What became of each subject, exactly: processed, failed, complete at a tier, reprocessed (DESIGN.md 4.3, Processed).

A subject's state is 9 bytes: a nibble a tier and one byte for the whole plan.

    nibble   bit 3 seen at the tier, bit 2 its latest result there failed,
             bits 0-1: 0 nothing yet, 1 partial, 2 one success, 3 more than one
    byte     bit 0 seen, 1 processed, 2 latest result failed, 3 reprocessed, bits 4-6 band (0: never scored)

Every transition is looked up in a table that is made once from these rules. In the rows of buckets a subject counts
where it became processed, or complete, or reprocessed; `failed_subjects` can go back and is kept for the run alone.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from .bands import BANDS
from .identity import Keys, KeyTable, Positions, keys
from .segment import SUBJECT_BYTES

STATUSES = {"success": 0, "partial": 1, "failed": 2}
BAND_CODES = {name: code for code, (name, _) in enumerate(BANDS, start=1)}
"""0 stands for a subject that was never scored."""

_SEEN, _PROCESSED, _FAILED, _REPROCESSED = 1, 2, 4, 8
_BAND_SHIFT = 4
_TIER_SEEN, _TIER_FAILED = 8, 4
_ENTRY = np.dtype([("key", np.uint64, (2,)), ("tiers", np.uint64), ("whole", np.uint8)])
if _ENTRY.itemsize != SUBJECT_BYTES:
    raise AssertionError("the stored form of a subject has changed its size")

Bytes = npt.NDArray[np.uint8]
Changes = npt.NDArray[np.int64]
"""Shape (n, 4): added subjects, processed (or complete), failed and reprocessed ones; each 1, 0 or minus 1."""
_Change = tuple[int, int, int, int]


class Outcomes(NamedTuple):
    """Results in the order of their offsets: tier, status code, whether the plan is done, band code (0 unscored)."""

    tiers: npt.NDArray[np.uint64]
    statuses: npt.NDArray[np.intp]
    final: npt.NDArray[np.bool_]
    bands: Bytes


class Moves(NamedTuple):
    """What each result changed for its run and for its tier; `bands`: what each band code gained in subjects."""

    whole: Changes
    tier: Changes
    bands: list[int]
    entries: bytes


def _tier_step(state: int, status: int) -> tuple[int, _Change]:
    level, seen, failed = state & 3, bool(state & _TIER_SEEN), bool(state & _TIER_FAILED)
    new_level = (min(max(level, 1) + 1, 3), max(level, 1), level)[status]
    now_failed = status == STATUSES["failed"]
    new_state = _TIER_SEEN | _TIER_FAILED * now_failed | new_level
    return new_state, (not seen, (new_level > 0) - (level > 0), now_failed - failed, (new_level == 3) - (level == 3))


def _whole_step(state: int, status: int, final: bool) -> tuple[int, _Change]:
    now_failed = status == STATUSES["failed"]
    processed = bool(state & _PROCESSED) or (final and not now_failed)
    new_state = _SEEN | _PROCESSED * processed | _FAILED * now_failed | state & _REPROCESSED
    change = (not state & _SEEN, processed - bool(state & _PROCESSED), now_failed - bool(state & _FAILED))
    return new_state, (*change, 0)  # whether it became reprocessed follows from the tier's step


def _tables(
    step: Callable[[int, int], tuple[int, _Change]], kinds: int
) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.int64]]:
    """(kind, state) → new state, and → change."""
    steps = [[step(state, kind) for state in range(16)] for kind in range(kinds)]
    states = [[new_state for new_state, _ in row] for row in steps]
    changes = [[change for _, change in row] for row in steps]
    return np.array(states, dtype=np.uint64), np.array(changes, dtype=np.int64)


_TIER_STATES, _TIER_CHANGES = _tables(_tier_step, 3)
_WHOLE_STATES, _WHOLE_CHANGES = _tables(lambda state, kind: _whole_step(state, kind // 2, kind % 2 == 1), 6)


class Subjects:
    """The subjects of one run in one source partition: a numbered table of identities and two arrays of states."""

    def __init__(self) -> None:
        self._table = KeyTable()
        self._tiers: npt.NDArray[np.uint64] = np.zeros(0, dtype=np.uint64)
        self._whole: Bytes = np.zeros(0, dtype=np.uint8)

    def __len__(self) -> int:
        return len(self._table)

    @property
    def nbytes(self) -> int:
        """Memory of the arrays."""
        return self._table.nbytes + self._tiers.nbytes + self._whole.nbytes

    def take(self, subjects: Keys, outcomes: Outcomes) -> Moves:
        """Folds results, each of the subject at the same place; `Moves.entries` are the states for the ledger."""
        positions, _ = self._table.admit(subjects)
        self._reserve()
        moves = Moves(
            np.zeros((len(subjects), 4), dtype=np.int64),
            np.zeros((len(subjects), 4), dtype=np.int64),
            [0] * (len(BAND_CODES) + 1),
            b"",
        )
        for turn in _turns(positions):
            self._step(turn, positions[turn], outcomes, moves)
        return moves._replace(entries=self._entries(np.unique(positions)))

    def everything(self) -> bytes:
        """The states of all subjects, for the ledger."""
        return self._entries(np.arange(len(self._table)))

    def restore(self, stored: bytes) -> None:
        """Takes the entries of a segment; the later of two for a subject holds."""
        entries = np.frombuffer(stored, dtype=_ENTRY)
        positions, _ = self._table.admit(np.ascontiguousarray(entries["key"]))
        self._reserve()
        self._tiers[positions] = entries["tiers"]
        self._whole[positions] = entries["whole"]

    def _step(self, turn: Positions, at: Positions, outcomes: Outcomes, moves: Moves) -> None:
        """Folds one result each of distinct subjects."""
        statuses, bands = outcomes.statuses[turn], outcomes.bands[turn]
        shifts = outcomes.tiers[turn] * np.uint64(4)
        tier = (self._tiers[at] >> shifts) & np.uint64(15)
        index = tier.astype(np.intp)
        self._tiers[at] ^= (tier ^ _TIER_STATES[statuses, index]) << shifts
        tier_changes = _TIER_CHANGES[statuses, index]
        whole = self._whole[at]
        kinds = statuses * 2 + outcomes.final[turn]
        changes = _WHOLE_CHANGES[kinds, whole & 15]
        again = (tier_changes[:, 3] > 0) & (whole & _REPROCESSED == 0)
        changes[:, 3] = again
        new_whole = _WHOLE_STATES[kinds, whole & 15].astype(np.uint8) | again * np.uint8(_REPROCESSED)
        old_bands = whole >> _BAND_SHIFT
        new_bands = np.where(bands > 0, bands, old_bands)
        self._whole[at] = new_whole | new_bands << _BAND_SHIFT
        moves.whole[turn], moves.tier[turn] = changes, tier_changes
        for code in range(1, len(moves.bands)):
            moves.bands[code] += int(np.count_nonzero(new_bands == code) - np.count_nonzero(old_bands == code))

    def _entries(self, positions: Positions) -> bytes:
        entries = np.empty(len(positions), dtype=_ENTRY)
        entries["key"] = keys(self._table.key_bytes(positions))
        entries["tiers"], entries["whole"] = self._tiers[positions], self._whole[positions]
        return entries.tobytes()

    def _reserve(self) -> None:
        needed = len(self._table)
        if needed > len(self._tiers):
            self._tiers.resize(max(needed, len(self._tiers) * 5 // 4), refcheck=False)
            self._whole.resize(len(self._tiers), refcheck=False)


def _turns(positions: Positions) -> list[Positions]:
    """The results in turns in which no subject comes twice: the first of each, the second of each, …"""
    if not len(positions):
        return []
    order = np.argsort(positions, kind="stable")
    grouped = positions[order]
    starts = np.flatnonzero(np.concatenate(([True], grouped[1:] != grouped[:-1])))
    lengths = np.diff(np.append(starts, len(grouped)))
    nth = np.arange(len(grouped)) - np.repeat(starts, lengths)
    by_turn = order[np.argsort(nth, kind="stable")]
    return np.split(by_turn, np.cumsum(np.bincount(nth))[:-1])
