"""`/api/commands`: what is asked of a run's processors, and what they answered."""

from datetime import UTC, datetime
from typing import Any

import msgspec
from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromQuery

from dashboard.bodies.live import Body
from dashboard.commands import Command, commands_of, issued, stands
from dashboard.errors import BadRequest, NotConfirmed
from dashboard.parts import Parts
from events import codec
from events.commands import Action
from events.refusals import Refused
from events.sdk.errors import SdkError

SOURCE = "imageledger.dashboard"


class Asked(Body, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The body. `args`: `concurrency` for set_concurrency, filters for reprocess."""

    run_id: str
    action: Action
    args: dict[str, str | int | float | bool | None] = {}
    issued_by: str = "dashboard"
    reason: str | None = None


@post("/api/commands", tags=["commands"], status_code=202)
async def issue_command(parts: NamedDependency[Parts], request: Request[Any, Any, Any]) -> Response[Command]:
    """Pause, resume, set_concurrency or reprocess a run.

    Body: `{"runId", "action", "args"?, "issuedBy"?, "reason"?}`. 202 once the command is in the log: it is pending
    until the run's processor answers, see `GET /api/commands`. 404 for a run that nobody knows.
    """
    try:
        asked = msgspec.json.decode(await request.body(), type=Asked)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadRequest(f'the body is not {{"runId": …, "action": …}}: {error}') from error
    await parts.snapshot(asked.run_id)
    command = issued(asked.run_id, asked.action, asked.args, asked.issued_by, asked.reason, datetime.now(UTC), SOURCE)
    try:
        codec.decode("commands", codec.encode(command))
    except Refused as refused:
        raise BadRequest(f"{refused.reason}: {refused.detail}") from refused
    await parts.ingest.publish("commands", command)
    return Response(stands(command), status_code=202)


@get("/api/commands", tags=["commands"])
async def list_commands(parts: NamedDependency[Parts], run: FromQuery[str]) -> Response[list[Command]]:
    """Every command of a run, the oldest first, with its state: pending, accepted, refused, effective."""
    try:
        found = await commands_of(parts.config.bootstrap, parts.config.prefix, run, parts.config.security)
    except SdkError as error:
        raise NotConfirmed(str(error)) from error
    return Response(found, headers={"cache-control": "no-store"})
