"""A call's outcome or failure as the event that tells of it."""

from datetime import datetime
from typing import Any

import msgspec

from events.results import Failure, ImageResult
from processors.errors import CallError
from processors.logged import COMMAND
from processors.models.base import Outcome, Request

SOURCE = "imageledger.processors"
MAX_MESSAGE = 2_000
_PROVIDER_SAID = ("rate_limit", "rate_limit_remaining")
"""Fields of an outcome that heartbeats carry, not results."""


class Author(msgspec.Struct, frozen=True, kw_only=True):
    """Who makes the results, and in which run: the same on each."""

    run_id: str
    processor_id: str
    strategy: str
    environment: str | None = None


class Moment(msgspec.Struct, frozen=True, kw_only=True):
    """When the call began and ended."""

    started_at: datetime
    ended_at: datetime


def image_result(
    author: Author,
    request: Request,
    said: Outcome | CallError,
    moment: Moment,
    *,
    event_id: str,
    final: bool,
    will_retry: bool = False,
    batch_id: str | None = None,
    command_id: str | None = None,
) -> ImageResult:
    """The event. `final`: nothing more is planned for the image; `will_retry`: this call is made again.

    `command_id`: the reprocess command that asked for the call.
    """
    image, context = request.image, request.context
    return ImageResult(
        event_id=event_id,
        event_time=moment.ended_at,
        run_id=author.run_id,
        source=SOURCE,
        processor_id=author.processor_id,
        strategy=author.strategy,
        environment=author.environment,
        image_id=image.image_id,
        vehicle_id=image.vehicle_id,
        vehicle_type=image.vehicle_type,
        image_uri=image.uri,
        tier=request.tier,
        task_type=request.task_type,
        task_complexity=request.task_complexity,
        model=request.model,
        provider=request.provider,
        prompt_version=request.prompt_version,
        attempt=request.attempt,
        started_at=moment.started_at,
        final=final,
        will_retry=will_retry,
        batch_id=batch_id,
        attributes=None if command_id is None else {COMMAND: command_id},
        context_score=context.score if context.profile is not None else None,
        context_items=list(context.items) or None,
        **(_outcome_fields(said) if isinstance(said, Outcome) else _failure_fields(said)),
    )


def _outcome_fields(outcome: Outcome) -> dict[str, Any]:
    fields = msgspec.structs.asdict(outcome)
    for name in _PROVIDER_SAID:
        del fields[name]
    fields["output"] = msgspec.Raw(msgspec.json.encode(outcome.output))
    return fields


def _failure_fields(error: CallError) -> dict[str, Any]:
    # A file name may hold what is not Unicode, and a library's message may be long.
    message = error.message.encode("utf-8", "replace").decode()[:MAX_MESSAGE]
    return {
        "status": "failed",
        "error": Failure(type=error.type, message=message, timeout=error.timeout or None),
        "latency_ms": error.latency_ms,
        "input_tokens": error.input_tokens,
        "output_tokens": error.output_tokens,
        "cost_usd": error.cost_usd,
        "cost_source": None if error.cost_usd is None else "local",
        "content_hash": error.content_hash,
    }
