"""`imageledger kpis`: S3's indicators against their targets, and other targets for a run."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from imageledger.cli.context import DataOption, JsonOption, RunOption, settings_of, write_json

if TYPE_CHECKING:
    from rich.table import Table

    from dashboard.live.kpis import KpisBody

_room = typer.Typer(help="The fifteen indicators and their targets.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add this room's commands."""
    app.add_typer(_room, name="kpis")


@_room.command("list")
def list_(
    context: typer.Context,
    run: RunOption = None,
    json: JsonOption = False,
    data: DataOption = None,
) -> None:
    """All fifteen: value, target, how much of it is reached, and the trend."""
    import msgspec
    from rich.console import Console

    from dashboard.live.kpis import KpisBody
    from imageledger.api import Api

    api = Api(settings_of(context, data).api_url())
    answer = api.answer("/api/kpis", run=run or api.active_run())
    if json:
        write_json(answer)
        return
    Console(highlight=False).print(table(msgspec.json.decode(answer, type=KpisBody)))


@_room.command()
def target(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="The indicator, as `kpis list` names it; or confidence_threshold.")],
    value: Annotated[float, typer.Argument(help="The target, in the indicator's unit.")],
    run: Annotated[str, typer.Option(help="The run whose target it is.")],
    reason: Annotated[str | None, typer.Option(help="Why; it is kept in the log.")] = None,
    by: Annotated[str | None, typer.Option(help="Who decides; without it your user name.")] = None,
    json: JsonOption = False,
    data: DataOption = None,
) -> None:
    """Set the target of a run's indicator: an event in the log, in the figures within a second."""
    import asyncio
    import getpass

    from imageledger.kpi_targets import aim

    found = asyncio.run(aim(settings_of(context, data), run, name, value, reason, by or getpass.getuser()))
    if json:
        write_json(found)
    else:
        sys.stdout.write(f"in the log, for run {run}: {name} {value:g}\n")


def table(body: KpisBody) -> Table:
    """A line each, with the scores of the categories between them; 80 columns hold it."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    overall = "unknown" if body.overall_score is None else f"{body.overall_score:.0f} of 100"
    lines = Table(title=f"overall score {overall}", title_justify="left", box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    lines.add_column("indicator", no_wrap=True, min_width=31)
    for name in ("value", "target", "reached"):
        lines.add_column(name, justify="right")
    for name in ("is", "trend"):
        lines.add_column(name)
    for category in body.categories:
        score = "?" if category.score is None else f"{category.score:.0f}"
        lines.add_row(f"[bold]{category.category.replace('_', ' ')}[/]", "", "", score, "", "")
        for kpi in body.kpis:
            if kpi.category == category.category:
                reached = "" if kpi.attainment is None else f"{100 * kpi.attainment:.0f} %"
                values = _shown(kpi.value, kpi.unit), _shown(kpi.target, kpi.unit)
                lines.add_row(
                    f"  {kpi.name}", *values, reached, (kpi.status or "").removesuffix("_target"), kpi.trend or ""
                )
    return lines


def _shown(value: float | None, unit: str) -> str:
    if value is None:
        return ""
    return {"usd": f"${value:,.2f}", "stars": f"{value:.1f}"}.get(unit, f"{value:.3g}")
