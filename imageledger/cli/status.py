"""`imageledger status`: a run's figures for a script or a glance, the same that the page shows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from imageledger.cli.context import DataOption, JsonOption, RunOption, settings_of, write_json

if TYPE_CHECKING:
    from rich.table import Table

    from events.snapshots import RunMetrics


def register(app: typer.Typer) -> None:
    """Add this room's commands."""
    app.command()(status)


def status(
    context: typer.Context,
    run: RunOption = None,
    json: JsonOption = False,
    data: DataOption = None,
) -> None:
    """A run's progress, rate, ETA and cost; printed once."""
    from rich.console import Console

    from imageledger.api import Api

    api = Api(settings_of(context, data).api_url())
    run = run or api.active_run()
    if json:
        write_json(api.metrics_json(run))
        return
    Console().print(table(api.metrics(run)))


def table(metrics: RunMetrics) -> Table:
    """The figures an operator asks for first, a line each."""
    from rich.table import Table

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


def _usd(nano_usd: int | None) -> str:
    from events.numbers import NANO_PER_USD

    return "unknown" if nano_usd is None else f"${nano_usd / NANO_PER_USD:,.4f}"


def _count(value: int | None) -> str:
    return "?" if value is None else f"{value:,}"


def _percent(value: float | None) -> str:
    return "?" if value is None else f"{value:.1f} %"
