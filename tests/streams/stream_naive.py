"""Generated results, and a fold of them so naive that it can be read: sets and sums, one record after the other."""

import json
import random
from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from aiokafka import ConsumerRecord

from events.codec import decode
from events.numbers import nano_usd, whole_ms
from events.refusals import Refused
from events.sdk.ids import uuid7

MALFORMED = [b"", b"{", b"[]", b"\xff\xfe", b'{"event_type": "image.result"}', b'{"event_type": "no.such"}', b"null"]


class Published(NamedTuple):
    topic: str
    key: bytes | None
    value: bytes


def results(chance: random.Random, count: int, runs: list[str | None], now: datetime) -> Iterator[Published]:
    """Results and feedback of a few runs: retries, repeats of an event, malformed ones, unknown costs, all kinds."""
    repeatable: list[Published] = []
    for number in range(count):
        draw = chance.random()
        if draw < 0.01:
            yield Published("results", b"image-%d" % number, chance.choice(MALFORMED))
        elif draw < 0.05 and repeatable:
            yield chance.choice(repeatable)
        elif draw < 0.10:
            yield _feedback(chance, count, chance.choice(runs), now)
        else:
            made = _result(chance, count, chance.choice(runs), now)
            repeatable.append(made)
            yield made


def _result(chance: random.Random, count: int, run: str | None, now: datetime) -> Published:
    image = f"image-{chance.randrange(count // 3)}"
    event: dict[str, Any] = {
        "event_id": uuid7(),
        "event_type": "image.result",
        "event_time": (now - timedelta(seconds=chance.uniform(0, 1800))).isoformat(),
        "image_id": image,
        "status": chance.choices(["success", "partial", "failed"], [8, 1, 1])[0],
        "final": chance.random() < 0.8,
        "tier": chance.randint(1, 3),
        "attempt": chance.choice([1, 1, 1, 2]),
        "model": chance.choice(["haiku", "sonnet", "opus"]),
        "provider": "anthropic",
        "input_tokens": chance.randrange(5000),
    }
    if run is not None:
        event["run_id"] = run
    if chance.random() < 0.9:
        event["cost_usd"] = chance.randrange(100_000) / 1e6
        event["latency_ms"] = chance.uniform(1, 9000)
    return Published("results", image.encode(), json.dumps(event).encode())


def _feedback(chance: random.Random, count: int, run: str | None, now: datetime) -> Published:
    image = f"image-{chance.randrange(count // 3)}"
    event = {
        "event_id": uuid7(),
        "event_type": "feedback.recorded",
        "event_time": now.isoformat(),
        "image_id": image,
        "rating": chance.choice([-1, 1]),
        "run_id": run or "default",
    }
    return Published("feedback", image.encode(), json.dumps(event).encode())


class Totals:
    """One run, in any number of source partitions."""

    def __init__(self) -> None:
        self.sums: dict[str, int] = defaultdict(int)
        self.ids: set[tuple[int, str]] = set()
        self.subjects: dict[tuple[int, str], dict[str, Any]] = {}
        self.ratings: dict[tuple[int, str], int] = {}

    def take(self, partition: int, event: Any) -> None:
        if (partition, event.event_id) in self.ids:
            self.sums["duplicates"] += 1
            return
        self.ids.add((partition, event.event_id))
        self.sums["results"] += 1
        self.sums[event.status] += 1
        self.sums["retries"] += event.attempt > 1
        self.sums["input_tokens"] += event.input_tokens
        if event.cost_usd is None:
            self.sums["unpriced"] += 1
        else:
            self.sums["cost_nano_usd"] += nano_usd(event.cost_usd)
        if event.latency_ms is None:
            self.sums["untimed"] += 1
        else:
            self.sums["latency_ms_sum"] += whole_ms(event.latency_ms)
        subject = self.subjects.setdefault((partition, event.subject_id), {"processed": False, "successes": {}})
        subject["failed"] = event.status == "failed"
        subject["processed"] |= event.final and event.status != "failed"
        if event.status == "success":
            subject["successes"][event.tier] = subject["successes"].get(event.tier, 0) + 1

    def counters(self) -> dict[str, int]:
        found = list(self.subjects.values())
        self.sums["subjects"] = len(found)
        self.sums["processed_subjects"] = sum(subject["processed"] for subject in found)
        self.sums["failed_subjects"] = sum(subject["failed"] for subject in found)
        self.sums["reprocessed_subjects"] = sum(max(s["successes"].values(), default=0) > 1 for s in found)
        self.sums["thumbs_up"] = sum(rating == 1 for rating in self.ratings.values())
        self.sums["thumbs_down"] = sum(rating == -1 for rating in self.ratings.values())
        return {name: value for name, value in self.sums.items() if value}


class Folded(NamedTuple):
    totals: dict[str, dict[str, int]]
    refused: list[bytes]


def fold(results: list[ConsumerRecord], feedback: list[ConsumerRecord]) -> Folded:
    """Run → counters, and the keys of the dead letters, of all records of the two topics."""
    runs: dict[str, Totals] = defaultdict(Totals)
    refused: list[bytes] = []
    for record in results:
        event = _decoded("results", record, refused)
        if event is not None:
            runs[_run_of(event)].take(record.partition, event)
    for record in feedback:
        event = _decoded("feedback", record, refused)
        if event is not None:
            runs[_run_of(event)].ratings[record.partition, event.image_id] = event.rating
    return Folded({run: totals.counters() for run, totals in runs.items()}, sorted(refused))


def _decoded(kind: Any, record: ConsumerRecord, refused: list[bytes]) -> Any:
    try:
        return decode(kind, record.value, record.headers)
    except Refused:
        refused.append(f"{record.topic}-{record.partition}-{record.offset}".encode())
        return None


def _run_of(event: Any) -> str:
    return str(event.run_id or f"default-{event.event_time.astimezone(UTC):%Y-%m}")
