"""What is worth doing, with the money that it saves (S0, Predictive metrics; S2, prompts)."""

from datetime import UTC, datetime
from typing import Annotated

import msgspec
from litestar import Response, get
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import QueryParameter

from dashboard.bodies.analytics import RecommendationsBody
from dashboard.filters import Days, last
from dashboard.history.advice import Known, recommendations_body
from dashboard.history.models import choices
from dashboard.parts import Parts
from dashboard.routes.reading import AnyRequest, stored_answer
from metrics.intelligence.models import WINDOW_DAYS
from sinks.reading import advice
from sinks.reading.calls import calls
from sinks.reading.chosen import Chosen
from sinks.reading.history import History
from sinks.reading.prices import prices

MAX_LISTED = 500


@get(
    "/api/recommendations",
    tags=["metrics"],
    responses={200: ResponseSpec(RecommendationsBody, generate_examples=False)},
)
async def recommendations(
    parts: NamedDependency[Parts],
    request: AnyRequest,
    chosen: NamedDependency[Chosen],
    days: Days = WINDOW_DAYS,
    limit: Annotated[int, QueryParameter(ge=1, le=MAX_LISTED)] = MAX_LISTED,
) -> Response[bytes]:
    """Documents that save money, cheaper models, what to ask again, batch size, concurrency; each with its numbers.

    `limit`: of these the first so many, those that save most.
    """
    about = last(chosen, days, datetime.now(UTC))
    known = await parts.store().ask(lambda history: _known(history, about))
    body = recommendations_body(known, about.run, days)
    return stored_answer(request, msgspec.structs.replace(body, recommendations=body.recommendations[:limit]))


def _known(history: History, about: Chosen) -> Known:
    vehicles = advice.documented(history, about)
    return Known(
        models=choices(calls(history, about), "task_type"),
        batches=advice.batches(history, about),
        minutes=advice.minutes(history, about),
        vehicles=vehicles,
        prices=prices(history, about),
        parts=advice.parts(history, [one.profile.vehicle_id for one in vehicles]) if vehicles else {},
    )
