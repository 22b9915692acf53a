"""Every error as RFC 9457 problem details."""

import logging
from http import HTTPStatus
from typing import Any

from litestar import Request, Response
from litestar.exceptions import HTTPException
from litestar.types import ExceptionHandlersMap

from dashboard.errors import DashboardError

log = logging.getLogger(__name__)

AnyRequest = Request[Any, Any, Any]


def problem(request: AnyRequest, status: int, title: str, detail: str, **extra: Any) -> Response[dict[str, Any]]:
    """One problem: `title` is the kind, `detail` this case and the remedy."""
    body = {"type": "about:blank", "status": status, "title": title, "detail": detail, "instance": request.url.path}
    headers = {"retry-after": "2"} if status == HTTPStatus.SERVICE_UNAVAILABLE else {}
    return Response(body | extra, status_code=status, media_type="application/problem+json", headers=headers)


def _ours(request: AnyRequest, error: DashboardError) -> Response[dict[str, Any]]:
    return problem(request, error.status_code, error.title, str(error))


def http(request: AnyRequest, error: HTTPException) -> Response[dict[str, Any]]:
    """Litestar's own errors."""
    extra = {"errors": error.extra} if error.extra else {}
    response = problem(request, error.status_code, HTTPStatus(error.status_code).phrase, error.detail, **extra)
    for name, value in (error.headers or {}).items():
        response.set_header(name, value)
    return response


def _unforeseen(request: AnyRequest, error: Exception) -> Response[dict[str, Any]]:
    log.error("the request for %s failed", request.url.path, exc_info=error)
    return problem(request, 500, "Internal error", "this is a fault of the dashboard; its log says more")


HANDLERS: ExceptionHandlersMap = {DashboardError: _ours, HTTPException: http, Exception: _unforeseen}
