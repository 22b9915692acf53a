"""A result as the log has it, in the few fields by which a run is resumed."""

from typing import Any

import msgspec

from events.envelope import Id, Tier, Time, Usd
from events.results import NO_OUTPUT, Failure, ImageResult, Status

COMMAND = "command_id"
"""The attribute of a reprocessed result that names the command it was made by."""


class LoggedResult(msgspec.Struct, kw_only=True, frozen=True):
    """An image result as it stands in the log, in the fields that resuming needs. Units as in the event (UTC, USD)."""

    event_id: Id
    event_time: Time
    status: Status
    run_id: str | None = None
    source: str = "unknown"
    image_id: Id | None = None
    tier: Tier = 1
    attempt: int = 1
    final: bool = True
    will_retry: bool = False
    model: str = "unknown"
    cost_usd: Usd | None = None
    error: Failure | None = None
    batch_id: str | None = None
    context_score: float | None = None
    content_hash: str | None = None
    model_version: str | None = None
    attributes: dict[str, str] | None = None
    output: msgspec.Raw = NO_OUTPUT

    @property
    def command_id(self) -> str | None:
        """The reprocess command that asked for it; None for the plan's own."""
        return (self.attributes or {}).get(COMMAND)

    def read_output(self) -> dict[str, Any]:
        """The model's own JSON; empty where it said none, or no object."""
        try:
            return msgspec.json.decode(self.output, type=dict[str, Any])
        except (msgspec.DecodeError, RecursionError):
            return {}


_FIELDS = LoggedResult.__struct_fields__


def logged(result: ImageResult) -> LoggedResult:
    """The same of a result that was just made."""
    return LoggedResult(**{name: getattr(result, name) for name in _FIELDS})
