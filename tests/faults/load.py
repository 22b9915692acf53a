"""A steady load of whatever a log may hold: repeats, retries, late and skewed events, what is no event."""

import random
import threading
import time
from collections import deque
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import logs
import msgspec
from confluent_kafka import Producer
from site_under_test import say

from events.codec import encode
from events.sdk.ids import uuid7

RUNS = ["spring backfill", "zwei/ü", None]
MALFORMED = [
    b"",
    b"{",
    b"[]",
    b"null",
    b"\xff\xfe",
    b'{"event_type": "image.result"}',
    b'{"event_type": "no.such", "event_id": "1", "event_time": "2026-11-01T00:00:00Z"}',
    b'{"a":' * 40 + b"1" + b"}" * 40,
    b'{"event_id": "1", "event_type": "image.result", "event_time": "2026-11-01T00:00:00Z", "status": "success"}',
]
_SLICE_S = 0.02
_TRICKLE = 5
_TEMPLATES = 2_000
_REMEMBERED = 20_000
_DEAR_USD = 1.0


class Load:
    """Publishes about `rate` records a second until stopped, from a thread of its own.

    `repeats`, `malformed`: shares of them. `runs`, `subjects`: run ids to choose from, how many subjects. `judged`:
    after so many records, by default those of 50 s, only a trickle, however long the faults take: the judge is slow.
    """

    def __init__(
        self,
        bootstrap: str,
        prefix: str,
        chance: random.Random,
        rate: int,
        *,
        repeats: float = 0.02,
        malformed: float = 0.01,
        runs: list[str | None] = RUNS,
        subjects: int = 20_000,
        judged: int | None = None,
    ) -> None:
        # Whatever happens to the broker, nothing is given up and nothing is sent in another order.
        self._producer = Producer(
            {
                "bootstrap.servers": bootstrap,
                "enable.idempotence": True,
                "linger.ms": 5,
                "message.timeout.ms": 0,
                "reconnect.backoff.max.ms": 500,
                "queue.buffering.max.messages": 1_000_000,
                "partitioner": "murmur2_random",
                "log_level": 2,
            }
        )
        self._prefix = prefix
        self._chance = random.Random(chance.random())
        self._rate, self._judged = rate, 50 * rate if judged is None else judged
        self._repeats, self._malformed, self._runs, self._subjects = repeats, malformed, runs, subjects
        self._templates = self._make_templates()
        self._sent: deque[tuple[str, bytes, bytes]] = deque(maxlen=_REMEMBERED)
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._publish, daemon=True)  # a test that fails leaves it running
        self.published = 0

    def start(self) -> "Load":
        self._thread.start()
        return self

    def stop(self) -> None:
        """No more; returns when the broker has everything."""
        self._ended.set()
        self._thread.join()
        assert self._producer.flush(240) == 0, "the broker does not take the rest"
        say(f"{self.published:,} records published")

    def publish(self, count: int) -> None:
        """So many at once, as fast as it goes."""
        for _ in range(count):
            self._one()
            if self.published % 1_000 == 0:
                self._producer.poll(0)
        assert self._producer.flush(120) == 0

    def results(self) -> Iterator[tuple[bytes, bytes]]:
        """Key and value of results as the load has them, without end, none of them twice or dear; not published.

        In SQL a run's costs add up to at most 9.2 billion dollars, and 50,000 of the dear ones are more.
        """
        chosen = [one for one in self._templates if one[0] == "results" and (one[2].cost_usd or 0) <= _DEAR_USD]
        while True:
            yield self._event(chosen)[1:]

    def _publish(self) -> None:
        last, owed = time.monotonic(), 0.0
        while not self._ended.wait(_SLICE_S):
            now = time.monotonic()
            owed += (now - last) * (self._rate if self.published < self._judged else _TRICKLE)
            last = now
            for _ in range(min(int(owed), self._rate)):  # after a pause of the machine not all at once
                self._one()
            owed %= 1
            self._producer.poll(0)

    def _one(self) -> None:
        draw = self._chance.random()
        if draw < self._malformed:
            topic, key, value = "results", b"i%d" % self._chance.randrange(99), self._chance.choice(MALFORMED)
        elif draw < self._malformed + self._repeats and self._sent:
            topic, key, value = self._chance.choice(self._sent)
        else:
            topic, key, value = self._event(self._templates)
            self._sent.append((topic, key, value))
        self._producer.produce(self._prefix + topic, value, key)
        self.published += 1

    def _event(self, templates: list[tuple[str, str, Any]]) -> tuple[str, bytes, bytes]:
        topic, own_id, template = self._chance.choice(templates)
        subject = f"{own_id}-{self._chance.randrange(self._subjects)}"
        fields = {
            "event_id": uuid7(),
            "event_time": self._event_time(),
            "run_id": self._chance.choice(self._runs),
            own_id: subject,
        }
        return topic, subject.encode(), encode(msgspec.structs.replace(template, **fields))

    def _event_time(self) -> datetime:
        now, draw = datetime.now(UTC), self._chance.random()
        if draw < 0.90:
            return now - timedelta(seconds=self._chance.uniform(0, 5))
        if draw < 0.97:
            return now - timedelta(hours=self._chance.uniform(0, 20))
        if draw < 0.99:
            return now - timedelta(days=self._chance.uniform(1.1, 40))  # late
        return now + timedelta(minutes=self._chance.uniform(6, 600))  # skewed

    def _make_templates(self) -> list[tuple[str, str, Any]]:
        envelope = {"event_id": "", "event_time": datetime.now(UTC), "run_id": None, "source": "load"}
        made: list[tuple[str, str, Any]] = []
        for number in range(_TEMPLATES):
            if number % 20:
                event = logs.result(self._chance, envelope)
                made.append(("results", next(own for kind, own in logs.KINDS if type(event) is kind), event))
            else:
                made.append(("feedback", "image_id", logs.feedback(self._chance, envelope)))
        return made
