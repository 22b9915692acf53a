"""The processes that `up` supervises and a deployment runs one by one: `worker`, `sink`, `api`."""

from typing import Annotated

import typer

from imageledger.cli.context import DataOption, WaitOption, settings_of


def register(app: typer.Typer) -> None:
    """Add this room's commands."""
    for command in (worker, sink, api):
        app.command()(command)


def worker(
    context: typer.Context,
    slot: Annotated[
        int,
        typer.Option(help="This worker's number, from 0; a restart with the same number takes over at once.", min=0),
    ] = 0,
    wait: WaitOption = 0.0,
    data: DataOption = None,
    spare: Annotated[bool, typer.Option("--spare", hidden=True)] = False,
) -> None:
    """Fold the log into live figures (Faust)."""
    from imageledger import folding

    if spare and not folding.stand_by():
        return
    folding.run(settings_of(context, data), slot, wait_s=wait)


def sink(context: typer.Context, data: DataOption = None) -> None:
    """Store the log in ClickHouse."""
    from imageledger import wiring

    wiring.run_sink(settings_of(context, data))


def api(
    context: typer.Context,
    port: Annotated[int | None, typer.Option(help="The dashboard's port.")] = None,
    data: DataOption = None,
) -> None:
    """Serve the dashboard and its API."""
    from imageledger import wiring

    wiring.run_api(settings_of(context, data, port=port))
