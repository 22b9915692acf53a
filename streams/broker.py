"""What a broker says of itself and its logs, for whoever looks after it."""

import asyncio
import time
from collections.abc import Iterable

from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.client import AIOKafkaClient
from aiokafka.errors import GroupCoordinatorNotAvailableError, KafkaError
from aiokafka.protocol.admin import ApiVersionRequest
from aiokafka.structs import OffsetAndMetadata

from .cluster import Cluster
from .errors import KafkaUnreachable
from .recovery import started

_PATIENCE_S, _PAUSE_S = 5.0, 0.2
_FETCH, _METADATA = 1, 3
_TOPIC_IDS = 12  # the version of Metadata that the worker asks for ids with
_FETCH_4_0 = 4  # Kafka 4.0 has dropped the versions before


async def version(cluster: Cluster) -> tuple[str, bool]:
    """The broker's version as far as it can be told from the requests it takes, and whether the worker can use it.

    Raises:
        KafkaUnreachable: no broker answers.
    """
    client = AIOKafkaClient(bootstrap_servers=cluster.bootstrap, **cluster.security)
    try:
        await client.bootstrap()
        answer = await client.send(client.get_random_node(), ApiVersionRequest())
    except (KafkaError, OSError, ValueError) as error:
        raise KafkaUnreachable(cluster.bootstrap, error) from error
    finally:
        await client.close()
    takes = {key: (least, most) for key, least, most in answer.api_versions}
    least, most = takes[_FETCH]
    age = "4.0 or newer" if least >= _FETCH_4_0 else "older than 4.0"
    return f"{age} (Fetch {least}-{most})", takes[_METADATA][1] >= _TOPIC_IDS


async def ends(cluster: Cluster, partitions: Iterable[tuple[str, int]]) -> dict[tuple[str, int], int]:
    """The offset that the next record of each (full topic, partition) will have.

    Raises:
        KafkaError: the broker does not say, or has no such partition.
    """
    wanted = [TopicPartition(*partition) for partition in partitions]
    if not wanted:
        return {}
    async with started(reader := cluster.reader()):
        found = await reader.end_offsets(wanted)
    return {(partition.topic, partition.partition): int(offset) for partition, offset in found.items()}


async def _group_offsets(admin: AIOKafkaAdminClient, group: str) -> dict[TopicPartition, OffsetAndMetadata]:
    """The first group that a new broker is asked for makes it set up its groups, which takes a moment."""
    deadline = time.monotonic() + _PATIENCE_S
    while True:
        try:
            found: dict[TopicPartition, OffsetAndMetadata] = await admin.list_consumer_group_offsets(group)
        except GroupCoordinatorNotAvailableError:
            if time.monotonic() > deadline:
                raise
            await asyncio.sleep(_PAUSE_S)
        else:
            return found


async def committed(cluster: Cluster, group: str) -> dict[tuple[str, int], int]:
    """The offset of each (full topic, partition) that a consumer group would read next; without a commit: left out.

    Raises:
        KafkaError: the broker does not say.
    """
    admin = AIOKafkaAdminClient(bootstrap_servers=cluster.bootstrap, **cluster.security)
    try:
        await admin.start()
        found = await _group_offsets(admin, group)
    finally:
        await admin.close()
    return {(at.topic, at.partition): int(known.offset) for at, known in found.items() if known.offset >= 0}
