"""The application, and the process that serves it."""

import asyncio
import signal
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType

import uvicorn
from litestar import Litestar
from litestar.config.compression import CompressionConfig
from litestar.di import Provide
from litestar.exceptions import NotFoundException
from litestar.openapi import OpenAPIConfig
from litestar.static_files import create_static_files_router

from dashboard import problems
from dashboard.config import DashboardConfig
from dashboard.errors import AddressTaken
from dashboard.filters import chosen
from dashboard.guard import Guard
from dashboard.openapi import DescribedJson
from dashboard.parts import Parts
from dashboard.routes import (
    alerts,
    analytics,
    commands,
    costs,
    definitions,
    events,
    export,
    kpis,
    lineage,
    metrics,
    models,
    pages,
    probes,
    quality,
    recommendations,
    report,
    results,
    runs,
    shortcuts,
    sql,
    stream,
)

STATIC = Path(__file__).with_name("static")
API_VERSION = "1"
SHUTDOWN_S = 2


def create_app(config: DashboardConfig) -> Litestar:
    """The dashboard: pages, API, stream and probes. Its tails run while the application does."""
    parts = Parts(config)
    app = Litestar(
        route_handlers=[
            *pages.handlers(),
            probes.livez,
            probes.readyz,
            probes.prometheus,
            runs.list_runs,
            runs.run_metrics,
            runs.run_series,
            costs.run_costs,
            commands.issue_command,
            commands.list_commands,
            alerts.list_alerts,
            alerts.list_rules,
            alerts.silence,
            alerts.unsilence,
            metrics.dashboard,
            metrics.realtime,
            metrics.projection,
            definitions.list_definitions,
            report.run_report,
            kpis.indicators,
            analytics.metrics_analytics,
            analytics.vehicle_metrics,
            analytics.list_vehicles,
            recommendations.recommendations,
            models.model_analytics,
            models.recommend_model,
            models.route_model,
            models.take_feedback,
            models.list_experiments,
            events.take_events,
            sql.run_sql,
            export.export_view,
            lineage.image_lineage,
            lineage.record_lineage,
            quality.component_quality,
            results.list_results,
            results.list_choices,
            results.one_result,
            results.result_picture,
            shortcuts.vehicle,
            shortcuts.result,
            stream.stream,
            create_static_files_router(path="/static", directories=[STATIC], include_in_schema=False),
        ],
        dependencies={
            "parts": Provide(lambda: parts, sync_to_thread=False),
            "chosen": Provide(chosen, sync_to_thread=False),
        },
        lifespan=[lambda _: parts.running()],
        exception_handlers={**problems.HANDLERS, NotFoundException: pages.missing},
        compression_config=CompressionConfig(backend="gzip", gzip_compress_level=5, exclude=["^/api/(stream|export)"]),
        openapi_config=OpenAPIConfig(
            title="imageledger",
            version=API_VERSION,
            description="Live figures of image runs; every figure is a fold of the log.",
            path="/schema",
            render_plugins=[DescribedJson()],
        ),
        logging_config=None,
        debug=False,
    )
    app.state.parts = parts
    app.asgi_handler = Guard(app.asgi_handler, config.hosts)
    return app


class _Server(uvicorn.Server):
    """uvicorn, whose first signal ends the open streams: it would wait for them."""

    def __init__(self, config: uvicorn.Config, parts: Parts, ready: Callable[[int], None] | None) -> None:
        super().__init__(config)
        self._parts = parts
        self._ready = ready
        self._loop: asyncio.AbstractEventLoop | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, then tell that the port answers."""
        self._loop = asyncio.get_running_loop()
        await super().startup(sockets)
        if self._ready is not None and sockets:
            self._ready(sockets[0].getsockname()[1])

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:  # noqa: ARG002  (the signature is uvicorn's)
        """A signal came; the second SIGINT does not wait. Unlike uvicorn's own, it is not raised again at the end."""
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._parts.broadcast.close)
        self.force_exit = self.should_exit and sig == signal.SIGINT
        self.should_exit = True


def serve(config: DashboardConfig, host: str, port: int, ready: Callable[[int], None] | None = None) -> None:
    """Serve until SIGINT or SIGTERM; `ready` is told the port once it answers (`port` 0 takes a free one).

    Raises:
        AddressTaken: the port is in use, or the address is not this machine's.
    """
    app = create_app(config)
    listener = listen(host, port)
    settings = uvicorn.Config(
        app, log_config=None, access_log=False, timeout_graceful_shutdown=SHUTDOWN_S, server_header=False, lifespan="on"
    )
    with listener:
        _Server(settings, app.state.parts, ready).run(sockets=[listener])


def listen(host: str, port: int) -> socket.socket:
    """A bound socket. Raises AddressTaken."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    if sys.platform != "win32":
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise AddressTaken(
            f"the dashboard cannot listen on {host}:{port} ({error.strerror}): "
            "stop what runs there, or give another --port"
        ) from error
    return listener
