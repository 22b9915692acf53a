"""The publisher against a real Kafka."""

import asyncio
import base64
import os
import random
import subprocess
import sys
import threading
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import msgspec
import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from kafka_log import free_port, read_all, result, wait_until

from events import cloudevents
from events.codec import decode, encode
from events.feedback import FeedbackRecorded
from events.heartbeats import ProcessorHeartbeat
from events.refusals import MAX_RECORD_BYTES
from events.runs import RunDeclared
from events.sdk.partitioning import murmur2
from events.sdk.prices import Price, Prices
from events.sdk.publisher import AsyncPublisher, Publisher, Statistics
from servers.kafka import server as kafka_server
from servers.topics import migrate


def test_a_reader_finds_key_value_headers_and_partition(kafka: str, topics: str) -> None:
    event = result("imäge 7", source="me", run_id="r")
    with Publisher(kafka, prefix=topics) as publisher:
        assert publisher.publish(event)
        assert publisher.flush(60) == 0
    (record,) = read_all(kafka, topics + "results")
    assert record.key == "imäge 7".encode()
    assert record.value == encode(event)
    assert list(record.headers) == list(cloudevents.headers(event, "imäge 7"))
    assert record.partition == (murmur2(record.key) & 0x7FFFFFFF) % 4
    assert decode("results", record.value, record.headers) == event


def test_each_event_goes_to_its_topic(kafka: str, topics: str) -> None:
    envelope: dict[str, Any] = {"event_id": "e", "event_time": result("x").event_time}
    with Publisher(kafka, prefix=topics, source="processor-1") as publisher:
        assert publisher.publish(RunDeclared(**envelope, run_id="r"))
        assert publisher.publish(ProcessorHeartbeat(**envelope, processor_id="p"))
        assert publisher.publish(FeedbackRecorded(**envelope, message_id="m", rating=1, source="desk"))
        assert publisher.flush(60) == 0
        assert publisher.statistics() == Statistics(3, dropped=0, mended=0, confirmed=3, queued=0, recovered=0)
    run, beat, word = (read_all(kafka, topics + name)[0] for name in ("runs", "heartbeats", "feedback"))
    assert (run.key, beat.key, word.key) == (b"r", None, b"m")
    assert decode("runs", run.value).source == "processor-1"
    assert decode("feedback", word.value).source == "desk"


def test_a_tracked_call_arrives(kafka: str, topics: str) -> None:
    with Publisher(kafka, prefix=topics, source="s") as publisher, publisher.track(image_id="i", tier=2) as call:
        call.cost(0.001)
    (record,) = read_all(kafka, topics + "results")
    event = decode("results", record.value)
    assert (event.image_id, event.tier, event.cost_usd, event.status, event.source) == ("i", 2, 0.001, "success", "s")


def test_a_call_that_says_no_cost_is_priced(kafka: str, topics: str) -> None:
    prices = Prices("2026-11", [Price(model="haiku", usd_per_million={"input": 1.0, "output": 5.0})])
    with Publisher(kafka, prefix=topics, prices=prices) as publisher:
        with publisher.track(image_id="i", model="haiku") as call:
            call.tokens(input=1_000, output=100)
        assert publisher.publish(result("j", model="haiku", input_tokens=2_000, cost_usd=0.5))
    events = {event.image_id: event for event in map(decoded, read_all(kafka, topics + "results"))}
    assert (events["i"].cost_usd, events["i"].price_version, events["i"].cost_source) == (0.0015, "2026-11", "local")
    assert (events["j"].cost_usd, events["j"].price_version) == (0.5, None)


def test_a_call_that_its_cost_makes_too_large_goes_without(kafka: str, topics: str) -> None:
    prices = Prices("2026-11", [Price(model="haiku", usd_per_call=0.001)])
    bare = result("i", model="haiku", attributes={"a": ""})
    full = {"a": "x" * (MAX_RECORD_BYTES - len(encode(bare)))}
    with Publisher(kafka, prefix=topics, prices=prices) as publisher:
        assert publisher.publish(msgspec.structs.replace(bare, attributes=full))
    [record] = read_all(kafka, topics + "results")
    assert len(record.value) == MAX_RECORD_BYTES
    assert b"cost_usd" not in record.value


def decoded(record: Any) -> Any:
    return decode("results", record.value)


async def test_the_async_face(kafka: str, topics: str) -> None:
    async with AsyncPublisher(kafka, prefix=topics) as publisher:
        assert await publisher.publish(result("a"))
        async with publisher.track(image_id="b"):
            pass
        assert await publisher.flush(60) == 0
        assert publisher.statistics().confirmed == 2
        assert publisher.dropped == 0
    assert not await publisher.publish(result("late"))


def test_many_threads_at_once_all_arrive_once_and_in_order(kafka: str, topics: str) -> None:
    with Publisher(kafka, prefix=topics) as publisher:

        def work(worker: int) -> None:
            for step in range(1, 401):
                assert publisher.publish(result(f"img-{worker}-{step % 5}", attempt=step))

        threads = [threading.Thread(target=work, args=(worker,)) for worker in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert publisher.flush(60) == 0
    found = [decode("results", record.value) for record in read_all(kafka, topics + "results")]
    assert len(found) == len({event.event_id for event in found}) == 3_200
    attempts: dict[str, list[int]] = defaultdict(list)
    for event in found:
        attempts[event.image_id].append(event.attempt)
    assert all(mine == sorted(mine) for mine in attempts.values())


def test_what_cannot_be_published_is_dropped_counted_and_never_raised() -> None:
    publisher = Publisher(f"127.0.0.1:{free_port()}", max_queued=3)
    wrong: Any = "no event"
    assert not publisher.publish(wrong)
    assert not publisher.publish(result("\ud800"))
    assert not publisher.publish(result("i", attributes={"a": "x" * MAX_RECORD_BYTES}))
    assert not publisher.publish(result("i", attributes={"a": object()}))
    assert publisher.dropped == 4
    taken = [publisher.publish(result("i")) for _ in range(10)]
    # The first may be under way already, and then do not count to the three that wait.
    assert 3 <= sum(taken) < 10
    assert publisher.flush(0) == sum(taken)
    assert publisher.close(0) == sum(taken)
    assert not publisher.publish(result("i"))
    assert publisher.dropped == 15 - sum(taken)
    assert publisher.close(0) == sum(taken)


def test_a_broker_that_was_never_there(tmp_path: Path) -> None:
    publisher = Publisher(f"127.0.0.1:{free_port()},no.such.host.invalid:9092")
    assert all(publisher.publish(result(f"i{n}")) for n in range(500))
    assert publisher.flush(0.05) == 500
    assert publisher.statistics() == Statistics(500, dropped=0, mended=0, confirmed=0, queued=500, recovered=0)
    assert publisher.close(0.05) == 500


def test_a_broker_that_comes_later_dies_and_comes_back_gets_all_in_order(tmp_path: Path) -> None:
    port = free_port()
    bootstrap = f"127.0.0.1:{port}"
    keys = [f"img-{n}" for n in range(20)]
    publisher = Publisher(bootstrap, spool=tmp_path / "spool")
    steps = iter(range(1, 10**6))

    def publish(count: int) -> None:
        for _ in range(count):
            step = next(steps)
            assert publisher.publish(result(keys[step % 20], attempt=step))

    publish(3_000)
    assert publisher.flush(0.1) == 3_000
    with kafka_server.start(tmp_path / "kafka", port=port) as broker:
        asyncio.run(migrate(bootstrap))
        publish(1_000)
        assert publisher.flush(60) == 0
        publish(500)
        broker.kill()
    publish(500)
    assert publisher.flush(0.1) > 0
    with kafka_server.start(tmp_path / "kafka", port=port):
        publish(500)
        assert publisher.flush(60) == 0
        assert publisher.close() == 0
        found = [decode("results", record.value) for record in read_all(bootstrap, "imageledger.results")]
    firsts: dict[str, list[int]] = defaultdict(list)
    for event in found:
        if event.attempt not in firsts[event.image_id]:
            firsts[event.image_id].append(event.attempt)
    assert sorted(step for mine in firsts.values() for step in mine) == list(range(1, 5_501))
    assert all(mine == sorted(mine) for mine in firsts.values())


def test_one_topic_without_a_leader_or_name_does_not_hold_the_others(kafka: str, prefix: str) -> None:
    asyncio.run(_make_results(kafka, prefix, {}))
    publisher = Publisher(kafka, prefix=prefix)
    publisher.publish(ProcessorHeartbeat(event_id="e", event_time=result("x").event_time, processor_id="p"))
    for n in range(10):
        publisher.publish(result(f"i{n}"))
    wait_until(lambda: publisher.statistics().confirmed == 10)
    assert publisher.close(0) == 1


def test_a_record_that_the_broker_never_takes_is_dropped_and_the_rest_arrives(kafka: str, prefix: str) -> None:
    asyncio.run(_make_results(kafka, prefix, {"max.message.bytes": "20000"}))
    noise = base64.b85encode(random.Random(7).randbytes(40_000)).decode()
    with Publisher(kafka, prefix=prefix) as publisher:
        for n in range(30):
            assert publisher.publish(result("same", attempt=n + 1))
            if n == 15:
                assert publisher.publish(result("same", attempt=999, attributes={"noise": noise}))
        assert publisher.flush(60) == 0
        assert publisher.statistics() == Statistics(31, dropped=1, mended=0, confirmed=30, queued=0, recovered=0)
    found = [decode("results", record.value).attempt for record in read_all(kafka, prefix + "results")]
    assert list(dict.fromkeys(found)) == list(range(1, 31))


async def _make_results(bootstrap: str, prefix: str, config: dict[str, str]) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        await admin.create_topics([NewTopic(prefix + "results", 1, 1, topic_configs=config)])
    finally:
        await admin.close()


# --- the spool


def test_what_is_left_at_close_is_delivered_first_by_the_next(kafka: str, topics: str, tmp_path: Path) -> None:
    before = [result("same", attempt=n + 1) for n in range(100)]
    dead = Publisher(f"127.0.0.1:{free_port()}", prefix=topics, spool=tmp_path)
    for event in before:
        assert dead.publish(event)
    assert dead.close(0.05) == 100
    after = [result("same", attempt=n + 101) for n in range(50)]
    with Publisher(kafka, prefix=topics, spool=tmp_path) as publisher:
        for event in after:
            assert publisher.publish(event)
        assert publisher.flush(60) == 0
        assert publisher.statistics() == Statistics(50, dropped=0, mended=0, confirmed=150, queued=0, recovered=100)
    found = read_all(kafka, topics + "results")
    assert [record.value for record in found] == [encode(event) for event in before + after]
    assert all(
        list(r.headers) == list(cloudevents.headers(e, "same")) for r, e in zip(found, before + after, strict=True)
    )
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_the_disk_takes_what_memory_cannot(kafka: str, topics: str, tmp_path: Path) -> None:
    port = free_port()
    publisher = Publisher(f"127.0.0.1:{port}", prefix=topics, spool=tmp_path, max_queued=100)
    events = [result("same", attempt=n + 1) for n in range(1_000)]
    for event in events:
        wait_until(lambda event=event: publisher.publish(event))  # type: ignore[misc]
    assert publisher.close(0) == 1_000
    with Publisher(kafka, prefix=topics, spool=tmp_path) as second:
        assert second.flush(60) == 0
    assert [decode("results", r.value).attempt for r in read_all(kafka, topics + "results")] == list(range(1, 1_001))


def test_a_spool_that_cannot_be_written_costs_nothing_but_itself(kafka: str, topics: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with Publisher(kafka, prefix=topics, spool=tmp_path / "file") as publisher:
        assert publisher.publish(result("i"))
        assert publisher.flush(60) == 0


SCRIPT = """
import os, sys, time
from datetime import UTC, datetime
from pathlib import Path
from events.results import ImageResult
from events.sdk.ids import uuid7
from events.sdk.publisher import Publisher

def result(image_id, attempt=1):
    now = datetime.now(UTC)
    return ImageResult(event_id=uuid7(), event_time=now, status="success", image_id=image_id, attempt=attempt)

"""


def run(script: str, *arguments: str) -> "subprocess.Popen[bytes]":
    return subprocess.Popen([sys.executable, "-c", SCRIPT + script, *arguments], stdout=subprocess.PIPE)


def test_after_kill_9_the_next_process_delivers_what_was_spooled(kafka: str, topics: str, tmp_path: Path) -> None:
    victim = run(
        "publisher = Publisher(sys.argv[1], prefix=sys.argv[2], spool=Path(sys.argv[3]))\n"
        "for n in range(1, 201): publisher.publish(result('same', n))\n"
        "print('published', flush=True)\n"
        "publisher.flush(600)\n",
        f"127.0.0.1:{free_port()}", topics, str(tmp_path),
    )  # fmt: skip
    try:
        assert victim.stdout
        assert victim.stdout.readline() == b"published\n"
        wait_until(lambda: b'"attempt":200,' in b"".join(path.read_bytes() for path in tmp_path.glob("*/*")))
    finally:
        victim.kill()
        victim.communicate()
    with Publisher(kafka, prefix=topics, spool=tmp_path) as publisher:
        assert publisher.flush(60) == 0
    assert [decode("results", r.value).attempt for r in read_all(kafka, topics + "results")] == list(range(1, 201))


def test_a_program_that_just_ends_and_its_forked_child_lose_nothing(kafka: str, topics: str) -> None:
    # The bootstrap has a name to look up, and the first connection is made when the interpreter is already ending.
    program = run(
        "publisher = Publisher(sys.argv[1], prefix=sys.argv[2])\n"
        "publisher.publish(result('first'))\n"
        "publisher.flush(60)\n"
        "publisher.publish(result('parent'))\n"
        "child = os.fork()\n"
        "if not child:\n"
        "    assert publisher.statistics().queued == 0\n"
        "    publisher.publish(result('child'))\n"
        "    os._exit(publisher.close(30))\n"
        "assert os.waitpid(child, 0)[1] == 0\n"
        "Publisher(sys.argv[1], prefix=sys.argv[2]).publish(result('ending'))\n",
        kafka.replace("127.0.0.1", "localhost"), topics,
    )  # fmt: skip
    program.communicate(timeout=60)
    assert program.returncode == 0
    found = Counter(decode("results", record.value).image_id for record in read_all(kafka, topics + "results"))
    assert found == {"first": 1, "parent": 1, "child": 1, "ending": 1}


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_the_wheel_needs_nothing_of_ours_and_no_aiokafka_outside_the_sdk() -> None:
    program = (
        "import sys, pkgutil, importlib, events\n"
        "for m in pkgutil.walk_packages(events.__path__, 'events.'):\n"
        "    if not m.name.startswith('events.sdk'): importlib.import_module(m.name)\n"
        "assert 'aiokafka' not in sys.modules and 'yaml' not in sys.modules\n"
        "for m in pkgutil.walk_packages(events.__path__, 'events.'): importlib.import_module(m.name)\n"
        "ours = {'metrics', 'streams', 'sinks', 'servers', 'processors', 'dashboard', 'imageledger'}\n"
        "assert not ours & sys.modules.keys(), ours & sys.modules.keys()\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
