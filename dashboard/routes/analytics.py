"""S0's endpoints that rest on history: analytics, and what is known of a vehicle."""

import asyncio
import re
from datetime import UTC, datetime, timedelta
from typing import Annotated
from urllib.parse import unquote

from litestar import Response, get
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromPath, FromQuery, QueryParameter

from dashboard import cursor
from dashboard.bodies.analytics import AnalyticsBody, VehicleBody, VehiclesBody
from dashboard.errors import BadRequest, VehicleUnknown
from dashboard.history.analytics import Stored, analytics_body, step_s
from dashboard.history.vehicles import vehicle_body, vehicle_row
from dashboard.parts import Parts
from dashboard.routes.reading import AnyRequest, stored_answer
from metrics.fold.bands import BandName
from sinks.reading import analytics, vehicles
from sinks.reading.chosen import Chosen
from sinks.reading.costliest import After
from sinks.reading.history import History
from sinks.reading.prices import prices

_UNITS = {"m": 60, "h": 3_600, "d": 86_400, "w": 7 * 86_400}
_RANGE = r"^(all|[1-9][0-9]{0,3}[mhdw])$"
TimeRange = Annotated[
    str,
    QueryParameter(name="timeRange", description="30m, 24h, 7d, 2w or all; `from` goes before.", pattern=_RANGE),
]
Limit = Annotated[int, QueryParameter(description="Rows of a page.", ge=1, le=500)]
Cursor = Annotated[
    str | None, QueryParameter(name="cursor", description="`nextCursor` of the page before.", max_length=2_000)
]


@get("/api/metrics/analytics", tags=["metrics"], responses={200: ResponseSpec(AnalyticsBody, generate_examples=False)})
async def metrics_analytics(
    parts: NamedDependency[Parts],
    request: AnyRequest,
    chosen: NamedDependency[Chosen],
    time_range: TimeRange = "24h",
) -> Response[bytes]:
    """S0's AnalyticsMetrics: models side by side, what context is worth, tables filled, vehicles by band, trends."""
    now = datetime.now(UTC)
    body = await parts.store().ask(lambda history: _analytics(history, chosen, time_range, now))
    return stored_answer(request, body)


def _analytics(history: History, chosen: Chosen, time_range: str, now: datetime) -> AnalyticsBody:
    about = chosen
    if about.start is None and (width := _width(time_range)) is not None:
        about = about._replace(start=(about.end or now) - width)
    seen = analytics.span(history, about)
    start, end = about.start or (seen[0] if seen else now), about.end or now
    step = step_s(max(end - start, timedelta()))
    found = Stored(
        models=analytics.by_model(history, about),
        scores=analytics.by_score(history, about),
        tables=analytics.by_table(history, about),
        images=analytics.images(history, about),
        bands=analytics.completeness(history),
        slices=analytics.by_time(history, about, step),
    )
    return analytics_body(time_range, start, end, step, found)


def _width(time_range: str) -> timedelta | None:
    if re.match(_RANGE, time_range) is None:
        raise BadRequest(f"timeRange {time_range!r} is none of 30m, 24h, 7d, 2w, all")
    return None if time_range == "all" else timedelta(seconds=int(time_range[:-1]) * _UNITS[time_range[-1]])


@get(
    "/api/metrics/vehicle/{vehicle_id:str}",
    tags=["metrics"],
    responses={200: ResponseSpec(VehicleBody, generate_examples=False)},
)
async def vehicle_metrics(
    parts: NamedDependency[Parts], request: AnyRequest, vehicle_id: FromPath[str]
) -> Response[bytes]:
    """S0's vehicle metrics over all runs: how well it is documented, what it cost, and which document saves how much.

    The id is percent-encoded. 404 where no result and no profile of it is stored.
    """
    known, store = unquote(vehicle_id), parts.store()
    found, profile, images, priced = await asyncio.gather(
        store.ask(lambda history: vehicles.vehicle(history, known)),
        store.ask(lambda history: vehicles.profile(history, known)),
        store.ask(lambda history: vehicles.detailed(history, known)),
        store.ask(prices),
    )
    if found is None:
        raise VehicleUnknown(f"nothing is stored about vehicle {known!r}: /api/metrics/vehicles lists those known")
    return stored_answer(request, vehicle_body(found, profile, images, priced.by_band_nano_usd))


@get("/api/metrics/vehicles", tags=["metrics"], responses={200: ResponseSpec(VehiclesBody, generate_examples=False)})
async def list_vehicles(
    parts: NamedDependency[Parts],
    request: AnyRequest,
    limit: Limit = 50,
    behind: Cursor = None,
    tier: FromQuery[BandName | None] = None,
) -> Response[bytes]:
    """Every vehicle over all runs, the costliest first; `tier`: only those documented so."""
    after = None if behind is None else cursor.decode(behind, After)
    found = await parts.store().ask(lambda history: vehicles.page(history, limit + 1, after, tier))
    shown = found[:limit]
    more = len(found) > limit
    return stored_answer(
        request,
        VehiclesBody(
            vehicles=[vehicle_row(one) for one in shown],
            next_cursor=cursor.encode(After(shown[-1].total_cost, shown[-1].vehicle_id)) if more else None,
        ),
    )
