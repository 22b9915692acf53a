"""`imageledger models`: how the models do, which one to take for a task, what experiments show (S4)."""

from __future__ import annotations

import sys
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from imageledger.cli.context import DataOption, JsonOption, settings_of, write_json

if TYPE_CHECKING:
    from rich.table import Table

    from dashboard.bodies.models import CallFigures, ModelAnalyticsBody

DaysOption = Annotated[int, typer.Option(help="How many days to look back.", min=1, max=3_650)]
RunOption = Annotated[str | None, typer.Option(help="Only this run.")]
TaskOption = Annotated[str | None, typer.Option("--task-type", help="Only this task.")]


class Priority(StrEnum):
    """What matters most."""

    SPEED = "speed"
    QUALITY = "quality"
    COST = "cost"
    BALANCED = "balanced"


_room = typer.Typer(help="How the models perform, and which one to use.", invoke_without_command=True)


def register(app: typer.Typer) -> None:
    """Add this room's commands."""
    app.add_typer(_room, name="models")


@_room.callback()
def models(
    context: typer.Context,
    run: RunOption = None,
    task_type: TaskOption = None,
    days: DaysOption = 30,
    json: JsonOption = False,
    data: DataOption = None,
) -> None:
    """Each model's calls, times, success, satisfaction, tokens and cost; without a subcommand."""
    if context.invoked_subcommand is not None:
        return
    import msgspec
    from rich.console import Console

    from dashboard.bodies.models import ModelAnalyticsBody
    from imageledger.api import Api

    api = Api(settings_of(context, data).api_url())
    answer = api.answer("/api/analytics/models", run=run, task_type=task_type, days=days)
    if json:
        write_json(answer)
        return
    body = msgspec.json.decode(answer, type=ModelAnalyticsBody)
    console = Console(highlight=False)
    console.print(table(body))
    for best in body.best_by_task:
        console.print(f"{best.task_type}: {best.model}, {best.reason}, confidence {best.confidence:.0f}", markup=False)
    for insight in body.recommendations:
        console.print(f"{'✓' if insight.level == 'success' else '!'} {insight.text}", markup=False)


@_room.command()
def recommend(
    context: typer.Context,
    task_type: Annotated[str, typer.Argument(help="The task, for instance part_identification.")],
    priority: Annotated[Priority, typer.Option(help="What matters most.")] = Priority.BALANCED,
    run: RunOption = None,
    user_type: Annotated[str | None, typer.Option(help="For users of this type.")] = None,
    days: DaysOption = 30,
    json: JsonOption = False,
    data: DataOption = None,
) -> None:
    """The model to take for a task, why, how sure that is, and what else there is."""
    import msgspec
    from rich.console import Console

    from dashboard.bodies.models import RecommendationBody
    from imageledger.api import Api

    answer = Api(settings_of(context, data).api_url()).answer(
        "/api/analytics/models/recommend",
        task_type=task_type,
        priority=priority.value,
        run=run,
        user_type=user_type,
        days=days,
    )
    if json:
        write_json(answer)
        return
    body = msgspec.json.decode(answer, type=RecommendationBody)
    console = Console(highlight=False)
    console.print(f"{body.model} ({body.provider}): {body.reason}", markup=False)
    console.print(f"confidence {body.confidence:.0f} of 100, by {body.basis}, {body.metrics.sample_size:,} calls")
    for other in body.alternatives:
        console.print(f"else {other.model} ({other.provider}), {other.metrics.sample_size:,} calls", markup=False)


@_room.command()
def route(
    context: typer.Context,
    task_type: Annotated[str, typer.Argument(help="The task, for instance part_identification.")],
    usual: Annotated[str, typer.Option(help="The model to use unless another is known to be better.")],
    allow: Annotated[
        list[str] | None, typer.Option(help="Choose only among these; may be given more than once.")
    ] = None,
    priority: Annotated[Priority, typer.Option(help="What matters most.")] = Priority.BALANCED,
    run: RunOption = None,
    days: DaysOption = 30,
    json: JsonOption = False,
    data: DataOption = None,
) -> None:
    """The model to send the next call to, by itself on stdout; why, on stderr."""
    import msgspec

    from dashboard.bodies.models import RouteBody
    from imageledger.api import Api

    answer = Api(settings_of(context, data).api_url()).answer(
        "/api/analytics/models/route",
        task_type=task_type,
        usual=usual,
        allow=allow,
        priority=priority.value,
        run=run,
        days=days,
    )
    if json:
        write_json(answer)
        return
    body = msgspec.json.decode(answer, type=RouteBody)
    sys.stdout.write(f"{body.model}\n")
    sys.stderr.write(f"{body.reason}\n")


@_room.command()
def experiments(
    context: typer.Context,
    run: RunOption = None,
    task_type: TaskOption = None,
    days: DaysOption = 30,
    json: JsonOption = False,
    data: DataOption = None,
) -> None:
    """The variants of each task against its control, as results name them in `variant`."""
    import msgspec
    from rich.console import Console

    from dashboard.bodies.models import ExperimentsBody
    from imageledger.api import Api

    api = Api(settings_of(context, data).api_url())
    answer = api.answer("/api/analytics/experiments", run=run, task_type=task_type, days=days)
    if json:
        write_json(answer)
        return
    body = msgspec.json.decode(answer, type=ExperimentsBody)
    console = Console(highlight=False)
    if not body.experiments:
        console.print("no result carries a `variant`")
    for experiment in body.experiments:
        console.print(f"{experiment.task_type} (control: {experiment.control})", markup=False)
        for compared in experiment.comparisons:
            console.print(f"  {compared.text}", markup=False)


def table(body: ModelAnalyticsBody) -> Table:
    """A line each, the one with the most calls first; the last line is all of them. 80 columns hold it."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    lines = Table(title=f"models, last {body.days} days", title_justify="left", box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for name in ("model", "provider"):
        lines.add_column(name, overflow="fold")
    for name in ("calls", "success", "mean ms", "tokens", "liked", "score", "USD"):
        lines.add_column(name, justify="right")
    for row in body.by_model:
        lines.add_row(row.model, row.provider, *_cells(row))
    lines.add_row("all", "", *_cells(body.summary))
    return lines


def _cells(row: CallFigures) -> tuple[str, ...]:
    return (
        f"{row.total_calls:,}",
        _shown(row.success_rate, ".1f", " %"),
        _shown(row.avg_response_time, ",.0f"),
        _shown(row.avg_tokens, ",.0f"),
        _shown(row.satisfaction_rate, ".0f", " %"),
        _shown(row.quality_score, ".0f"),
        f"{row.total_cost:,.4f}" + (f" (+{row.unpriced_calls:,} unpriced)" if row.unpriced_calls else ""),
    )


def _shown(value: float | None, form: str, unit: str = "") -> str:
    return "?" if value is None else f"{value:{form}}{unit}"
