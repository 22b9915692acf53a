"""Events by HTTP: each is judged by the codec that the worker uses, and answered after Kafka confirmed it."""

import asyncio
from collections import Counter, OrderedDict
from typing import Any, Literal

import msgspec
from aiokafka.errors import KafkaError

from dashboard.errors import BadEvents, NotConfirmed
from events import codec, inspection
from events.cloudevents import headers
from events.codec import EVENT_TYPES, Kind
from events.envelope import Event, event_type
from events.feedback import FeedbackRecorded
from events.profiles import VehicleProfiled
from events.refusals import MAX_RECORD_BYTES, Reason, Refused
from events.results import ComponentResult, ImageResult, MessageResult
from events.sdk.connection import Connection
from events.sdk.prices import Prices
from events.sdk.security import OPEN, Security
from events.topics import full_name

ACCEPTED: tuple[Kind, ...] = ("results", "runs", "heartbeats", "feedback", "profiles")
"""Snapshots, alerts and commands have their one writer; they are not taken from outside."""
TOPIC_OF: dict[str, Kind] = {event_type(kind): topic for topic in ACCEPTED for kind in EVENT_TYPES[topic]}
MAX_EVENTS = 10_000
CONFIRM_S = 15.0
IDS_KEPT = 20_000
_STRUCTURED = [("content-type", b"application/cloudevents+json")]


class Verdict(msgspec.Struct, rename="camel", frozen=True, omit_defaults=True, kw_only=True):
    """What became of the event at `index`: where it stands in the log, or why it was refused.

    `duplicate`: it stands there too, but its id was taken before, and the first to have it counts.
    """

    index: int
    status: Literal["accepted", "duplicate", "rejected"]
    event_id: str | None = None
    topic: str | None = None
    partition: int | None = None
    offset: int | None = None
    reason: Reason | None = None
    detail: str | None = None


class Verdicts(msgspec.Struct, rename="camel", frozen=True, kw_only=True):
    """The answer to a POST: a verdict for each event, in the order given."""

    accepted: int
    duplicates: int
    rejected: int
    events: list[Verdict]


class _Head(msgspec.Struct):
    event_type: str | None = None


class Ingest:
    """The way in. One idempotent producer (acks=all), connected when the first event comes.

    It remembers the last IDS_KEPT ids that Kafka confirmed. What is a duplicate is decided by the fold, which forgets
    none; this memory only lets the sender know.
    """

    def __init__(
        self,
        bootstrap: str,
        prefix: str,
        security: Security = OPEN,
        *,
        prices: Prices | None = None,
        confirm_s: float = CONFIRM_S,
    ) -> None:
        self._connection = Connection(bootstrap, security)
        self._prefix = prefix
        self._prices = prices
        self._confirm_s = confirm_s
        self._ids: OrderedDict[tuple[str, int, str | None, str], None] = OrderedDict()

    async def close(self) -> None:
        """End the producer."""
        await self._connection.close()

    async def take(self, body: bytes, *, structured: bool = False) -> Verdicts:
        """One event or an array of them; `structured`: CloudEvents, whose `data` is the event.

        Raises BadEvents where the body is no JSON, and NotConfirmed where Kafka does not confirm.
        """
        judged = [judge(bytes(item), structured=structured) for item in _items(body)]
        sound = [(index, self._priced(*found)) for index, found in enumerate(judged) if not isinstance(found, Refused)]
        try:
            async with asyncio.timeout(self._confirm_s):
                places = await self._send([found for _, found in sound])
        except (KafkaError, OSError, TimeoutError) as error:
            raise NotConfirmed(
                f"Kafka did not confirm all {len(sound)} events within {self._confirm_s:g} s; send them again: "
                "an event_id counts once"
            ) from error
        verdicts = [
            Verdict(index=index, status="rejected", reason=found.reason, detail=found.detail)
            for index, found in enumerate(judged)
            if isinstance(found, Refused)
        ]
        verdicts += [
            self._placed(index, event, place) for (index, (_, event, _)), place in zip(sound, places, strict=True)
        ]
        verdicts.sort(key=lambda verdict: verdict.index)
        counts = Counter(verdict.status for verdict in verdicts)
        return Verdicts(
            accepted=counts["accepted"], duplicates=counts["duplicate"], rejected=counts["rejected"], events=verdicts
        )

    def _priced(self, topic: Kind, event: Event, value: bytes) -> tuple[Kind, Event, bytes]:
        """With its cost, where it says none and a price is known; else the sender's own bytes."""
        said = self._prices.priced_record(event, value) if self._prices else value
        return topic, event, said if len(said) <= MAX_RECORD_BYTES else value

    def _placed(self, index: int, event: Event, place: Any) -> Verdict:
        identity = (place.topic, place.partition, event.run_id, event.event_id)
        known = identity in self._ids
        self._ids[identity] = None
        self._ids.move_to_end(identity)
        if len(self._ids) > IDS_KEPT:
            self._ids.popitem(last=False)
        return Verdict(
            index=index,
            status="duplicate" if known else "accepted",
            event_id=event.event_id,
            topic=place.topic,
            partition=place.partition,
            offset=place.offset,
        )

    async def publish(self, topic: Kind, event: Event) -> None:
        """One event of the dashboard's own. Raises NotConfirmed where Kafka does not confirm."""
        try:
            async with asyncio.timeout(self._confirm_s):
                await self._send([(topic, event, codec.encode(event))])
        except (KafkaError, OSError, TimeoutError) as error:
            raise NotConfirmed(f"Kafka did not confirm within {self._confirm_s:g} s: try again") from error

    async def _send(self, sound: list[tuple[Kind, Event, bytes]]) -> list[Any]:
        if not sound:
            return []
        producer = await self._connection.producer()
        try:
            waiting = []
            for topic, event, value in sound:
                key = subject(event)
                waiting.append(
                    await producer.send(
                        full_name(topic, self._prefix), value, key=key.encode(), headers=list(headers(event, key))
                    )
                )
            return await asyncio.gather(*waiting)
        except BaseException:
            await self._connection.give_up(producer)
            raise


def judge(value: bytes, *, structured: bool = False) -> tuple[Kind, Event, bytes] | Refused:
    """The event's topic, the event, and the record's value, or why it is refused."""
    try:
        if structured:
            value = inspection.unwrap(value, _STRUCTURED)
        topic = _topic(value)
        return topic, codec.decode(topic, value), value
    except Refused as refused:
        return refused


def _topic(value: bytes) -> Kind:
    try:
        name = msgspec.json.decode(value, type=_Head).event_type
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        name = None
    if name is None:
        return "results"  # whose decoder says exactly what is wrong
    if name not in TOPIC_OF:
        raise Refused("unknown_type", f"$.event_type: {name!r} is not one of {', '.join(TOPIC_OF)}")
    return TOPIC_OF[name]


def subject(event: Event) -> str:
    """The key that keeps what belongs together in one partition (events/topics.py)."""
    if isinstance(event, ImageResult | ComponentResult | MessageResult):
        return event.subject_id
    if isinstance(event, FeedbackRecorded) and event.subject is not None:
        return event.subject[1]
    if isinstance(event, VehicleProfiled):
        return event.vehicle_id
    return event.run_id or event.event_id


def _items(body: bytes) -> list[msgspec.Raw]:
    try:
        if body.lstrip()[:1] != b"[":
            msgspec.json.decode(body)
            return [msgspec.Raw(body)]
        items = msgspec.json.decode(body, type=list[msgspec.Raw])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadEvents(f"the body is not JSON: {error}") from error
    if len(items) > MAX_EVENTS:
        raise BadEvents(f"{len(items)} events at once; send at most {MAX_EVENTS}")
    return items
