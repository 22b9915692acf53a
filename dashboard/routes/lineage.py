"""Lineage both ways: from an image to the rows that came of it, and from a row back to its images and models."""

from typing import Any
from urllib.parse import unquote

from litestar import MediaType, Response, get
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromPath

from dashboard.parts import Parts

_SPEC = {
    200: ResponseSpec(
        dict[str, Any], generate_examples=False, description="`about` (a node's id), `nodes`, `edges`, `steps`"
    )
}


@get("/api/lineage/image/{image_id:str}", tags=["store"], responses=_SPEC)
async def image_lineage(parts: NamedDependency[Parts], image_id: FromPath[str]) -> Response[bytes]:
    """What became of an image in any run: calls, models, answers, rows of tables, feedback; oldest first.

    The id is percent-encoded. `nodes` and `edges` are the graph, `steps` the same flat: one for each answer, with its
    model, version, tier, cost, confidence, context, validation and reprocessing. 404 where no result of it is stored.
    """
    return _json(await parts.store().image_lineage(unquote(image_id)))


@get("/api/lineage/record/{table:str}/{record_id:str}", tags=["store"], responses=_SPEC)
async def record_lineage(
    parts: NamedDependency[Parts], table: FromPath[str], record_id: FromPath[str]
) -> Response[bytes]:
    """Where a table's row comes from: each image whose answers wrote it, with every model that touched that image."""
    return _json(await parts.store().record_lineage(unquote(table), unquote(record_id)))


def _json(body: bytes) -> Response[bytes]:
    return Response(body, media_type=MediaType.JSON, headers={"cache-control": "no-cache"})
