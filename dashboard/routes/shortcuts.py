"""Addresses of single things as one would guess them; the page that shows them takes them as parameters."""

from urllib.parse import quote, unquote

from litestar import get
from litestar.params import FromPath
from litestar.response import Redirect


@get("/vehicles/{vehicle:str}", include_in_schema=False, sync_to_thread=False)
def vehicle(vehicle: FromPath[str]) -> Redirect:
    """One vehicle."""
    return Redirect(f"/vehicles?vehicle={quote(unquote(vehicle), safe='')}")


@get("/results/{run:str}/{event_id:str}", include_in_schema=False, sync_to_thread=False)
def result(run: FromPath[str], event_id: FromPath[str]) -> Redirect:
    """One result."""
    return Redirect(f"/results?run={quote(unquote(run), safe='')}&event={quote(unquote(event_id), safe='')}")
