"""`imageledger status`: a run's figures for a script or a glance, the same that the page shows."""

import sys
from typing import Annotated, Any
from urllib.parse import quote

import httpx
import msgspec
import typer
from rich.console import Console
from rich.table import Table

from events.numbers import NANO_PER_USD
from events.snapshots import RunMetrics
from imageledger.cli.context import DataOption, JsonOption, settings_of
from imageledger.errors import UnreachableError


def register(app: typer.Typer) -> None:
    """Add this room's commands."""
    app.command()(status)


def status(
    context: typer.Context,
    run: Annotated[str | None, typer.Option(help="The run's id; without it the newest.")] = None,
    json: JsonOption = False,
    data: DataOption = None,
) -> None:
    """How far, how fast, when done and what it costs."""
    base = settings_of(context, data).api_url()
    run = run or _newest(base)
    answer = _get(f"{base}/api/runs/{quote(run, safe='')}/metrics")
    if json:
        sys.stdout.buffer.write(answer.content + b"\n")
        return
    Console().print(table(msgspec.json.decode(answer.content, type=RunMetrics)))


def table(metrics: RunMetrics) -> Table:
    """The figures an operator asks for first, a line each."""
    progress, projection, eta = metrics.progress, metrics.projection, metrics.eta
    lines = Table(title=metrics.name or metrics.run_id, show_header=False, title_justify="left")
    lines.add_row("state", metrics.state.replace("_", " "))
    lines.add_row("images", f"{progress.processed:,} / {_count(progress.total)} ({_percent(progress.percent)})")
    lines.add_row("failed", f"{progress.failed:,}")
    for tier in progress.tiers:
        name = f"tier {tier.tier}" + (f" {tier.name}" if tier.name else "")
        lines.add_row(name, f"{tier.complete:,} / {_count(tier.images)} ({_percent(tier.percent)})")
    if metrics.window_10m is not None:
        lines.add_row("rate", f"{metrics.window_10m.images_per_minute:,.1f} images a minute")
    lines.add_row("ETA", f"{eta.text or 'unknown'}" + (f" ({eta.range_text})" if eta.range_text else ""))
    lines.add_row("spent", _usd(projection.spent_nano_usd))
    lines.add_row("projected", _usd(projection.projected_nano_usd))
    lines.add_row("saved", _usd(projection.savings_nano_usd) + f" against {projection.baseline_name or 'no baseline'}")
    lines.add_row("as of", metrics.as_of.isoformat(timespec="seconds"))
    return lines


def _newest(base: str) -> str:
    runs = msgspec.json.decode(_get(f"{base}/api/runs").content, type=list[dict[str, Any]])
    if not runs:
        raise UnreachableError("no run has a figure yet: start one, for instance with `imageledger process DIR`")
    return str(runs[0]["runId"])


def _get(url: str) -> httpx.Response:
    try:
        answer = httpx.get(url, timeout=10)
    except httpx.HTTPError as error:
        raise UnreachableError(f"no dashboard answers at {url} ({error}): is `imageledger up` running?") from error
    if answer.is_error:
        raise UnreachableError(f"{url} answered {answer.status_code}: {answer.text[:200]}")
    return answer


def _usd(nano_usd: int | None) -> str:
    return "unknown" if nano_usd is None else f"${nano_usd / NANO_PER_USD:,.4f}"


def _count(value: int | None) -> str:
    return "?" if value is None else f"{value:,}"


def _percent(value: float | None) -> str:
    return "?" if value is None else f"{value:.1f} %"
