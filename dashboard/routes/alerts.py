"""`/api/alerts`: what fires, what is about to, what is over; the rules behind it, and silences."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal
from urllib.parse import unquote

import msgspec
from litestar import Request, Response, delete, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, QueryParameter

from dashboard.alerts.decisions import RulesBody, rules_of, silenced, unsilenced
from dashboard.alerts.state import Wanted
from dashboard.bodies.alerts import AlertsBody
from dashboard.bodies.live import Body
from dashboard.errors import BadRequest, NotConfirmed
from dashboard.filters import From, To, utc
from dashboard.parts import Parts
from events import codec
from events.envelope import Event, Severity
from events.refusals import Refused
from events.sdk.errors import SdkError

SOURCE = "imageledger.dashboard"
MAX_LISTED = 1_000


@get("/api/alerts", tags=["alerts"])
async def list_alerts(
    parts: NamedDependency[Parts],
    run: FromQuery[str | None] = None,
    standing: Annotated[Literal["firing", "pending", "resolved"] | None, QueryParameter(name="state")] = None,
    severity: FromQuery[Severity | None] = None,
    type: FromQuery[str | None] = None,  # noqa: A002 - the field's name
    model: FromQuery[str | None] = None,
    since: From = None,
    until: To = None,
    limit: Annotated[int, QueryParameter(ge=1, le=MAX_LISTED)] = 100,
) -> Response[AlertsBody]:
    """Alerts of one run or, without `run`, of all: what fires, what is over, and what is pending on live snapshots.

    `from` and `to` ask for what was there between them. The topic is kept for a year; longer histories are SQL's.
    """
    wanted = Wanted(run, standing, severity, type, model, utc(since), utc(until))
    snapshots = [one.event for one in parts.live.newest_first()]
    body = parts.alerts.body(wanted, snapshots, limit)
    return Response(body, headers={"cache-control": "no-store"})


@get("/api/alerts/rules", tags=["alerts"])
async def list_rules(parts: NamedDependency[Parts], run: FromQuery[str | None] = None) -> Response[RulesBody]:
    """The rules in force for a run, or without `run` for all, and the silences that are not over."""
    try:
        found = await rules_of(
            parts.config.bootstrap, parts.config.prefix, run, datetime.now(UTC), parts.config.security
        )
    except SdkError as error:
        raise NotConfirmed(str(error)) from error
    return Response(found, headers={"cache-control": "no-store"})


class Hold(Body, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The body of a silence: for how long, and of what; without `rule` and `fingerprint` of everything."""

    minutes: float
    run_id: str | None = None
    rule: str | None = None
    fingerprint: str | None = None
    reason: str | None = None
    issued_by: str = "dashboard"


class Held(Body, frozen=True, kw_only=True):
    """A silence that is in the log."""

    silence_id: str
    until: datetime


@post("/api/alerts/silences", tags=["alerts"], status_code=202)
async def silence(parts: NamedDependency[Parts], request: Request[Any, Any, Any]) -> Response[Held]:
    """Hold alerts back. Body: `{"minutes", "runId"?, "rule"?, "fingerprint"?, "reason"?, "issuedBy"?}`.

    202 once it is in the log, which every worker obeys within a second or two.
    """
    try:
        hold = msgspec.json.decode(await request.body(), type=Hold)
        now = datetime.now(UTC)
        until = now + timedelta(minutes=hold.minutes)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, OverflowError) as error:
        raise BadRequest(f'the body is not {{"minutes": …}}: {error}') from error
    event = silenced(hold.run_id, until, hold.rule, hold.fingerprint, hold.reason, hold.issued_by, now, SOURCE)
    await _publish(parts, event)
    return Response(Held(silence_id=event.silence_id, until=until), status_code=202)


@delete("/api/alerts/silences/{silence_id:str}", tags=["alerts"], status_code=202)
async def unsilence(
    parts: NamedDependency[Parts], silence_id: FromPath[str], run: FromQuery[str | None] = None
) -> Response[Held]:
    """End a silence; `run` as it was made for."""
    now = datetime.now(UTC)
    event = unsilenced(run, unquote(silence_id), None, "dashboard", now, SOURCE)
    await _publish(parts, event)
    return Response(Held(silence_id=event.silence_id, until=now), status_code=202)


async def _publish(parts: Parts, event: Event) -> None:
    try:
        codec.decode("runs", codec.encode(event))
    except Refused as refused:
        raise BadRequest(f"{refused.reason}: {refused.detail}") from refused
    await parts.ingest.publish("runs", event)
