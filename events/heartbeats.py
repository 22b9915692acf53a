"""A processor says that it is alive and how busy it is."""

from typing import Literal

from .envelope import Count, Event, Id, Label


class ProcessorHeartbeat(Event, tag="processor.heartbeat", kw_only=True, frozen=True, omit_defaults=True):
    """`queue_depth` images wait, `active_requests` of `capacity` calls are open; the provider's limit, what is left."""

    processor_id: Id
    state: Literal["starting", "running", "paused", "draining", "stopped"] = "running"
    queue_depth: Count = 0
    active_requests: Count = 0
    capacity: Count | None = None
    provider: Label | None = None
    rate_limit: Count | None = None
    rate_limit_remaining: Count | None = None
