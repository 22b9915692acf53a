"""ClickHouse's own compression of bodies (`compress=1`, `decompress=1`), which its JDBC driver uses.

A block is the CityHash128 (version 1.0.2) of what follows it, a byte for the method, its size from that byte on and its
plain size (UInt32, little-endian), and the data in LZ4 block format.
"""

import struct

import cramjam
from clickhouse_cityhash.cityhash import CityHash128

from servers.errors import QueryError

_HASH = struct.Struct("<QQ")
_HEADER = struct.Struct("<BII")
_LZ4, _NONE = 0x82, 0x02
_BLOCK_BYTES = 2**20
_MAX_BLOCK_BYTES = 2**30


def _hash_of(data: bytes) -> bytes:
    number = CityHash128(data)
    return _HASH.pack(number >> 64, number & (2**64 - 1))


class BlockEncoder:
    """A streaming compressor to blocks."""

    def __init__(self) -> None:
        self._blocks: list[bytes] = []

    def compress(self, data: bytes) -> None:
        """Take bytes in."""
        for start in range(0, len(data), _BLOCK_BYTES):
            plain = data[start : start + _BLOCK_BYTES]
            packed = bytes(cramjam.lz4.compress_block(plain, store_size=False))
            block = _HEADER.pack(_LZ4, len(packed) + _HEADER.size, len(plain)) + packed
            self._blocks.append(_hash_of(block) + block)

    def flush(self) -> bytes:
        """What is ready."""
        ready, self._blocks = b"".join(self._blocks), []
        return ready

    def finish(self) -> bytes:
        """The rest."""
        return self.flush()


class BlockDecoder:
    """Takes blocks apart as they arrive."""

    def __init__(self) -> None:
        self._held = bytearray()

    def decode(self, data: bytes) -> bytes:
        """The plain bytes of the blocks that `data` completes."""
        self._held += data
        parts = []
        while len(self._held) >= _HASH.size + _HEADER.size:
            method, packed_size, plain_size = _HEADER.unpack_from(self._held, _HASH.size)
            if method not in {_LZ4, _NONE} or max(packed_size, plain_size) > _MAX_BLOCK_BYTES:
                message = f"Block of method {method:#x} and {plain_size} bytes; LZ4 up to 1 GiB is read here"
                raise QueryError.named(89, "UNKNOWN_COMPRESSION_METHOD", message)
            end = _HASH.size + packed_size
            if len(self._held) < end:
                break
            block = bytes(self._held[_HASH.size : end])
            if _hash_of(block) != self._held[: _HASH.size]:
                raise QueryError.named(40, "CHECKSUM_DOESNT_MATCH", "Checksum of a compressed block does not match")
            del self._held[:end]
            packed = block[_HEADER.size :]
            parts.append(packed if method == _NONE else _unpacked(packed, plain_size))
        return b"".join(parts)

    def finish(self) -> bytes:
        """Nothing is left; a body cut short is refused."""
        if self._held:
            raise QueryError.named(271, "CANNOT_DECOMPRESS", "The compressed body ends within a block")
        return b""


def _unpacked(packed: bytes, plain_size: int) -> bytes:
    try:
        return bytes(cramjam.lz4.decompress_block(packed, output_len=plain_size))
    except cramjam.DecompressionError as error:
        raise QueryError.named(271, "CANNOT_DECOMPRESS", f"A compressed block is broken: {error}") from None
