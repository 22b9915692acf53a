"""The filters that every historical read takes, as query parameters."""

from datetime import UTC, datetime, timedelta
from typing import Annotated

from litestar.params import QueryParameter

from dashboard.errors import BadRequest
from sinks.reading.chosen import Chosen

EARLIEST, LATEST = datetime(1900, 1, 1, tzinfo=UTC), datetime(2299, 12, 31, tzinfo=UTC)
"""An event's time is between them (DETAILS.md, Refused records), and a time of ClickHouse."""
Run = Annotated[str | None, QueryParameter(description="Only this run.", max_length=200)]
From = Annotated[datetime | None, QueryParameter(name="from", description="Only what counts at or after this time.")]
To = Annotated[datetime | None, QueryParameter(name="to", description="Only what counts before this time.")]
Model = Annotated[str | None, QueryParameter(description="Only this model.", max_length=200)]
Tier = Annotated[int | None, QueryParameter(description="Only this tier.", ge=0, le=15)]
Provider = Annotated[str | None, QueryParameter(description="Only this provider.", max_length=200)]
ComponentType = Annotated[str | None, QueryParameter(description="Only this type of component.", max_length=200)]
TaskType = Annotated[str | None, QueryParameter(description="Only this task type.", max_length=200)]
UserType = Annotated[
    str | None, QueryParameter(description="Only users of this type (`attributes.user_type`).", max_length=200)
]
Days = Annotated[int, QueryParameter(description="So many days back, where `from` is not given.", ge=1, le=3_650)]


def chosen(
    run: Run = None,
    start: From = None,
    end: To = None,
    model: Model = None,
    tier: Tier = None,
    provider: Provider = None,
    component_type: ComponentType = None,
) -> Chosen:
    """The results that a request is about. Raises BadRequest for a time that no event has."""
    return Chosen(run, utc(start), utc(end), model, tier, provider, component_type)


def last(found: Chosen, days: int, now: datetime) -> Chosen:
    """The same of the last days, unless the request says from when."""
    if found.start is not None:
        return found
    return found._replace(start=(found.end or now) - timedelta(days=days))


def utc(moment: datetime | None) -> datetime | None:
    """A time of a request in UTC, which one without a zone is in. Raises BadRequest for one that no event has."""
    if moment is None:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    if not EARLIEST <= moment <= LATEST:
        raise BadRequest(f"{moment.isoformat()} is not a time between {EARLIEST:%Y} and {LATEST:%Y}")
    return moment.astimezone(UTC)
