"""`/api/results`: single results, filtered, sorted, page by page; one of them whole; its picture."""

from typing import Annotated, Any
from urllib.parse import unquote

from litestar import Request, Response, get
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, QueryParameter

from dashboard.parts import Parts
from dashboard.picture import picture
from sinks.reading import explorer
from sinks.reading.chosen import Chosen
from sinks.reading.explorer import MAX_ROWS, Choices, Detail, Like, ResultsPage, Sort, Status

AnyRequest = Request[Any, Any, Any]
Partition = Annotated[int | None, QueryParameter(ge=0, le=(1 << 32) - 1)]
FRESH = {"cache-control": "no-store"}


@get("/api/results", tags=["results"])
async def list_results(
    parts: NamedDependency[Parts],
    chosen: NamedDependency[Chosen],
    task_type: FromQuery[str | None] = None,
    status: FromQuery[Status | None] = None,
    vehicle: FromQuery[str | None] = None,
    text: FromQuery[str | None] = None,
    sort: FromQuery[Sort] = "-time",
    limit: Annotated[int, QueryParameter(ge=1, le=MAX_ROWS)] = 50,
    cursor: FromQuery[str | None] = None,
) -> Response[ResultsPage]:
    """Results of a run, or of all, the newest first where no `sort` is named; `-` before a name means downwards.

    `from` ≤ time < `to` by the time at which a result counts; `text` is part of the subject's id, or an event's whole
    id. What is unknown comes last. `next` is the `cursor` of what follows, under the same filters and sort; a page may
    hold fewer than `limit` and yet have a next one. 503 where ClickHouse is away.
    """
    wanted, like = chosen._replace(task_type=task_type or None), Like(status, vehicle or None, text or None)
    page = await parts.store().ask(lambda history: explorer.results(history, wanted, like, sort, limit, cursor or None))
    return Response(page, headers=FRESH)


@get("/api/results/choices", tags=["results"])
async def list_choices(parts: NamedDependency[Parts], run: FromQuery[str | None] = None) -> Response[Choices]:
    """The models, providers, task types and component types of a run, or of all: what there is to filter by."""
    return Response(await parts.store().ask(lambda history: explorer.choices(history, run or None)), headers=FRESH)


@get("/api/results/{run:str}/{event_id:str}", tags=["results"])
async def one_result(
    parts: NamedDependency[Parts], run: FromPath[str], event_id: FromPath[str], partition: Partition = None
) -> Response[Detail]:
    """A result whole, every time its subject was processed, and what was said of it. The ids are percent-encoded.

    `partition` is needed only where the same event id stands in several partitions of a run. 404 where it is not
    stored.
    """
    return Response(await _detail(parts, run, event_id, partition), headers=FRESH)


@get("/api/results/{run:str}/{event_id:str}/picture", include_in_schema=False)
async def result_picture(
    parts: NamedDependency[Parts], run: FromPath[str], event_id: FromPath[str], partition: Partition = None
) -> Response[bytes]:
    """The image that the result is about, where its `image_uri` names a file of the folder IMAGELEDGER_PICTURES.

    Nothing is ever fetched from elsewhere. 404 for every other address, and for what is no PNG, JPEG, GIF or WebP.
    """
    detail = await _detail(parts, run, event_id, partition)
    found = await picture(parts.config.pictures, detail.fields["image_uri"])
    headers = {"cache-control": "private, max-age=3600", "content-security-policy": "default-src 'none'; sandbox"}
    return Response(found.content, media_type=found.media_type, headers=headers)


async def _detail(parts: Parts, run: str, event_id: str, partition: int | None) -> Detail:
    names = (unquote(run), unquote(event_id))
    return await parts.store().ask(lambda history: explorer.result(history, *names, partition))
