"""What an operator asks of the processors of a run."""

from typing import Annotated, Literal

from .envelope import Bounded, Event, Id, Label, Text

Action = Literal["pause", "resume", "set_concurrency", "reprocess"]


class CommandIssued(Event, tag="command.issued", kw_only=True, frozen=True, omit_defaults=True):
    """Answered by `command.acknowledged`. `args`: `concurrency` for set_concurrency, filters for reprocess."""

    run_id: Id  # narrowed: the envelope's is optional
    command_id: Id
    action: Action
    args: Annotated[dict[Label, Text | int | float | bool | None], Bounded] | None = None
    issued_by: Label = "unknown"
    reason: Text | None = None
