"""The pages: one handler for each line of `pages.directory`."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote

from litestar import MediaType, Response, get
from litestar.di import NamedDependency
from litestar.exceptions import HTTPException
from litestar.handlers import HTTPRouteHandler

from dashboard import problems
from dashboard.errors import DashboardError, HistoryUnavailable, RunUnknown
from dashboard.live.runs import Snapshot
from dashboard.pages import shell, states
from dashboard.pages.directory import PAGES
from dashboard.pages.page import Asked, FilterName, Page, View
from dashboard.pages.sheet import Sheet
from dashboard.parts import Parts
from dashboard.routes.reading import AnyRequest

MAX_RUNS_FOR_OPTIONS = 50
"""The newest runs whose models, tiers and so on the filters offer."""


def handlers() -> list[HTTPRouteHandler]:
    """A GET handler for every page."""
    return [_handler(page) for page in PAGES]


def _handler(page: Page) -> HTTPRouteHandler:
    paths = [page.path, f"{page.path}/{{run:str}}"] if page.run_in_path else [page.path]

    @get(paths, include_in_schema=False, name=page.path)
    async def show(parts: NamedDependency[Parts], request: AnyRequest) -> Response[str]:
        values = dict(request.query_params.items())
        if "run" in request.path_params:
            values["run"] = unquote(request.path_params["run"])
        return await _page(page, parts, Asked(values))

    return show


async def _nothing(_: View) -> str:
    return ""


NOWHERE = Page("", "", "No such page", _nothing)


def missing(request: AnyRequest, error: HTTPException) -> Response[str] | Response[dict[str, Any]]:
    """An address that leads nowhere: a page for who browses, a problem for programs."""
    path = request.url.path
    if path.startswith("/api/") or "text/html" not in request.headers.get("accept", ""):
        return problems.http(request, error)
    parts: Parts = request.app.state.parts
    return _html(_framed(NOWHERE, parts, Asked(), None, states.no_such_page(path), datetime.now(UTC)), 404)


async def _page(page: Page, parts: Parts, asked: Asked) -> Response[str]:
    now = datetime.now(UTC)
    snapshot, status = None, 200
    try:
        if page.of_run or asked.run:
            snapshot = await parts.snapshot(asked.run)
        main = await page.draw(View(parts, asked, snapshot, now))
    except HistoryUnavailable as error:
        main, status = states.history_away(str(error)), 503
    except RunUnknown:
        main = (
            states.unknown_run(asked.run) if asked.run else states.no_run_yet(reading=not parts.metrics_tail.caught_up)
        )
        status = 404 if asked.run else 200
    except DashboardError as error:
        main, status = states.refused(error.title, str(error)), error.status_code
    return _html(_framed(page, parts, asked, snapshot, main, now), status)


def _framed(page: Page, parts: Parts, asked: Asked, snapshot: Snapshot | None, main: str, now: datetime) -> str:
    sheet = Sheet(snapshot.values) if snapshot else None
    of = [snapshot] if snapshot else parts.live.newest_first()[:MAX_RUNS_FOR_OPTIONS]
    options = _options(of) if page.filters else {}
    name = (snapshot.body.name or snapshot.body.run_id) if snapshot else ""
    return shell.document(
        page,
        title=" · ".join(part for part in (name, page.title, shell.BRAND) if part),
        header=shell.header(page, PAGES, asked, parts.live_rows(), sheet, options, now),
        main=main,
        run_id=snapshot.body.run_id if snapshot else None,
    )


def _options(snapshots: Sequence[Snapshot]) -> dict[FilterName, list[str]]:
    events = [snapshot.event for snapshot in snapshots]
    return {
        "model": sorted({name for event in events for name in event.by_model}),
        "tier": sorted({name for event in events for name in event.by_tier}),
        "component_type": sorted({name for event in events for name in event.by_component_type}),
        "provider": sorted({name for event in events for name in event.by_provider}),
    }


def _html(page: str, status: int = 200) -> Response[str]:
    return Response(page, media_type=MediaType.HTML, status_code=status, headers={"cache-control": "no-store"})
