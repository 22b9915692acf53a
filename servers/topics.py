"""The topics of events/topics.py on a cluster: made where missing, checked where they are, repaired where that is safe.

Faust cannot make them (its CreateTopics version is gone from Kafka 4), and auto-creation would make them wrong.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from typing import Any

import msgspec
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import KafkaError, TopicAlreadyExistsError, for_code

from events.topics import COPARTITIONED, DEFAULT_PARTITIONS, DEFAULT_PREFIX, TOPICS, Topic

from .errors import KafkaUnreachable, TopicError

_CONNECT_S = 10.0
_VISIBLE_S = 30.0
_SET_ON_TOPIC = 1  # DescribeConfigs' config_source of a value that the topic itself carries
_MAX_REPLICAS = 3


class Migration(msgspec.Struct, frozen=True):
    """What `migrate` did. Topics are full names; `repaired` and `left` are sentences, one a setting.

    `left` are settings that differ and stay, because the table's value would delete records that are kept now.
    """

    partitions: int
    created: list[str]
    checked: list[str]
    repaired: list[str]
    left: list[str]


async def migrate(
    bootstrap: str,
    table: Iterable[Topic] = TOPICS,
    partitions: int | None = None,
    prefix: str = DEFAULT_PREFIX,
    *,
    security: Mapping[str, Any] | None = None,
    dry_run: bool = False,
) -> Migration:
    """Make the topics of `table` true on the cluster at `bootstrap` and wait until every one is served.

    Args:
        bootstrap: `host:port`, several with commas.
        table: what should be there.
        partitions: of each topic; None takes what the cluster has, else DEFAULT_PARTITIONS.
        prefix: of each topic's name on the cluster.
        security: aiokafka's own arguments for TLS and SASL.
        dry_run: only check and say what would be created or repaired; nothing is changed.

    Raises:
        KafkaUnreachable: no broker answers.
        TopicError: a topic exists with another partition count (then nothing was changed), or the cluster refuses one.
    """
    wanted = {prefix + topic.name: topic for topic in table}
    async with _admin(bootstrap, security or {}) as admin:
        counts = await _partition_counts(admin, wanted)
        shared = partitions or _common_count(counts, prefix) or DEFAULT_PARTITIONS
        _refuse_other_layouts(counts, shared, prefix)
        missing = [name for name in wanted if name not in counts]
        configs = await _topic_configs(admin, list(counts))
        repairs, repaired, left = _compare(configs, wanted)
        if not dry_run:
            await _create(admin, {name: wanted[name] for name in missing}, shared)
            await _alter(admin, repairs)
            await _until_seen(admin, missing, {name: wanted[name] for name in repairs})
            await _until_served(bootstrap, security or {}, missing, shared)
            # Another migration may have been quicker, and of another mind.
            _refuse_other_layouts(await _partition_counts(admin, wanted), shared, prefix)
    return Migration(shared, missing, list(counts), repaired, left)


@asynccontextmanager
async def _admin(bootstrap: str, security: Mapping[str, Any]) -> AsyncIterator[AIOKafkaAdminClient]:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap, client_id="imageledger-migrate", **security)
    try:
        async with asyncio.timeout(_CONNECT_S):
            await admin.start()
        yield admin
    except (KafkaError, OSError, TimeoutError) as error:
        raise KafkaUnreachable(
            f"Kafka at {bootstrap} does not answer: {error or type(error).__name__}. Start one with `imageledger up`, "
            "or check the address in IMAGELEDGER_KAFKA"
        ) from error
    finally:
        await admin.close()


async def _partition_counts(admin: AIOKafkaAdminClient, wanted: Mapping[str, Topic]) -> dict[str, int]:
    """The existing ones of `wanted`, in its order."""
    existing = {topic["topic"]: len(topic["partitions"]) for topic in await admin.describe_topics()}
    return {name: existing[name] for name in wanted if name in existing}


def _common_count(counts: Mapping[str, int], prefix: str) -> int | None:
    return next((counts[prefix + name] for name in COPARTITIONED if prefix + name in counts), None)


def _refuse_other_layouts(counts: Mapping[str, int], wanted: int, prefix: str) -> None:
    others = {name: count for name, count in counts.items() if count != wanted}
    if not others:
        return
    found = "; ".join(
        f"{', '.join(name for name in others if others[name] == count)}: {count}"
        for count in sorted(set(others.values()))
    )
    copartitioned = {counts[prefix + name] for name in COPARTITIONED if prefix + name in counts}
    if len(copartitioned) == 1 and set(others.values()) == copartitioned:
        remedy = f"run with --partitions {copartitioned.pop()}"
    else:
        remedy = (
            "a topic's partitions cannot be changed without moving its keys, so copy the log into a new prefix "
            "(`imageledger replay --into PREFIX`), or delete topics that hold nothing"
        )
    raise TopicError(
        f"topics with another number of partitions than {wanted}, the one wanted: {found}. The stages read the same "
        f"partition number of each; {remedy}"
    )


async def _topic_configs(admin: AIOKafkaAdminClient, names: list[str]) -> dict[str, dict[str, tuple[str, int]]]:
    """{topic: {setting: (value, where it is set)}}."""
    if not names:
        return {}
    answers = await admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, name) for name in names])
    configs: dict[str, dict[str, tuple[str, int]]] = {}
    for code, message, _kind, name, entries in (resource for answer in answers for resource in answer.resources):
        if code:
            raise TopicError(f"the cluster refuses to describe {name}: {message or for_code(code).__name__}")
        configs[name] = {entry[0]: (entry[1], entry[3]) for entry in entries}
    return configs


def _compare(
    found: Mapping[str, Mapping[str, tuple[str, int]]], wanted: Mapping[str, Topic]
) -> tuple[dict[str, dict[str, str]], list[str], list[str]]:
    """The settings to send for each topic that differs, what that repairs, and what is left as it is."""
    repairs: dict[str, dict[str, str]] = {}
    repaired: list[str] = []
    left: list[str] = []
    for name, settings in found.items():
        for setting, value in wanted[name].config().items():
            now = settings[setting][0]
            if _same(setting, now, value):
                continue
            if _deletes(setting, now, value):
                left.append(f"{name}: {setting} is {now}, the table says {value}; setting it would delete records")
                continue
            repaired.append(f"{name}: {setting} was {now}, is {value}")
            # AlterConfigs replaces all that a topic carries, so what others set there is sent along.
            own = {key: text for key, (text, source) in settings.items() if source == _SET_ON_TOPIC}
            repairs.setdefault(name, own)[setting] = value
    return repairs, repaired, left


def _same(setting: str, found: str, wanted: str) -> bool:
    if setting == "cleanup.policy":
        return set(found.split(",")) == set(wanted.split(","))
    return found == wanted


def _deletes(setting: str, found: str, wanted: str) -> bool:
    """True if the change would make Kafka delete what it keeps now: less retention, a policy more."""
    if setting == "cleanup.policy":
        return not set(wanted.split(",")) <= set(found.split(","))
    if setting in ("retention.ms", "retention.bytes"):
        return int(wanted) >= 0 and (int(found) < 0 or int(wanted) < int(found))
    return False


async def _create(admin: AIOKafkaAdminClient, topics: Mapping[str, Topic], partitions: int) -> None:
    if not topics:
        return
    replicas = min(_MAX_REPLICAS, len((await admin.describe_cluster())["brokers"]))
    answer = await admin.create_topics(
        [NewTopic(name, partitions, replicas, topic_configs=topic.config()) for name, topic in topics.items()]
    )
    for name, code, message in answer.topic_errors:
        kind = for_code(code)
        # Somebody else migrates at the same time: the same table, so the same topic.
        if code and kind is not TopicAlreadyExistsError:
            raise TopicError(f"the cluster refuses to create {name}: {message or kind.__name__}")


async def _alter(admin: AIOKafkaAdminClient, repairs: Mapping[str, dict[str, str]]) -> None:
    if not repairs:
        return
    resources = [ConfigResource(ConfigResourceType.TOPIC, name, configs) for name, configs in repairs.items()]
    for answer in await admin.alter_configs(resources):
        for code, message, _kind, name in answer.resources:
            if code:
                raise TopicError(f"the cluster refuses to change {name}: {message or for_code(code).__name__}")


async def _until_seen(admin: AIOKafkaAdminClient, created: list[str], repaired: Mapping[str, Topic]) -> None:
    """A broker learns of a topic or a setting a moment after the controller has taken it."""
    deadline = time.monotonic() + _VISIBLE_S
    while behind := await _not_seen(admin, created, repaired):
        if time.monotonic() > deadline:
            raise TopicError(
                f"changed, but not seen after {_VISIBLE_S:.0f} s: {', '.join(behind)}. Are all brokers up?"
            )
        await asyncio.sleep(0.02)


async def _not_seen(admin: AIOKafkaAdminClient, created: list[str], repaired: Mapping[str, Topic]) -> list[str]:
    topics = await admin.describe_topics(created) if created else []
    behind, _, _ = _compare(await _topic_configs(admin, list(repaired)), repaired)
    return [topic["topic"] for topic in topics if topic["error_code"]] + list(behind)


async def _until_served(bootstrap: str, security: Mapping[str, Any], names: list[str], partitions: int) -> None:
    """Metadata names a new leader a moment before it serves the partition; its answer to ListOffsets proves it."""
    if not names:
        return
    # It learns of one unknown topic a try, hence the short pause between tries.
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, retry_backoff_ms=10, **security)
    await consumer.start()
    try:
        await consumer.end_offsets([TopicPartition(name, number) for name in names for number in range(partitions)])
    finally:
        await consumer.stop()
