"""The SDK's reader on a real Kafka: everything once, in order, committed only, to now and on from there."""

import asyncio
import json
from collections.abc import Sequence
from contextlib import aclosing
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from aiokafka import AIOKafkaProducer
from kafka_log import free_port, result

from events import codec
from events.commands import CommandIssued
from events.profiles import VehicleProfiled
from events.results import ImageResult
from events.sdk.errors import HeldBackError, NoTopicError, UnreachableError
from events.sdk.publisher import Publisher
from events.sdk.reader import Entry, Reader
from events.topics import full_name

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


class Glance(msgspec.Struct):
    """What progress asks for."""

    image_id: str
    run_id: str | None = None
    tier: int = 1


async def read_to_now(reader: Reader) -> list[Entry]:
    return [entry async for entry in reader.to_now()]


def ids(entries: Sequence[Entry]) -> list[str]:
    return [entry.event.image_id for entry in entries]


def publish(kafka: str, prefix: str, *events: Any) -> None:
    with Publisher(kafka, prefix=prefix) as publisher:
        assert all(publisher.publish(event) for event in events)
        assert publisher.flush(60) == 0


async def produce(kafka: str, topic: str, *records: tuple[bytes | None, bytes | None], **options: Any) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=kafka, **options)
    await producer.start()
    try:
        for key, value in records:
            await producer.send_and_wait(topic, value, key=key)
    finally:
        await producer.stop()


async def test_everything_once_in_each_partitions_order(kafka: str, topics: str) -> None:
    publish(kafka, topics, *(result(f"i{n % 40}", tier=n // 40) for n in range(400)))
    async with Reader(kafka, "results", prefix=topics) as reader:
        entries = await read_to_now(reader)
    assert len(entries) == 400
    assert len({entry.event.event_id for entry in entries}) == 400
    for image in range(40):
        assert [e.event.tier for e in entries if e.event.image_id == f"i{image}"] == list(range(10))
    for entry in entries:
        assert entry.kind == "results"
        assert entry.key == entry.event.image_id
        assert entry.position.topic == full_name("results", topics)
    for partition in range(4):
        offsets = [e.position.offset for e in entries if e.position.partition == partition]
        assert offsets == sorted(offsets)
    assert (reader.read, reader.refused) == (400, 0)


async def test_an_empty_topic_is_read_at_once(kafka: str, topics: str) -> None:
    async with Reader(kafka, "results", "runs", prefix=topics) as reader:
        assert await read_to_now(reader) == []


async def test_now_is_when_it_is_asked_and_follow_goes_on_from_there(kafka: str, topics: str) -> None:
    publish(kafka, topics, *(result(f"before{n}") for n in range(20)))
    async with Reader(kafka, "results", prefix=topics) as reader:
        seen = []
        async with aclosing(reader.to_now()) as to_now:
            async for entry in to_now:
                if not seen:
                    await asyncio.to_thread(publish, kafka, topics, *(result(f"after{n}") for n in range(20)))
                seen.append(entry)
        assert sorted(ids(seen)) == sorted(f"before{n}" for n in range(20))
        later = []
        async with aclosing(reader.follow()) as follow:
            async for entry in follow:
                later.append(entry)
                if len(later) == 20:
                    break
        assert sorted(ids(later)) == sorted(f"after{n}" for n in range(20))
        await asyncio.to_thread(publish, kafka, topics, result("last"))
        assert ids(await read_to_now(reader)) == ["last"]


async def test_a_reader_that_leaves_off_goes_on_at_the_next_record(kafka: str, topics: str) -> None:
    publish(kafka, topics, *(result(f"i{n}") for n in range(50)))
    async with Reader(kafka, "results", prefix=topics) as reader:
        first = []
        async with aclosing(reader.to_now()) as entries:
            async for entry in entries:
                first.append(entry)
                if len(first) == 7:
                    break
        rest = await read_to_now(reader)
    assert sorted(ids(first + rest)) == sorted(f"i{n}" for n in range(50))


async def test_a_run_is_told_by_the_body_of_any_producers_record(kafka: str, topics: str) -> None:
    publish(kafka, topics, result("mine", run_id="r"), result("other", run_id="s"), result("none"))
    bare = {"event_id": "1", "event_type": "image.result", "event_time": "2026-01-02T03:04:05Z", "status": "success"}
    spaced = json.dumps(bare | {"image_id": "bare", "run_id": "r", "tier": None}, indent=3).encode()
    escaped = json.dumps(bare | {"image_id": "escaped"})[:-1] + r', "run_id": "\u0072"}'
    wrapped = json.dumps(
        {"specversion": "1.0", "id": "9", "type": "image.result", "data": bare | {"image_id": "wrapped", "run_id": "r"}}
    )
    topic = full_name("results", topics)
    await produce(kafka, topic, (None, spaced), (b"x", escaped.encode()))
    producer = AIOKafkaProducer(bootstrap_servers=kafka)
    await producer.start()
    await producer.send_and_wait(
        topic, wrapped.encode(), headers=[("content-type", b"application/cloudevents+json; charset=UTF-8")]
    )
    await producer.stop()
    for shapes in ({}, {"results": Glance}):
        async with Reader(kafka, "results", prefix=topics, run_id="r", shapes=shapes) as reader:  # type: ignore[arg-type]
            entries = await read_to_now(reader)
        assert sorted(ids(entries)) == ["bare", "escaped", "mine", "wrapped"]
        assert {type(entry.event) for entry in entries} == {Glance if shapes else ImageResult}
        assert (reader.read, reader.refused) == (6, 0)


async def test_what_does_not_decode_is_skipped_and_counted(kafka: str, topics: str) -> None:
    good = codec.encode(result("good", run_id="r"))
    topic = full_name("results", topics)
    await produce(
        kafka, topic, (b"k", b"no json"), (b"k", b""), (b"\xff", good), (b"k", b'{"run_id": 7}'), (b"k", good)
    )
    await produce(kafka, topic, (b"k", good.replace(b'"status":"success"', b'"status":"unheard of"')))
    async with Reader(kafka, "results", prefix=topics, run_id="r") as reader:
        assert ids(await read_to_now(reader)) == ["good"]
    assert (reader.read, reader.refused) == (6, 5)


async def test_several_topics_and_deletions(kafka: str, topics: str) -> None:
    publish(
        kafka,
        topics,
        CommandIssued(event_id="c", event_time=NOW, run_id="r", command_id="c", action="pause"),
        VehicleProfiled(event_id="p", event_time=NOW, vehicle_id="car", has_spid=True),
    )
    await produce(kafka, full_name("profiles", topics), (b"car", None))
    async with Reader(kafka, "commands", "profiles", prefix=topics) as reader:
        entries = await read_to_now(reader)
    said = {(entry.kind, entry.key, type(entry.event).__name__) for entry in entries}
    assert said == {
        ("commands", "r", "CommandIssued"),
        ("profiles", "car", "VehicleProfiled"),
        ("profiles", "car", "NoneType"),
    }


async def test_aborted_records_are_not_there_and_markers_hold_nothing_up(kafka: str, topics: str) -> None:
    topic = full_name("results", topics)
    producer = AIOKafkaProducer(bootstrap_servers=kafka, transactional_id=f"{topics}t")
    await producer.start()
    for image, keep in (("kept", True), ("gone", False)):
        await producer.begin_transaction()
        await producer.send_and_wait(topic, codec.encode(result(image)), key=b"k")
        await (producer.commit_transaction() if keep else producer.abort_transaction())
    await producer.stop()
    async with Reader(kafka, "results", prefix=topics) as reader:
        assert ids(await read_to_now(reader)) == ["kept"]


async def test_an_open_transaction_that_holds_records_back_is_said(kafka: str, topics: str) -> None:
    topic = full_name("results", topics)
    producer = AIOKafkaProducer(bootstrap_servers=kafka, transactional_id=f"{topics}open")
    await producer.start()
    await producer.begin_transaction()
    await producer.send_and_wait(topic, codec.encode(result("open")), key=b"k")
    async with Reader(kafka, "results", prefix=topics, patience_s=1) as reader:
        with pytest.raises(HeldBackError, match="open transaction"):
            await read_to_now(reader)
        await producer.commit_transaction()
        assert ids(await read_to_now(reader)) == ["open"]
    await producer.stop()


async def test_what_is_missing_is_named(kafka: str, prefix: str) -> None:
    with pytest.raises(NoTopicError, match=f"{prefix}results does not exist.*imageledger migrate"):
        async with Reader(kafka, "results", prefix=prefix):
            pass


async def test_nobody_there_is_said(kafka: str) -> None:
    address = f"127.0.0.1:{free_port()}"
    with pytest.raises(UnreachableError, match=address):
        async with Reader(address, "results"):
            pass


async def test_following_ends_when_it_is_cancelled(kafka: str, topics: str) -> None:
    async with Reader(kafka, "commands", prefix=topics) as reader:

        async def follow() -> None:
            async for _ in reader.follow():
                pass

        for pause_s in (0.0, 0.05, 0.3):
            task = asyncio.create_task(follow())
            await asyncio.sleep(pause_s)
            task.cancel()
            done, _ = await asyncio.wait({task}, timeout=60)
            assert done
