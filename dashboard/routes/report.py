"""`GET /api/report`: a run as a document."""

import asyncio

import msgspec
from litestar import Response, get
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromQuery

from dashboard.live.runs import Snapshot
from dashboard.parts import Parts
from dashboard.reports import page, pdf, spreadsheet
from dashboard.reports.body import Format, ReportBody, report

MEDIA_TYPES: dict[Format, str] = {
    "json": "application/json",
    "csv": "text/csv; charset=utf-8; header=present",
    "pdf": "application/pdf",
    "html": "text/html; charset=utf-8",
}


@get("/api/report", tags=["reports"], responses={200: ResponseSpec(ReportBody)})
async def run_report(
    parts: NamedDependency[Parts],
    run: FromQuery[str | None] = None,
    format: FromQuery[Format] = "json",  # noqa: A002 - S0's name of it
) -> Response[bytes]:
    """S0's ProcessingReport of the run's newest snapshot (of the active run where none is named).

    The same snapshot gives the same bytes: `exportedAt` is the moment that it describes. `json`, `csv` (safe to open in
    a spreadsheet), `pdf` with charts, `html` in a single file; the last three as a download.
    """
    snapshot = await parts.snapshot(run)
    content = await asyncio.to_thread(document, snapshot, format)
    as_of = f"{snapshot.event.as_of:%Y%m%dT%H%M%SZ}"
    headers = {"cache-control": "no-store", "imageledger-as-of": as_of}
    if format != "json":
        headers["content-disposition"] = f'attachment; filename="report-{as_of}.{format}"'
    return Response(content, media_type=MEDIA_TYPES[format], headers=headers)


def document(snapshot: Snapshot, form: Format) -> bytes:
    """The report's bytes."""
    body = report(snapshot.event, snapshot.body, form)
    if form == "csv":
        return spreadsheet.as_csv(body)
    if form == "pdf":
        return pdf.as_pdf(body)
    return page.as_html(body) if form == "html" else msgspec.json.encode(body)
