"""What became of each subject, exactly: processed, failed, complete at a tier, reprocessed (DESIGN.md 4.3, Processed).

A subject's state is 9 bytes: a nibble a tier and one byte for the whole plan.

    nibble   bit 3 seen at the tier, bit 2 its latest result there failed,
             bits 0-1: 0 nothing yet, 1 partial, 2 one success, 3 more than one
    byte     bit 0 seen, 1 processed, 2 latest result failed, 3 reprocessed, bits 4-6 band (0: never scored)

Every transition is looked up in a table that is made once from these rules. In the rows of buckets a subject counts
where it became processed, or complete, or reprocessed; `failed_subjects` can go back and is kept for the run alone.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from .context import BANDS
from .identity import KeyTable, Positions, keys
from .segment import SUBJECT_BYTES

_SEEN, _PROCESSED, _FAILED, _REPROCESSED = 1, 2, 4, 8
_BAND_SHIFT = 4
_TIER_SEEN, _TIER_FAILED = 8, 4
_STATUSES = ("success", "partial", "failed")

Change = tuple[int, int, int, int]
"""Added subjects, processed (or complete), failed and reprocessed ones: 1, 0 or minus 1 each."""

_ENTRY = np.dtype([("key", np.uint64, (2,)), ("tiers", np.uint64), ("whole", np.uint8)])
if _ENTRY.itemsize != SUBJECT_BYTES:
    raise AssertionError("the stored form of a subject has changed its size")


def _tier_step(state: int, status: str) -> tuple[int, Change]:
    level, seen, failed = state & 3, state >= _TIER_SEEN, bool(state & _TIER_FAILED)
    new_level = level
    if status == "success":
        new_level = min(max(level, 1) + 1, 3)
    elif status == "partial":
        new_level = max(level, 1)
    now_failed = status == "failed"
    new_state = _TIER_SEEN | _TIER_FAILED * now_failed | new_level
    change = (int(not seen), int(new_level > 0) - int(level > 0), now_failed - failed, (new_level == 3) - (level == 3))
    return new_state, change


def _whole_step(state: int, status: str, final: bool) -> tuple[int, Change]:
    processed = bool(state & _PROCESSED) or (final and status != "failed")
    failed = status == "failed"
    new_state = _SEEN | _PROCESSED * processed | _FAILED * failed | state & _REPROCESSED
    change = (
        int(not state & _SEEN),
        processed - bool(state & _PROCESSED),
        failed - bool(state & _FAILED),
        0,  # follows from the tier's step
    )
    return new_state, change


TIER_STEPS = {status: tuple(_tier_step(state, status) for state in range(16)) for status in _STATUSES}
WHOLE_STEPS = {
    (status, final): tuple(_whole_step(state, status, final) for state in range(16))
    for status in _STATUSES
    for final in (False, True)
}
BAND_CODES = {name: code for code, (name, _) in enumerate(BANDS, start=1)}
BAND_NAMES = {code: name for name, code in BAND_CODES.items()}


class Step(NamedTuple):
    """What a result changed: of the whole plan, of its tier, and the band that its subject left and entered."""

    whole: Change
    tier: Change
    left_band: str | None
    entered_band: str | None


class Subjects:
    """The subjects of one run in one source partition: a numbered table of identities and two arrays of states."""

    def __init__(self) -> None:
        self._table = KeyTable()
        self._tiers: npt.NDArray[np.uint64] = np.zeros(0, dtype=np.uint64)
        self._whole: npt.NDArray[np.uint8] = np.zeros(0, dtype=np.uint8)
        self._positions: list[int] = []
        self._states: dict[int, list[int]] = {}

    def __len__(self) -> int:
        return len(self._table)

    def load(self, identities: list[bytes]) -> None:
        """Prepares for `step`: the identities of the subjects of the results that follow, in their order."""
        positions, _ = self._table.admit(keys(identities))
        self._reserve()
        self._positions = positions.tolist()
        touched = np.unique(positions)
        tiers, whole = self._tiers[touched].tolist(), self._whole[touched].tolist()
        self._states = {at: [t, w] for at, t, w in zip(touched.tolist(), tiers, whole, strict=True)}

    def step(self, nth: int, status: str, final: bool, tier: int, band: str | None) -> Step:
        """Takes the result of the `nth` identity loaded; returns what it changed."""
        state = self._states[self._positions[nth]]
        shift = tier * 4
        old_tier = state[0] >> shift & 15
        new_tier, tier_change = TIER_STEPS[status][old_tier]
        state[0] ^= (old_tier ^ new_tier) << shift
        whole = state[1]
        new_whole, change = WHOLE_STEPS[status, final][whole & 15]
        if tier_change[3] and not whole & _REPROCESSED:
            new_whole |= _REPROCESSED
            change = (*change[:3], 1)
        old_band = whole >> _BAND_SHIFT
        new_band = BAND_CODES[band] if band is not None else old_band
        state[1] = new_whole | new_band << _BAND_SHIFT
        if old_band == new_band:
            return Step(change, tier_change, None, None)
        return Step(change, tier_change, BAND_NAMES.get(old_band), BAND_NAMES[new_band])

    def store(self) -> bytes:
        """Keeps what the steps since `load` made of the states; returns the entries for the ledger."""
        touched = np.fromiter(self._states, dtype=np.intp, count=len(self._states))
        entries = np.empty(len(touched), dtype=_ENTRY)
        entries["key"] = keys(self._table.key_bytes(touched))
        entries["tiers"] = [state[0] for state in self._states.values()]
        entries["whole"] = [state[1] for state in self._states.values()]
        self._put(touched, entries)
        self._states = {}
        return entries.tobytes()

    def restore(self, stored: bytes) -> None:
        """Takes the entries of a segment; the later of two for a subject holds."""
        entries = np.frombuffer(stored, dtype=_ENTRY)
        positions, _ = self._table.admit(np.ascontiguousarray(entries["key"]))
        self._reserve()
        self._put(positions, entries)

    def _put(self, positions: Positions, entries: npt.NDArray[np.void]) -> None:
        self._tiers[positions] = entries["tiers"]
        self._whole[positions] = entries["whole"]

    def _reserve(self) -> None:
        needed = len(self._table)
        if needed > len(self._tiers):
            self._tiers.resize(max(needed, len(self._tiers) * 5 // 4), refcheck=False)
            self._whole.resize(len(self._tiers), refcheck=False)
