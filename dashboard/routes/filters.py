"""The filters that reads of single results take, as a query's parameters."""

from datetime import datetime
from typing import Annotated

from litestar.params import FromQuery, QueryParameter

from sinks.explorer import Filters, Status

MAX_TIER = 15


def filters(
    run: FromQuery[str | None] = None,
    start: Annotated[datetime | None, QueryParameter(name="from")] = None,
    end: Annotated[datetime | None, QueryParameter(name="to")] = None,
    tier: Annotated[int | None, QueryParameter(ge=0, le=MAX_TIER)] = None,
    model: FromQuery[str | None] = None,
    provider: FromQuery[str | None] = None,
    status: FromQuery[Status | None] = None,
    task_type: FromQuery[str | None] = None,
    component_type: FromQuery[str | None] = None,
    vehicle: FromQuery[str | None] = None,
    text: FromQuery[str | None] = None,
) -> Filters:
    """What is asked for; an empty value is none, as an untouched field of a form sends it."""
    return Filters(
        run=run or None, start=start, end=end, tier=tier, model=model or None, provider=provider or None,
        status=status, task_type=task_type or None, component_type=component_type or None, vehicle=vehicle or None,
        text=text or None,
    )  # fmt: skip
