"""`migrate` against a real broker."""

import asyncio

import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from events.topics import COPARTITIONED, TOPICS
from servers.endpoints import free_port
from servers.errors import KafkaUnreachable, TopicError
from servers.topics import migrate


async def make(bootstrap: str, name: str, partitions: int, configs: dict[str, str] | None = None) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        answer = await admin.create_topics([NewTopic(name, partitions, 1, topic_configs=configs or {})])
        assert [error[1] for error in answer.topic_errors] == [0]
        async with asyncio.timeout(60):
            while name not in await admin.list_topics():  # noqa: ASYNC110  (the broker sends no event)
                await asyncio.sleep(0.01)
    finally:
        await admin.close()


async def settings(bootstrap: str, name: str) -> dict[str, str]:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        (answer,) = await admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, name)])
        return {entry[0]: entry[1] for entry in answer.resources[0][4]}
    finally:
        await admin.close()


async def partition_counts(bootstrap: str, prefix: str) -> dict[str, int]:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        found = await admin.describe_topics()
    finally:
        await admin.close()
    return {topic["topic"]: len(topic["partitions"]) for topic in found if topic["topic"].startswith(prefix)}


async def test_every_topic_of_the_table_is_made_as_the_table_says(kafka: str, prefix: str) -> None:
    done = await migrate(kafka, partitions=3, prefix=prefix)

    assert done.created == [prefix + topic.name for topic in TOPICS]
    assert await partition_counts(kafka, prefix) == dict.fromkeys(done.created, 3)
    for topic in TOPICS:
        found = await settings(kafka, prefix + topic.name)
        assert {setting: found[setting] for setting in topic.config()} == topic.config()


async def test_a_second_run_only_checks_and_takes_the_partitions_that_are_there(kafka: str, prefix: str) -> None:
    first = await migrate(kafka, partitions=3, prefix=prefix)
    second = await migrate(kafka, prefix=prefix)

    assert (second.partitions, second.created, second.checked) == (3, [], first.created)
    assert second.repaired == second.left == []


async def test_a_missing_topic_joins_the_others_with_their_partition_count(kafka: str, prefix: str) -> None:
    await migrate(kafka, TOPICS[1:], partitions=2, prefix=prefix)
    done = await migrate(kafka, prefix=prefix)

    assert done.created == [prefix + TOPICS[0].name]
    assert set((await partition_counts(kafka, prefix)).values()) == {2}


async def test_another_partition_count_is_refused_before_anything_is_made(kafka: str, prefix: str) -> None:
    await make(kafka, prefix + "feedback", 3)

    with pytest.raises(TopicError, match=rf"{prefix}feedback: 3\. .*run with --partitions 3"):
        await migrate(kafka, partitions=4, prefix=prefix)
    assert await partition_counts(kafka, prefix) == {prefix + "feedback": 3}


async def test_copartitioned_topics_that_differ_are_refused_with_a_way_out(kafka: str, prefix: str) -> None:
    await make(kafka, prefix + "results", 4)
    await make(kafka, prefix + "runs", 2)

    with pytest.raises(TopicError, match=rf"than 4, the one wanted: {prefix}runs: 2\..*replay --into"):
        await migrate(kafka, prefix=prefix)
    assert len(COPARTITIONED) > 2


async def test_settings_that_drifted_are_repaired_and_others_of_the_topic_kept(kafka: str, prefix: str) -> None:
    drifted = {"retention.ms": "604800000", "max.message.bytes": "1000000", "compression.type": "zstd"}
    await make(kafka, prefix + "results", 4, drifted)

    done = await migrate(kafka, prefix=prefix)

    found = await settings(kafka, prefix + "results")
    assert (found["retention.ms"], found["message.timestamp.type"]) == ("-1", "LogAppendTime")
    assert found["max.message.bytes"] == str(8 << 20)
    assert found["compression.type"] == "zstd"
    assert any("retention.ms was 604800000, is -1" in line for line in done.repaired)


async def test_a_repair_that_would_delete_records_is_left_and_said(kafka: str, prefix: str) -> None:
    await make(kafka, prefix + "heartbeats", 4, {"retention.ms": "-1"})
    await make(kafka, prefix + "profiles", 4, {"cleanup.policy": "delete"})

    done = await migrate(kafka, prefix=prefix)

    assert (await settings(kafka, prefix + "heartbeats"))["retention.ms"] == "-1"
    assert (await settings(kafka, prefix + "profiles"))["cleanup.policy"] == "delete"
    assert [line.split(" is ")[0] for line in done.left] == [
        f"{prefix}heartbeats: retention.ms",
        f"{prefix}profiles: cleanup.policy",
    ]


async def test_a_dry_run_says_and_changes_nothing(kafka: str, prefix: str) -> None:
    await make(kafka, prefix + "runs", 4, {"retention.ms": "1000"})

    done = await migrate(kafka, prefix=prefix, dry_run=True)

    assert len(done.created) == len(TOPICS) - 1
    assert any("retention.ms was 1000" in line for line in done.repaired)
    assert list(await partition_counts(kafka, prefix)) == [prefix + "runs"]
    assert (await settings(kafka, prefix + "runs"))["retention.ms"] == "1000"


async def test_two_at_once_both_succeed(kafka: str, prefix: str) -> None:
    await asyncio.gather(migrate(kafka, prefix=prefix), migrate(kafka, prefix=prefix))
    assert len(await partition_counts(kafka, prefix)) == len(TOPICS)


async def test_a_kafka_that_is_away_is_said_with_its_address() -> None:
    bootstrap = f"127.0.0.1:{free_port()}"
    with pytest.raises(KafkaUnreachable, match=f"Kafka at {bootstrap} does not answer: .*imageledger up"):
        await migrate(bootstrap)


def test_the_fixture_gives_a_migrated_prefix(kafka: str, topics: str) -> None:
    assert len(asyncio.run(partition_counts(kafka, topics))) == len(TOPICS)
