"""What a model is to a processor: an image and its context in, an outcome out, or a CallError."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, Protocol

import msgspec

from events.results import Answer, Gap
from processors.backfill.context import NO_CONTEXT, Context
from processors.errors import CallError


class Image(msgspec.Struct, frozen=True, kw_only=True):
    """An image to look at: where it is (`path` for a local file), and the vehicle that it shows."""

    image_id: str
    vehicle_id: str | None = None
    vehicle_type: str | None = None
    uri: str | None = None
    path: Path | None = None


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """One call: which image, for which task of which tier, by which model, with what context.

    `unit_cost_usd` is the plan's flat price of this call; a model that is billed otherwise says its own cost.
    """

    image: Image
    tier: int = 1
    task_type: str = "other"
    task_complexity: str | None = None
    model: str = "unknown"
    provider: str = "unknown"
    prompt_version: str | None = None
    unit_cost_usd: float | None = None
    context: Context = NO_CONTEXT
    attempt: int = 1


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What a call gave. Fields are named as on the result event; None is unknown, which is not zero.

    `output` is the tier's JSON as S2 shapes it. `rate_limit` (calls a minute) and `rate_limit_remaining` are what the
    provider said with the answer.
    """

    status: Literal["success", "partial"] = "success"
    model_version: str | None = None
    latency_ms: float | None = None
    stages: dict[str, float] | None = None
    input_tokens: int = 0
    output_tokens: int = 0
    cached_tokens: int = 0
    tokens_saved: int = 0
    cache_hit: bool = False
    cost_usd: float | None = None
    cost_source: Literal["provider", "local"] | None = None
    price_version: str | None = None
    confidence: float | None = None
    answers: list[Answer] | None = None
    questions_asked: int = 0
    tables: dict[str, int] | None = None
    insights: int = 0
    gaps: list[Gap] | None = None
    findings: dict[str, int] | None = None
    content_hash: str | None = None
    output: Mapping[str, Any] = {}
    rate_limit: int | None = None
    rate_limit_remaining: int | None = None


class Model(Protocol):
    """Anything that looks at images: simulated, local, or a provider's."""

    async def look(self, request: Request) -> Outcome:
        """One call. Raises CallError, which says whether trying again can help."""


async def looked(model: Model, request: Request) -> Outcome | CallError:
    """One call's outcome or its failure; a surprise inside the model is a failure too, so that no image is lost."""
    try:
        return await model.look(request)
    except CallError as error:
        return error
    except Exception as error:  # noqa: BLE001  one image's surprise must not end the run
        return CallError("unexpected_error", f"{type(error).__name__}: {error}")


def mean_confidence(answers: list[Answer]) -> float | None:
    """The mean of the answers' confidences, to four digits; None when none has one."""
    known = [answer.confidence for answer in answers if answer.confidence is not None]
    return round(sum(known) / len(known), 4) if known else None


def rows_by_table(answers: list[Answer]) -> dict[str, int]:
    """How many rows the answers fill in each table."""
    tables: dict[str, int] = {}
    for answer in answers:
        if answer.table is not None:
            tables[answer.table] = tables.get(answer.table, 0) + 1
    return tables
