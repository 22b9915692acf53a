"""`GET /api/quality`: how generated components turn out (S1)."""

from litestar import Response, get
from litestar.di import NamedDependency

from dashboard.bodies.quality import QualityBody
from dashboard.history.quality import quality
from dashboard.parts import Parts
from sinks.reading.chosen import Chosen


@get("/api/quality", tags=["analytics"])
async def component_quality(parts: NamedDependency[Parts], chosen: NamedDependency[Chosen]) -> Response[QualityBody]:
    """Of results with a component type: scores, latency with its stages, cache, cost, heat by hour, projection, trends.

    `changes` compares the later half of the time that the results span with the earlier. 503 where ClickHouse is away.
    """
    body = await parts.store().ask(lambda history: quality(history, chosen))
    return Response(body, headers={"cache-control": "no-store"})
