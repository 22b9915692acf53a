"""`POST /api/events`: results and everything else a processor says, from any language."""

from typing import Any

from litestar import Request, Response, post
from litestar.di import NamedDependency

from dashboard.ingest import Verdicts
from dashboard.parts import Parts

MAX_BODY_BYTES = 16 << 20


@post("/api/events", tags=["events"], status_code=200, request_max_body_size=MAX_BODY_BYTES)
async def take_events(parts: NamedDependency[Parts], request: Request[Any, Any, Any]) -> Response[Verdicts]:
    """One event, an array of events, or CloudEvents in structured mode (single or batch).

    Answered after Kafka confirmed. Each event gets its verdict: where it stands in the log, that its id was taken
    lately (it counts once), or reason and field path. 200 if any is in the log or none was sent, 422 if all were
    rejected, 503 if Kafka did not confirm (sending again is safe).
    """
    media_type = request.headers.get("content-type", "")
    verdicts = await parts.ingest.take(await request.body(), structured="cloudevents" in media_type.lower())
    refused = 0 < verdicts.rejected == len(verdicts.events)
    return Response(verdicts, status_code=422 if refused else 200)
