"""The pages."""

from datetime import UTC, datetime

from litestar import MediaType, Response, get
from litestar.di import NamedDependency
from litestar.params import FromQuery

from dashboard.errors import HistoryUnavailable, RunUnknown
from dashboard.pages import command_centre, shell
from dashboard.parts import Parts


@get("/", include_in_schema=False)
async def index(parts: NamedDependency[Parts], run: FromQuery[str | None] = None) -> Response[str]:
    """The command centre of a run, with its figures already in it."""
    now = datetime.now(UTC)
    rows = parts.live_rows()
    try:
        snapshot = await parts.snapshot(run)
    except HistoryUnavailable as error:
        return _html(command_centre.empty(rows, shell.history_away(str(error)), now), 503)
    except RunUnknown:
        main = shell.unknown_run(run) if run else shell.no_run_yet(reading=not parts.metrics_tail.caught_up)
        return _html(command_centre.empty(rows, main, now), 404 if run else 200)
    return _html(command_centre.page(snapshot.body, rows, parts.feed.rows(snapshot.body.run_id), now))


def _html(page: str, status: int = 200) -> Response[str]:
    return Response(page, media_type=MediaType.HTML, status_code=status, headers={"cache-control": "no-store"})
