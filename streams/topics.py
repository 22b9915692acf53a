"""Topics as the cluster knows them: partitions, and the id that a topic made again under its old name does not share.

aiokafka 0.14 speaks Metadata up to version 5, ids came with version 10; the request is spelled out here.
"""

import asyncio
from collections.abc import Iterable
from io import BytesIO
from typing import ClassVar, NamedTuple
from uuid import UUID

from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaError
from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.types import (
    AbstractType,
    Boolean,
    CompactArray,
    CompactString,
    Int16,
    Int32,
    Schema,
    TaggedFields,
)

from events.topics import COPARTITIONED, Name

from .cluster import Cluster
from .errors import KafkaUnreachable, TopicsMissing

_CONNECT_S = 10.0
_USED: tuple[Name, ...] = (*COPARTITIONED, "metrics", "dlq")


class KnownTopic(NamedTuple):
    """`id`: the topic's UUID as text; `partitions`: how many."""

    id: str
    partitions: int


class _Uuid(AbstractType):  # type: ignore[misc]  # aiokafka ships no types, here and below
    @classmethod
    def encode(cls, value: UUID) -> bytes:
        return value.bytes

    @classmethod
    def decode(cls, data: BytesIO) -> UUID:
        return UUID(bytes=data.read(16))


class _MetadataResponse(Response):  # type: ignore[misc]
    API_KEY = 3
    API_VERSION = 12
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        (
            "brokers",
            CompactArray(
                ("node_id", Int32),
                ("host", CompactString("utf-8")),
                ("port", Int32),
                ("rack", CompactString("utf-8")),
                ("tags", TaggedFields),
            ),
        ),
        ("cluster_id", CompactString("utf-8")),
        ("controller_id", Int32),
        (
            "topics",
            CompactArray(
                ("error_code", Int16),
                ("name", CompactString("utf-8")),
                ("topic_id", _Uuid),
                ("is_internal", Boolean),
                (
                    "partitions",
                    CompactArray(
                        ("error_code", Int16),
                        ("partition_index", Int32),
                        ("leader_id", Int32),
                        ("leader_epoch", Int32),
                        ("replica_nodes", CompactArray(Int32)),
                        ("isr_nodes", CompactArray(Int32)),
                        ("offline_replicas", CompactArray(Int32)),
                        ("tags", TaggedFields),
                    ),
                ),
                ("authorized_operations", Int32),
                ("tags", TaggedFields),
            ),
        ),
        ("tags", TaggedFields),
    )


class _MetadataRequest(RequestStruct):  # type: ignore[misc]
    API_KEY = 3
    API_VERSION = 12
    FLEXIBLE_VERSION: ClassVar[bool] = True
    RESPONSE_TYPE = _MetadataResponse
    SCHEMA = Schema(
        ("topics", CompactArray(("topic_id", _Uuid), ("name", CompactString("utf-8")), ("tags", TaggedFields))),
        ("allow_auto_topic_creation", Boolean),
        ("include_topic_authorized_operations", Boolean),
        ("tags", TaggedFields),
    )


class _DescribeByName(Request[_MetadataRequest]):  # type: ignore[misc]
    API_KEY = 3

    def __init__(self, names: Iterable[str]) -> None:
        self._names = names

    def build(self, request_struct_class: type[_MetadataRequest]) -> _MetadataRequest:
        return request_struct_class([(UUID(int=0), name, {}) for name in self._names], False, False, {})


async def describe(cluster: Cluster, names: Iterable[str]) -> dict[str, KnownTopic]:
    """Those of the topics `names` (full) that exist.

    Raises:
        KafkaUnreachable: no broker answers.
    """
    client = AIOKafkaClient(bootstrap_servers=cluster.bootstrap, **cluster.security)
    try:
        async with asyncio.timeout(_CONNECT_S):
            await client.bootstrap()
            answer = await client.send(client.get_random_node(), _DescribeByName(list(names)))
    except (KafkaError, OSError, TimeoutError) as error:
        raise KafkaUnreachable(cluster.bootstrap, error) from error
    finally:
        await client.close()
    return {
        name: KnownTopic(str(topic_id), len(partitions))
        for error, name, topic_id, _internal, partitions, *_ in answer.topics
        if not error
    }


async def require_topics(cluster: Cluster) -> dict[str, KnownTopic]:
    """The topics that the stages read and write, by their names without prefix.

    Raises:
        KafkaUnreachable: no broker answers.
        TopicsMissing: one of them is not there, or those that are read side by side differ in partitions.
    """
    full = {name: cluster.topic(name) for name in _USED}
    known = await describe(cluster, full.values())
    missing = [topic for topic in full.values() if topic not in known]
    if missing:
        raise TopicsMissing(
            f"Kafka at {cluster.bootstrap} has no {', '.join(missing)}: make the topics with `imageledger migrate`"
        )
    counts = {full[name]: known[full[name]].partitions for name in COPARTITIONED}
    if len(set(counts.values())) > 1:
        found = ", ".join(f"{topic} {count}" for topic, count in counts.items())
        raise TopicsMissing(
            f"the stages' topics must have the same number of partitions, but have: {found}. `imageledger migrate` "
            "says what to do"
        )
    return {name: known[topic] for name, topic in full.items()}
