"""Records that nobody should send, in numbers; and more runs, models and subjects than anybody has."""

import asyncio
import itertools
import json
import math
import random
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import figures
import msgspec
import pytest
from aiokafka import AIOKafkaProducer
from confluent_kafka import Producer
from judge import read
from load import Load
from site_under_test import PREFIX, Site, eventually, say
from verdict import require_all_named, require_equal, shown

from events.snapshots import RunMetrics

pytestmark = [pytest.mark.faults, pytest.mark.timeout(800)]

MEMORY_MB = 1_000
_A_TIME = 50
"""Records between two looks at the time."""
LEAST_SHARE = 0.5
"""Of what is counted without hostile ones."""
CLEAN_S = 20
EVIL, WAITING = 200_000, 50_000
LZ4 = {"compression.type": "lz4"}
RUN = "many"
BASE = {"event_type": "image.result", "status": "success", "run_id": RUN}


def send(
    site: Site, records: Iterator[tuple[bytes | None, bytes | None]], *, a_second: float = math.inf, **settings: Any
) -> None:
    """To `results`, hashed as others do where there is a key; so many `a_second`, by default as fast as it goes."""
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
    began = time.monotonic()
    for number, (key, value) in enumerate(records):
        if number % _A_TIME == 0:
            time.sleep(max(0.0, began + number / a_second - time.monotonic()))
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


def test_two_hundred_thousand_hostile_records_and_one_of_100_mib(
    site: Site, chance: random.Random, rate: int, scale: float
) -> None:
    """Beside the steady load, as many a second as it has itself; what is compared with what: docs/decisions/0047."""
    evil = int(EVIL * scale)
    site.up()
    load = Load(site.bootstrap, PREFIX, chance, rate, runs=[RUN], judged=10**9).start()
    try:
        eventually(lambda: folded(site), "the first results")
        clean = Watched(site, load)
        time.sleep(CLEAN_S)
        clean.end()
        among = Watched(site, load)
        send(site, hostile(chance, evil // 2), a_second=rate, **LZ4)
        asyncio.run(send_huge(site))
        send(site, hostile(chance, evil - evil // 2), a_second=rate, **LZ4)
        among.end()
    finally:
        load.stop()
    say(f"clean {clean}; beside {evil:,} hostile ones {among}")
    expected = require_equal(site)
    assert sum(expected.refused.values()) > evil
    worker_mb, sink_mb = figures.peak_mb(site.worker_pid()), figures.peak_mb(int(site.pids()["sink"]))
    figures.keep(
        "hostile",
        hostile=evil,
        hostile_rate=round(evil / among.took_s),
        clean_rate=round(clean.rate),
        good_rate=round(among.rate),
        good_share=round(among.share / clean.share, 2),
        worker_peak_mb=worker_mb,
        sink_peak_mb=sink_mb,
    )
    assert among.share >= LEAST_SHARE * clean.share
    assert worker_mb < MEMORY_MB
    assert sink_mb < MEMORY_MB


class Watched:
    """A stretch of a load: results a second that live snapshots count in it, and their share of what was published."""

    def __init__(self, site: Site, load: Load) -> None:
        self._site, self._load = site, load
        self._began = self._now()

    def end(self) -> None:
        """It ends here."""
        results, published, took_s = (after - before for before, after in zip(self._began, self._now(), strict=True))
        self.took_s, self.rate, self.share = took_s, results / took_s, results / published

    def _now(self) -> tuple[float, float, float]:
        return folded(self._site), self._load.published, time.monotonic()

    def __str__(self) -> str:
        return f"{self.rate:,.0f} results a second, {self.share:.0%} of what was published, in {self.took_s:.0f} s"


def test_as_many_hostile_records_as_good_ones_in_a_backlog(site: Site, chance: random.Random, scale: float) -> None:
    """What a worker does at its limit, alone: kept as a figure. What the good ones are: docs/decisions/0047."""
    site.migrate()
    waiting = int(WAITING * scale)
    load = Load(site.bootstrap, PREFIX, chance, 100, runs=[RUN])
    send(site, itertools.islice(load.results(), waiting))
    clean_rate = worked_off(site, waiting)
    send(site, mixed(itertools.islice(load.results(), waiting), hostile(chance, waiting)), **LZ4)
    good_rate = worked_off(site, 2 * waiting)
    say(f"clean {clean_rate:,.0f} a second, good ones among as many hostile {good_rate:,.0f}")
    figures.keep("hostile_backlog", waiting=waiting, clean_rate=round(clean_rate), good_rate=round(good_rate))
    site.up()
    load.start().stop()
    require_equal(site)


def worked_off(site: Site, count: int) -> float:
    """Results a second of a worker that finds them all in the log, alone, from ready to the snapshot that has all."""
    worker = site.worker(0)
    eventually(site.is_ready, "the worker", pause_s=0.02)
    before, began_ms = folded(site), time.time_ns() // 1_000_000
    eventually(lambda: folded(site) >= count, f"{count:,} results", 900, pause_s=1)
    assert figures.peak_mb(worker.pid) < MEMORY_MB
    worker.terminate()
    assert worker.wait(60) == 0
    ended_ms = next(at_ms for at_ms, results in snapshots(site) if results >= count)
    return 1_000 * (count - before) / (ended_ms - began_ms)


def snapshots(site: Site) -> list[tuple[int, int]]:
    """Of each snapshot of the run: when it was written (ms), and how many results it counts."""
    records = asyncio.run(read(site.bootstrap, PREFIX + "metrics"))
    return [
        (record.timestamp, msgspec.json.decode(record.value, type=RunMetrics).totals.get("results", 0))
        for record in records
        if record.key == RUN.encode()
    ]


async def send_huge(site: Site) -> None:
    """100 MiB, some hundred kB in the log."""
    client = AIOKafkaProducer(
        bootstrap_servers=site.bootstrap, compression_type="gzip", max_request_size=256 << 20, max_batch_size=128 << 20
    )
    await client.start()
    await client.send_and_wait(PREFIX + "results", b'{"x": "' + b"9" * (100 << 20) + b'"}', b"huge")
    await client.stop()


def mixed(
    first: Iterator[tuple[bytes, bytes]], second: Iterator[tuple[bytes | None, bytes | None]]
) -> Iterator[tuple[bytes | None, bytes | None]]:
    """In turn, until both are at their end."""
    return (item for pair in itertools.zip_longest(first, second) for item in pair if item is not None)


def folded(site: Site, run_id: str = RUN) -> int:
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
    require_equal(site)
    if case == "models":
        require_all_named(site, RUN, "model", len(chosen), len(chosen))
        require_all_named(site, RUN, "provider", min(5_000, len(chosen)), len(chosen))
    largest = largest_record(site)
    figures.keep(f"many_{case.replace(' ', '_')}", worker_peak_mb=figures.peak_mb(site.worker_pid()), **largest)
    assert max(largest.values()) < 8 << 20
    assert figures.peak_mb(site.worker_pid()) < MEMORY_MB


def largest_record(site: Site) -> dict[str, int]:
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
    send(site, (event(number) for number in range(count)), **LZ4)
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
    figures.equal()
    figures.keep(
        "recovery",
        verify_s=round(time.monotonic() - begin, 1),
        verify_peak_mb=max(seen_mb),
        subjects=count,
        ready_again=figures.spread(recovered_s),
        worker_mb=figures.peak_mb(site.worker_pid()),
    )
