"""`GET /api/export/{view}`: a table or view as a file."""

from typing import Any
from urllib.parse import unquote

from litestar import Request, get
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery
from litestar.response import Stream

from dashboard.errors import FilterUnknown
from dashboard.parts import Parts
from events.results import Status
from sinks.reading.chosen import Chosen
from sinks.reading.export import MEDIA_TYPES, Filters, Format

_KNOWN = ("run", "from", "to", "tier", "model", "component_type", "provider", "status", "format")


@get("/api/export/{view:str}", tags=["store"])
async def export_view(
    parts: NamedDependency[Parts],
    chosen: NamedDependency[Chosen],
    request: Request[Any, Any, Any],
    view: FromPath[str],
    format: FromQuery[Format] = "csv",  # noqa: A002 - the name of the query's parameter
    status: FromQuery[Status | None] = None,
) -> Stream:
    """The rows of a table or view of `docs/sql.md`, streamed: CSV with a header (RFC 4180; text that a
    spreadsheet would run begins with an apostrophe), one JSON array, or Parquet.

    `from` and `to` (RFC 3339, [from, to)) go by the time at which a row counts. 404 for a view that is not on the list,
    400 for a filter that it has no column for, or that there is not: a file of all rows would pass for the one that was
    asked for. The message names what there is. Where ClickHouse fails on the way, the body breaks off
    without its proper end.
    """
    unknown = sorted(set(request.query_params) - set(_KNOWN))
    if unknown:
        raise FilterUnknown(f"there is no filter {unknown[0]!r}; these are: {', '.join(_KNOWN)}")
    given = {name: value for name, value in chosen._asdict().items() if value is not None}
    filters = Filters(**given, status=status)
    name = unquote(view)
    chunks = await parts.store().export(name, format, filters)
    return Stream(
        chunks,
        media_type=MEDIA_TYPES[format],
        headers={"content-disposition": f'attachment; filename="{name}.{format}"', "cache-control": "no-store"},
    )
