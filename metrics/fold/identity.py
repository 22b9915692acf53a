"""128-bit identities, and a compact table that numbers them: 16 B a key and 4 B a slot, no Python objects.

Two identities of 10 billion collide with a chance of 1 in 10¹⁸: they are compared as hashes.
"""

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
import xxhash

Keys = npt.NDArray[np.uint64]
"""n identities, shape (n, 2)."""
Positions = npt.NDArray[np.intp]
Flags = npt.NDArray[np.bool_]

_SMALLEST = 64
_FULL = 0.6
_GROWTH = 1.6
_REBUILT_AT_ONCE = 1 << 16
_NOTHING: Positions = np.empty(0, dtype=np.intp)


def identity(text: str, seed: int = 0) -> bytes:
    """A stable 128-bit hash, 16 bytes. `seed` keeps kinds of ids apart."""
    return xxhash.xxh3_128_digest(text.encode(), seed)


def keys(identities: Iterable[bytes] | bytes) -> Keys:
    """Identities as an array for `KeyTable`."""
    joined = identities if isinstance(identities, bytes) else b"".join(identities)
    return np.frombuffer(joined, dtype=np.uint64).reshape(-1, 2)


class KeyTable:
    """Numbers keys 0, 1, 2, … in the order of their first appearance.

    Open addressing with linear probing over 4-byte positions into a dense array of keys. The dense array grows by a
    quarter, in place where the allocator can; the slots are rebuilt from it, the old ones freed first.
    """

    def __init__(self) -> None:
        self._size = 0
        self._keys: Keys = np.empty((_SMALLEST, 2), dtype=np.uint64)
        self._slots: npt.NDArray[np.uint32] = np.zeros(int(_SMALLEST / _FULL), dtype=np.uint32)

    def __len__(self) -> int:
        return self._size

    @property
    def nbytes(self) -> int:
        """Memory of the arrays."""
        return self._keys.nbytes + self._slots.nbytes

    def key_bytes(self, positions: Positions) -> bytes:
        """The keys at these positions, 16 bytes each."""
        return self._keys[positions].tobytes()

    def everything(self) -> bytes:
        """All keys in the order of their numbers."""
        return self._keys[: self._size].tobytes()

    def admit(self, batch: Keys) -> tuple[Positions, Flags]:
        """The position of each key, and whether it appears for the first time (a repeat within `batch` does not)."""
        self._reserve(self._size + len(batch))
        base = self._size
        provisional = np.arange(base, base + len(batch))
        self._keys[base : base + len(batch)] = batch
        found, slots, claimants = self._probe(provisional)
        first = found == provisional
        # New keys get consecutive positions: close the gaps that repeats left.
        final = np.cumsum(first) - 1 + base
        self._slots[slots] = final[claimants - base] + 1
        self._size = base + int(np.count_nonzero(first))
        self._keys[base : self._size] = batch[first]
        inside = found >= base
        found[inside] = final[found[inside] - base]
        return found, first

    def _probe(self, candidates: Positions) -> tuple[Positions, Positions, Positions]:
        """Where the key of each candidate (a position) stands; and which slots were claimed by which candidates."""
        found, keys, slots = candidates.copy(), self._keys[candidates], self._home(self._keys[candidates])
        waiting = np.arange(len(candidates))
        claims: list[tuple[Positions, Positions]] = []
        while len(waiting):
            at = slots[waiting]
            free = self._slots[at] == 0
            if free.any():
                # The last of several assignments holds: backwards, so that the first claim wins.
                claiming = waiting[free][::-1]
                self._slots[slots[claiming]] = candidates[claiming] + 1
            standing = self._slots[at].astype(np.intp) - 1
            if free.any():
                mine = standing == candidates[waiting]
                claims.append((at[mine], candidates[waiting[mine]]))
            there, here = self._keys[standing], keys[waiting]
            same = (there[:, 0] == here[:, 0]) & (there[:, 1] == here[:, 1])
            found[waiting[same]] = standing[same]
            waiting = waiting[~same]
            slots[waiting] = (slots[waiting] + 1) % len(self._slots)
        claimed_slots = np.concatenate([slots for slots, _ in claims] or [_NOTHING])
        return found, claimed_slots, np.concatenate([claimants for _, claimants in claims] or [_NOTHING])

    def _home(self, batch: Keys) -> Positions:
        """The slot where a key's search begins: its upper 32 bits, scaled to the table."""
        scaled = (batch[:, 0] >> np.uint64(32)) * np.uint64(len(self._slots)) >> np.uint64(32)
        return scaled.astype(np.intp)

    def _reserve(self, size: int) -> None:
        if size > len(self._keys):
            self._keys.resize((max(size, len(self._keys) * 5 // 4), 2), refcheck=False)
        if size > _FULL * len(self._slots):
            slots = max(int(size / _FULL) + 1, int(len(self._slots) * _GROWTH))
            self._slots = np.empty(0, dtype=np.uint32)  # freed before its successor is made
            self._slots = np.zeros(slots, dtype=np.uint32)
            for begin in range(0, self._size, _REBUILT_AT_ONCE):
                self._probe(np.arange(begin, min(begin + _REBUILT_AT_ONCE, self._size)))
