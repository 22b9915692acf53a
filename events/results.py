"""One model call's outcome on one subject: an image, a generated component or a conversation message."""

from typing import Annotated, Literal

import msgspec

from .envelope import (
    Bounded,
    Count,
    Event,
    Fraction,
    Id,
    Label,
    Milliseconds,
    Text,
    Tier,
    Time,
    Tokens,
    Uri,
    Usd,
)

Status = Literal["success", "partial", "failed"]
Validator = Literal["receipt", "user", "expert"]
NO_OUTPUT = msgspec.Raw(b"")
Score = Annotated[float, msgspec.Meta(ge=-1e6, le=1e6)]


class Answer(msgspec.Struct, kw_only=True, frozen=True, omit_defaults=True):
    """One question put to the model, what it said, and where that went (lineage: question → answer → row)."""

    question: Text
    answer: Text | bool | int | float | None = None
    confidence: Fraction | None = None
    table: Label | None = None
    record_id: Label | None = None
    agreeing_models: Count | None = None
    asked_models: Count | None = None
    validated_by: Validator | None = None


class Failure(msgspec.Struct, kw_only=True, frozen=True, omit_defaults=True):
    """Why a result is failed or partial."""

    type: Label = "error"
    message: Text | None = None
    timeout: bool | None = None


class Gap(msgspec.Struct, kw_only=True, frozen=True, omit_defaults=True):
    """A document that is missing, what it would be worth, and how to get it (S2, gap finder)."""

    item: Text
    value: Text | None = None
    how_to_get: Text | None = None


class Result(Event, kw_only=True, frozen=True, omit_defaults=True):
    """The fields that the three result types share (DESIGN.md 4.2, `Result`).

    Unknown is not zero: `cost_usd` and `latency_ms` are None when nobody said them.
    """

    status: Status
    final: bool = True
    error: Failure | None = None
    attempt: Annotated[int, msgspec.Meta(ge=1, le=10**9)] = 1
    will_retry: bool = False

    tier: Tier = 1
    task_type: Label = "other"
    task_complexity: Label | None = None
    strategy: Label | None = None
    variant: Label | None = None
    batch_id: Label | None = None
    processor_id: Label | None = None
    prompt_version: Label | None = None
    environment: Label | None = None
    trace_id: Label | None = None
    parent_id: Label | None = None

    model: Label = "unknown"
    model_version: Label | None = None
    provider: Label = "unknown"

    started_at: Time | None = None
    latency_ms: Milliseconds | None = None
    stages: Annotated[dict[Label, Milliseconds], Bounded] | None = None

    input_tokens: Tokens = 0
    output_tokens: Tokens = 0
    cached_tokens: Tokens = 0
    tokens_saved: Tokens = 0
    cache_hit: bool = False
    usage: Annotated[dict[Label, Tokens], Bounded] | None = None

    cost_usd: Usd | None = None
    stage_costs: Annotated[dict[Label, Usd], Bounded] | None = None
    price_version: Label | None = None
    cost_source: Literal["provider", "local"] | None = None

    confidence: Fraction | None = None
    scores: Annotated[dict[Label, Score], Bounded] | None = None

    context_score: Annotated[float, msgspec.Meta(ge=0, le=100)] | None = None
    context_items: Annotated[list[Text], Bounded] | None = None

    answers: Annotated[list[Answer], Bounded] | None = None
    questions_asked: Count = 0

    tables: Annotated[dict[Label, Count], Bounded] | None = None
    insights: Count = 0
    gaps: Annotated[list[Gap], Bounded] | None = None
    findings: Annotated[dict[Label, Count], Bounded] | None = None

    attributes: Annotated[dict[Label, Text], Bounded] | None = None
    output: msgspec.Raw = NO_OUTPUT
    """The model's own JSON, kept verbatim."""

    @property
    def subject_id(self) -> str:
        """The id of what was looked at; its records share a partition when keyed by it."""
        raise NotImplementedError


class ImageResult(Result, tag="image.result", kw_only=True, frozen=True, omit_defaults=True):
    """A model looked at an image, which may belong to a vehicle."""

    image_id: Id
    vehicle_id: Id | None = None
    vehicle_type: Label | None = None
    image_uri: Uri | None = None
    content_hash: Label | None = None

    @property
    def subject_id(self) -> str:
        """The image's id."""
        return self.image_id


class ComponentResult(Result, tag="component.result", kw_only=True, frozen=True, omit_defaults=True):
    """A model generated a component (S1)."""

    component_id: Id
    component_type: Label | None = None

    @property
    def subject_id(self) -> str:
        """The component's id."""
        return self.component_id


class MessageResult(Result, tag="message.result", kw_only=True, frozen=True, omit_defaults=True):
    """A model answered a message of a conversation (S4)."""

    message_id: Id
    conversation_id: Id | None = None
    user_id: Id | None = None
    task_type: Label = "general_chat"

    @property
    def subject_id(self) -> str:
        """The message's id."""
        return self.message_id


AnyResult = ImageResult | ComponentResult | MessageResult
