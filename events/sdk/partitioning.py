"""Which partition a key goes to: murmur2, as Kafka's own client (org.apache.kafka.common.utils.Utils.murmur2).

aiokafka's is the same function five times slower, and this one runs beside the caller's work.
"""

import random
import struct

_SEED = 0x9747B28C
_M = 0x5BD1E995
_MASK = 0xFFFFFFFF


def murmur2(data: bytes) -> int:
    """The hash, as an unsigned 32-bit integer."""
    whole = len(data) // 4
    h = _SEED ^ len(data)
    for k in struct.unpack_from(f"<{whole}I", data):
        k = k * _M & _MASK
        h = (h * _M ^ (k ^ k >> 24) * _M) & _MASK
    rest = data[4 * whole :]
    if rest:
        h = (h ^ int.from_bytes(rest, "little")) * _M & _MASK
    h = (h ^ h >> 13) * _M & _MASK
    return h ^ h >> 15


def partition_of(key: bytes | None, partitions: list[int]) -> int:
    """One of `partitions` (all of the topic's, sorted); any of them where there is no key."""
    if key is None:
        return random.choice(partitions)  # noqa: S311 - only to spread the load
    return partitions[(murmur2(key) & 0x7FFFFFFF) % len(partitions)]
