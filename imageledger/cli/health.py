"""`imageledger health worker | sink | api`: exit code 0 while it does its work, for a container's healthcheck."""

from typing import Annotated

import typer

from imageledger.cli.context import DataOption, settings_of
from imageledger.errors import UnreachableError


def register(app: typer.Typer) -> None:
    """Add this room's commands."""
    group = typer.Typer(
        help="Does a part do its work? Exit code 0, or 1 with the reason; for healthchecks.", no_args_is_help=True
    )
    for command in (worker, sink, api):
        group.command()(command)
    app.add_typer(group, name="health")


def worker(
    context: typer.Context,
    slot: Annotated[int, typer.Option(help="The worker's number.", min=0)] = 0,
    data: DataOption = None,
) -> None:
    """Whether the worker of this data folder has recovered and folds."""
    from imageledger import health

    _say(health.of_worker(settings_of(context, data).data, slot))


def sink(context: typer.Context, data: DataOption = None) -> None:
    """Whether the sink of this data folder follows Kafka, and ClickHouse takes its rows."""
    from imageledger import health

    _say(health.of_sink(settings_of(context, data).data))


def api(context: typer.Context, data: DataOption = None) -> None:
    """Whether the API of this machine answers on its port."""
    from imageledger import health

    _say(health.of_api(settings_of(context, data).port))


def _say(ill: str | None) -> None:
    if ill is not None:
        raise UnreachableError(ill)
