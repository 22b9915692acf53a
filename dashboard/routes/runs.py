"""Runs: which there are, and the newest snapshot of one exactly as it is on the log."""

from datetime import datetime
from typing import Any
from urllib.parse import unquote

import msgspec
from litestar import Response, get
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromPath

from dashboard.bodies.live import RunRow
from dashboard.errors import HistoryUnavailable
from dashboard.live.series import SeriesBody
from dashboard.parts import Parts
from dashboard.routes.reading import AnyRequest, json_answer
from events.envelope import EPOCH

MAX_LISTED = 1_000


@get("/api/runs", tags=["runs"])
async def list_runs(parts: NamedDependency[Parts]) -> Response[list[RunRow]]:
    """All runs, newest first: the live ones, then those that only ClickHouse still holds.

    The header `imageledger-history` says `included`, `unavailable` or `not configured`.
    """
    rows = parts.live_rows()
    history = "not configured"
    if parts.stored is not None:
        try:
            known = {row.run_id for row in rows}
            rows += [row for row in await parts.stored.rows(MAX_LISTED) if row.run_id not in known]
            rows.sort(key=_began, reverse=True)
            history = "included"
        except HistoryUnavailable:
            history = "unavailable"
    return Response(rows, headers={"imageledger-history": history})


@get(
    "/api/runs/{run:str}/metrics",
    tags=["runs"],
    responses={
        200: ResponseSpec(
            dict[str, Any],
            generate_examples=False,
            description="the run.metrics event; its JSON Schema is in schemas/events",
        )
    },
)
async def run_metrics(parts: NamedDependency[Parts], request: AnyRequest, run: FromPath[str]) -> Response[bytes]:
    """The run's newest `run.metrics` event, byte for byte. The id is percent-encoded."""
    snapshot = await parts.snapshot(unquote(run))
    return json_answer(request, snapshot.value, snapshot.version)


@get("/api/runs/{run:str}/series", tags=["runs"], responses={200: ResponseSpec(SeriesBody, generate_examples=False)})
async def run_series(parts: NamedDependency[Parts], request: AnyRequest, run: FromPath[str]) -> Response[bytes]:
    """The run's course, in at most 600 points: what the chart draws."""
    body = (await parts.course(unquote(run))).body()
    return json_answer(request, msgspec.json.encode(body), f"{len(body.at)}-{body.at[-1] if body.at else 0}")


def _began(row: RunRow) -> datetime:
    return row.started_at or row.as_of or EPOCH
