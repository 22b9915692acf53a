"""Records that nobody should send, in numbers; and more runs, models and subjects than anybody has."""

import asyncio
import json
import random
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import figures
import pytest
from aiokafka import AIOKafkaProducer
from confluent_kafka import Producer
from load import Load
from site_under_test import PREFIX, Site, eventually, say
from verdict import require_equal

pytestmark = [pytest.mark.faults, pytest.mark.timeout(1_400)]

MEMORY_MB = 1_000
GOOD, EVIL = 40_000, 200_000
BASE = {"event_type": "image.result", "status": "success", "run_id": "many"}


def send(site: Site, records: Iterator[tuple[bytes | None, bytes | None]], **settings: Any) -> None:
    """To `results`, as fast as it goes, hashed as others do where there is a key."""
    producer = Producer(
        {
            "bootstrap.servers": site.bootstrap,
            "partitioner": "murmur2_random",
            "queue.buffering.max.messages": 1_000_000,
            "queue.buffering.max.kbytes": 400_000,
            "message.max.bytes": 8 << 20,
            **settings,
        }
    )
    for number, (key, value) in enumerate(records):
        while True:
            try:
                producer.produce(PREFIX + "results", value, key)
                break
            except BufferError:
                producer.poll(0.1)
        if number % 1_000 == 0:
            producer.poll(0)
    assert producer.flush(120) == 0


def event(number: int, **fields: Any) -> tuple[bytes, bytes]:
    now = datetime.now(UTC).isoformat()
    image = fields.pop("image_id", f"i{number}")
    found = BASE | {"event_id": f"e{number}", "event_time": now, "image_id": image} | fields
    return image.encode(), json.dumps(found).encode()


def hostile(chance: random.Random, count: int) -> Iterator[tuple[bytes | None, bytes | None]]:
    """Everything that has broken a parser before."""
    good = event(0)[1][:-1]
    kinds: list[bytes | None] = [
        None,
        b"",
        b"\x00" * 100,
        b"\xff\xfe\xfd",
        b"[" * 2_000,
        b'{"a":' * 500,
        good + b', "latency_ms": 1e999}',
        good + b', "cost_usd": NaN}',
        good + b', "cost_usd": -1}',
        good + b', "tier": 99999999999999999999999}',
        good + b', "model": "\\ud800"}',
        good + b', "context_items": [' + b",".join([b'"x"'] * 1_001) + b"]}",
        good + b', "output": ' + b"[" * 9 + b"]" * 9 + b"}",
        good + b', "attributes": {"a": 1}}',
        b'{"event_type": "' + b"x" * 10_000 + b'"}',
        b'{"event_type": "image.result", "event_type": 7}',
        b"9" * 5_000,
        b'"' + b"\\u0000" * 5_000,
        json.dumps({"event_type": "image.result", **{f"f{n}": n for n in range(2_000)}}).encode(),
    ]
    oversized = b'{"x": "' + b"a" * (1_100_000) + b'"}'
    for number in range(count):
        key = chance.choice([None, b"k%d" % (number % 50), b"\xff"])
        yield key or b"k", (oversized if number % 1_000 == 0 else chance.choice(kinds))


@pytest.mark.timeout(1_400)
def test_two_hundred_thousand_hostile_records_and_one_of_100_mib(
    site: Site, chance: random.Random, scale: float
) -> None:
    site.up()
    good, evil = int(GOOD * scale), int(EVIL * scale)
    begin = time.monotonic()
    send(site, (event(number) for number in range(good)))
    eventually(lambda: folded(site) >= good, "the clean ones", pause_s=1)
    clean_s = time.monotonic() - begin
    say(f"{good:,} clean records are folded after {clean_s:.1f} s")

    begin = time.monotonic()
    many = hostile(chance, evil)
    send(site, mixed(many, (event(number) for number in range(good, 2 * good)), 5), **{"compression.type": "lz4"})
    asyncio.run(send_huge(site))
    say(f"{evil:,} hostile records are sent, and one of 100 MiB")
    load = Load(site.bootstrap, PREFIX, chance, 100).start()
    eventually(lambda: folded(site) >= 2 * good, "the good among the hostile", 900, pause_s=1)
    mixed_s = time.monotonic() - begin
    say(f"the good ones among them are folded after {mixed_s:.1f} s")
    load.stop()
    worker_mb, sink_mb = figures.peak_mb(site.worker_pid()), figures.peak_mb(int(site.pids()["sink"]))
    expected = require_equal(site)
    assert sum(expected.refused.values()) > evil
    say(f"{good:,} clean ones took {clean_s:.1f} s, as many among {evil:,} hostile ones {mixed_s:.1f} s")
    figures.keep(
        "hostile", clean_s=round(clean_s, 1), mixed_s=round(mixed_s, 1), worker_peak_mb=worker_mb, sink_peak_mb=sink_mb
    )
    assert worker_mb < MEMORY_MB
    assert sink_mb < MEMORY_MB


def mixed(
    many: Iterator[tuple[bytes | None, bytes | None]], few: Iterator[tuple[bytes, bytes]], of: int
) -> Iterator[tuple[bytes | None, bytes | None]]:
    for number, item in enumerate(many):
        yield item
        if number % of == 0 and (good := next(few, None)):
            yield good


async def send_huge(site: Site) -> None:
    """100 MiB, some hundred kB in the log."""
    client = AIOKafkaProducer(
        bootstrap_servers=site.bootstrap, compression_type="gzip", max_request_size=256 << 20, max_batch_size=128 << 20
    )
    await client.start()
    await client.send_and_wait(PREFIX + "results", b'{"x": "' + b"9" * (100 << 20) + b'"}', b"huge")
    await client.stop()


def folded(site: Site, run_id: str = "many") -> int:
    from verdict import shown

    found = shown(site.bootstrap).get(run_id)
    return int(found.totals.get("results", 0)) if found else 0


@pytest.mark.parametrize("case", ["runs", "models", "hot key"])
def test_more_of_everything_than_anybody_has(site: Site, chance: random.Random, case: str, scale: float) -> None:
    """20,000 runs; 100,000 model names; one subject for all. First all at once, so in as few chunks as can be."""
    many: dict[str, list[dict[str, Any]]] = {
        "runs": [{"run_id": f"run {number}"} for number in range(20_000)],
        "models": [{"model": f"model {number}", "provider": f"p {number % 5_000}"} for number in range(100_000)],
        "hot key": [{"image_id": "the one", "attempt": 1 + number % 3} for number in range(60_000)],
    }
    site.migrate()
    chosen = many[case][: int(len(many[case]) * scale)]
    send(site, (event(number, **fields) for number, fields in enumerate(chosen)))
    site.up()
    load = Load(site.bootstrap, PREFIX, chance, 300, judged=5_000).start()
    try:
        time.sleep(5)
        site.kill_worker()
        time.sleep(5)
    finally:
        load.stop()
    require_equal(site, sql=case != "models")
    largest = largest_record(site)
    figures.keep(f"many_{case.replace(' ', '_')}", worker_peak_mb=figures.peak_mb(site.worker_pid()), **largest)
    assert max(largest.values()) < 8 << 20
    assert figures.peak_mb(site.worker_pid()) < MEMORY_MB


def largest_record(site: Site) -> dict[str, int]:
    from judge import read

    topics = ("ledger.combine", "ledger.run", "partials", "metrics")
    return {
        f"largest_{name}_bytes": max(
            len(record.value or b"") for record in asyncio.run(read(site.bootstrap, PREFIX + name))
        )
        for name in topics
    }


def test_recovery_of_a_million_subjects(site: Site, scale: float) -> None:
    count = int(1_000_000 * scale)
    site.up()
    send(site, (event(number) for number in range(count)), **{"compression.type": "lz4"})
    eventually(lambda: folded(site) >= count, "a million results", 900, pause_s=2)
    recovered_s = [site.kill_worker() for _ in range(3)]
    assert folded(site) == count
    begin = time.monotonic()
    verify = site.start("verify", "--wait", "600")
    seen_mb = [0.0]
    while verify.poll() is None:
        seen_mb.append(figures.together_mb(verify.pid))
        time.sleep(0.2)
    assert verify.returncode == 0, (site.folder / "verify.log").read_text()
    figures.keep(
        "recovery",
        verify_s=round(time.monotonic() - begin, 1),
        verify_peak_mb=max(seen_mb),
        subjects=count,
        ready_again=figures.spread(recovered_s),
        worker_mb=figures.peak_mb(site.worker_pid()),
    )
