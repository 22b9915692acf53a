"""S3's indicators. Without `run`, those of the active run: the newest that is not finished."""

import msgspec
from litestar import Response, get
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromQuery

from dashboard.live.kpis import KpisBody, kpis_body
from dashboard.parts import Parts
from dashboard.routes.reading import AnyRequest, json_answer


@get("/api/kpis", tags=["metrics"], responses={200: ResponseSpec(KpisBody)})
async def indicators(
    parts: NamedDependency[Parts], request: AnyRequest, run: FromQuery[str | None] = None
) -> Response[bytes]:
    """Value, target, attainment, status and trend of the fifteen, and the scores of their categories."""
    snapshot = await parts.snapshot(run)
    return json_answer(request, msgspec.json.encode(kpis_body(snapshot.event)), snapshot.version)
