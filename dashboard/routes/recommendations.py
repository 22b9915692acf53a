"""What is worth doing, with the money that it saves (S0, Predictive metrics; S2, prompts)."""

import asyncio
from datetime import UTC, datetime
from typing import Annotated

import msgspec
from litestar import Response, get
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import QueryParameter

from dashboard.bodies.analytics import RecommendationsBody
from dashboard.filters import Days, last
from dashboard.history.advice import Known, receipts_for, recommendations_body
from dashboard.history.models import choices
from dashboard.history.store import Store
from dashboard.parts import Parts
from dashboard.routes.reading import AnyRequest, stored_answer
from metrics.intelligence.models import WINDOW_DAYS
from sinks.reading import advice
from sinks.reading.calls import calls
from sinks.reading.chosen import Chosen
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
    known = await _known(parts.store(), about)
    body = recommendations_body(known, about.run, days)
    return stored_answer(request, msgspec.structs.replace(body, recommendations=body.recommendations[:limit]))


async def _known(store: Store, about: Chosen) -> Known:
    """Five questions at once, and the one that rests on two of them."""
    vehicles, priced, counted, batches, minutes = await asyncio.gather(
        store.ask(lambda history: advice.documented(history, about)),
        store.ask(lambda history: prices(history, about)),
        store.ask(lambda history: calls(history, about)),
        store.ask(lambda history: advice.batches(history, about)),
        store.ask(lambda history: advice.minutes(history, about)),
    )
    wanted = receipts_for(vehicles, priced.by_band_nano_usd)
    parts = await store.ask(lambda history: advice.parts(history, wanted)) if wanted else {}
    return Known(choices(counted, "task_type"), batches, minutes, vehicles, priced, parts)
