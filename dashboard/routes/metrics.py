"""S0's metrics endpoints. Without `run`, each speaks of the active run: the newest that is not finished."""

import msgspec
from litestar import Response, get
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromQuery

from dashboard.bodies.live import CostProjection, DashboardBody, RealtimeBody
from dashboard.filters import Model, Tier
from dashboard.live.readings import cost_projection, realtime_body
from dashboard.parts import Parts
from dashboard.routes.reading import AnyRequest, json_answer


@get("/api/metrics/dashboard", tags=["metrics"], responses={200: ResponseSpec(DashboardBody, generate_examples=False)})
async def dashboard(
    parts: NamedDependency[Parts], request: AnyRequest, run: FromQuery[str | None] = None
) -> Response[bytes]:
    """S0's DashboardMetrics of the run's newest snapshot."""
    snapshot = await parts.snapshot(run)
    return json_answer(request, snapshot.body_json, snapshot.version)


@get("/api/metrics/realtime", tags=["metrics"])
async def realtime(
    parts: NamedDependency[Parts], run: FromQuery[str | None] = None, tier: Tier = None, model: Model = None
) -> RealtimeBody:
    """S0's RealtimeMetrics: the last 60 s, and a sample of the results of the last 30 (of a tier, of a model)."""
    event = (await parts.snapshot(run)).event
    run_id = event.run_id or ""
    return realtime_body(event, parts.feed.rows(run_id, tier, model), parts.feed.errors(run_id, tier, model))


@get(
    "/api/metrics/cost-projection",
    tags=["metrics"],
    responses={200: ResponseSpec(CostProjection, generate_examples=False)},
)
async def projection(
    parts: NamedDependency[Parts], request: AnyRequest, run: FromQuery[str | None] = None
) -> Response[bytes]:
    """S0's cost projection: spent plus what each tier still has to do at its own recent price."""
    snapshot = await parts.snapshot(run)
    return json_answer(request, msgspec.json.encode(cost_projection(snapshot.event)), snapshot.version)
