"""What every event carries, whatever happened (DESIGN.md 4.2)."""

from datetime import UTC, datetime
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

Id = Annotated[str, Meta(min_length=1, max_length=200)]
"""Free Unicode text, compared as it is (DETAILS.md, Identity and order)."""
Label = Annotated[str, Meta(max_length=200)]
Text = Annotated[str, Meta(max_length=10_000)]
Uri = Annotated[str, Meta(max_length=4_000)]
Time = Annotated[datetime, Meta(tz=True)]
"""RFC 3339, any offset."""
Count = Annotated[int, Meta(ge=0, le=10**9)]
Tokens = Annotated[int, Meta(ge=0, le=10**12)]
Milliseconds = Annotated[float, Meta(ge=0, le=10**12)]
Usd = Annotated[float, Meta(ge=0, le=10**6)]
Fraction = Annotated[float, Meta(ge=0, le=1)]
Tier = Annotated[int, Meta(ge=0, le=15)]

MAX_ITEMS = 1_000
"""A list or map in an event holds no more (DESIGN.md 4.2, Limits)."""
Bounded = Meta(max_length=MAX_ITEMS)

Severity = Literal["info", "warning", "error", "critical"]

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Event(msgspec.Struct, kw_only=True, frozen=True, omit_defaults=True, tag_field="event_type"):
    """The envelope: in the body, so that any producer can write a bare record.

    `event_id` is any non-empty text; UUIDv7 is recommended (`sdk.ids.uuid7`).
    """

    event_id: Id
    event_time: Time
    schema_version: Annotated[int, Meta(ge=1, le=10**6)] = 1
    run_id: Id | None = None
    source: Label = "unknown"


def event_type(event: Event | type[Event]) -> str:
    """The tag under which the event travels, `image.result` for an `ImageResult`."""
    return str(event.__struct_config__.tag)


def epoch_ms(moment: datetime) -> int:
    """Milliseconds since 1970, rounded down, in integers: `moment` must know its zone."""
    since = moment - EPOCH
    return since.days * 86_400_000 + since.seconds * 1_000 + since.microseconds // 1_000
