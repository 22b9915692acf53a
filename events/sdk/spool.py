"""A queue on disk for the records of one topic that Kafka does not take now.

A folder holds segments, files named by time. A record is framed by its length and CRC-32, so that a torn end (a
process killed while it wrote) is seen and cut. A segment goes when all of it is delivered; a process that ends halfway
leaves it, and whoever opens the folder next delivers it first, from its beginning: repeats are duplicates by their
event_id.
A segment belongs to one process at a time (flock), so any number of processes may share the folder.
"""

import os
import struct
import sys
import zlib
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import msgspec

from .ids import uuid7
from .record import Record

CAPACITY_BYTES = 256 << 20
SEGMENT_BYTES = 8 << 20
_FRAME = struct.Struct(">II")  # bytes of the payload, their CRC-32
_SUFFIX = ".spool"

_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Record)


class Spool:
    """First in, first out; for one thread. Every method may raise OSError, and then nothing has changed.

    `capacity_bytes`: what all its files together may hold, at least 4 MiB (more than a lane's round).
    """

    def __init__(
        self,
        folder: Path,
        *,
        capacity_bytes: int = CAPACITY_BYTES,
        segment_bytes: int = SEGMENT_BYTES,
        new_name: Callable[[], str] = uuid7,
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._capacity_bytes = capacity_bytes
        self._segment_bytes = segment_bytes
        self._new_name = new_name
        self._segments = deque(_left_behind(folder))
        self._own: _Segment | None = None

    def __len__(self) -> int:
        return sum(segment.waiting for segment in self._segments)

    def append(self, records: Sequence[Record]) -> int:
        """Write records behind the others, on the disk (fsync) before this returns.

        Returns how many there was room for, counted from the first.
        """
        room = self._capacity_bytes - sum(segment.end for segment in self._segments)
        taken = 0
        frames: list[bytes] = []
        for record in records:
            payload = _encoder.encode(record)
            room -= _FRAME.size + len(payload)
            if room < 0:
                break
            frames.append(_FRAME.pack(len(payload), zlib.crc32(payload)) + payload)
            taken += 1
        if frames:
            self._writable().append(b"".join(frames), taken)
        return taken

    def peek(self, max_records: int, max_bytes: int) -> list[Record]:
        """The oldest records, up to one over `max_bytes`; they stay until `drop`."""
        if not self._segments:
            return []
        found: list[Record] = []
        size = 0
        for payload, _ in self._segments[0].unread():
            found.append(_decoder.decode(payload))
            size += len(payload)
            if len(found) >= max_records or size >= max_bytes:
                break
        return found

    def drop(self, count: int) -> None:
        """Forget the oldest `count` records: they are delivered."""
        while count and self._segments:
            segment = self._segments[0]
            count -= segment.skip(count)
            if not segment.waiting:
                self._segments.popleft()
                if segment is self._own:
                    self._own = None
                segment.remove()

    def close(self) -> None:
        """Let go of the files; what waits in them is for the next who opens the folder."""
        for segment in self._segments:
            segment.close()
        self._segments.clear()

    def _writable(self) -> "_Segment":
        if self._own is None or self._own.end >= self._segment_bytes:
            self._own = _Segment.create(self._folder / (self._new_name() + _SUFFIX))
            self._segments.append(self._own)
        return self._own


class _Segment:
    """One file: `waiting` records stand between what is read and `end`."""

    def __init__(self, path: Path, fd: int) -> None:
        self._path = path
        self._fd = fd
        self._read = 0
        self.end = 0
        self.waiting = 0

    @classmethod
    def create(cls, path: Path) -> "_Segment":
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        _take(fd)
        folder = os.open(path.parent, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
        return cls(path, fd)

    @classmethod
    def adopt(cls, path: Path) -> "_Segment | None":
        """A file that nobody owns any more; None where somebody does, or where nothing is in it."""
        try:
            fd = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        except FileNotFoundError:
            return None
        segment = cls(path, fd)
        if not _take(fd) or not os.fstat(fd).st_nlink:
            segment.close()
            return None
        segment.end = os.fstat(fd).st_size
        segment.waiting = sum(1 for _ in segment.unread())
        segment.end = segment._whole()
        os.ftruncate(fd, segment.end)
        if not segment.waiting:
            segment.remove()
            return None
        return segment

    def append(self, frames: bytes, count: int) -> None:
        try:
            written = 0
            while written < len(frames):
                written += os.pwrite(self._fd, frames[written:], self.end + written)
            os.fsync(self._fd)
        except OSError:
            os.ftruncate(self._fd, self.end)
            raise
        self.end += written
        self.waiting += count

    def unread(self) -> Iterator[tuple[bytes, int]]:
        """Payload and next position of each whole record."""
        position = self._read
        while position + _FRAME.size <= self.end:
            size, checksum = _FRAME.unpack(os.pread(self._fd, _FRAME.size, position))
            position += _FRAME.size + size
            if not size or position > self.end:  # a crash may leave zeros, which would pass for empty records
                return
            payload = os.pread(self._fd, size, position - size)
            if zlib.crc32(payload) != checksum:
                return
            yield payload, position

    def skip(self, count: int) -> int:
        """Move past up to `count` records; returns how many there were."""
        skipped = 0
        for _, position in self.unread():
            if skipped == count:
                break
            self._read = position
            skipped += 1
        self.waiting -= skipped
        return skipped

    def remove(self) -> None:
        self._path.unlink(missing_ok=True)
        self.close()

    def close(self) -> None:
        os.close(self._fd)

    def _whole(self) -> int:
        return max((position for _, position in self.unread()), default=self._read)


def _left_behind(folder: Path) -> Iterator[_Segment]:
    for path in sorted(folder.glob("*" + _SUFFIX)):
        segment = _Segment.adopt(path)
        if segment is not None:
            yield segment


def _take(fd: int) -> bool:
    """Lock the file; False where another process has it. On Windows nothing locks: one process a folder there."""
    if sys.platform != "win32":
        import fcntl

        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
    return True
