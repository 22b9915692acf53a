"""CloudEvents 1.0, Kafka binding, binary mode: the envelope once more as headers, for tools that route by them."""

from .codec import Headers
from .envelope import Event, event_type


def headers(event: Event, subject: str | None = None) -> Headers:
    """The `ce_` headers beside an event's JSON; `subject` is the id of what it is about."""
    found = [
        ("ce_specversion", b"1.0"),
        ("ce_id", event.event_id.encode()),
        ("ce_source", event.source.encode() or b"unknown"),
        ("ce_type", event_type(event).encode()),
        ("ce_time", event.event_time.isoformat().encode()),
        ("content-type", b"application/json"),
    ]
    if subject is not None:
        found.append(("ce_subject", subject.encode()))
    return found
