"""The servers: `kafka`, `clickhouse`, `migrate`, and all of it together with `up` and `demo`."""

import asyncio
from typing import Annotated

import typer

from imageledger.cli.context import DataOption, WaitOption, settings_of
from imageledger.errors import SettingsError
from imageledger.settings import Settings

PortOption = Annotated[
    int | None, typer.Option(help="Port; without it the one that this data folder used before, or a free one.")
]


def register(app: typer.Typer) -> None:
    """Add this room's commands."""
    for command in (up, demo, kafka, clickhouse, migrate):
        app.command()(command)


def kafka(context: typer.Context, port: PortOption = None, data: DataOption = None) -> None:
    """Run Apache Kafka on this machine: one durable node on loopback."""
    from servers.kafka import server
    from servers.kafka.warmup import set_up_kafka

    settings = _with_folder(settings_of(context, data))
    set_up_kafka(say=_say)
    server.run(settings.data, port=port)


def clickhouse(context: typer.Context, port: PortOption = None, data: DataOption = None) -> None:
    """Run the ClickHouse engine behind its HTTP interface, on loopback."""
    from servers.clickhouse import server

    server.run(_with_folder(settings_of(context, data)).data, port, ready=lambda _: _say("ClickHouse is ready"))


def migrate(
    context: typer.Context,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would change.")] = False,
    down: Annotated[str | None, typer.Option(metavar="NNNN", help="Undo this migration and all later ones.")] = None,
    drop_data: Annotated[bool, typer.Option("--drop-data", help="With --down: even if rows are lost.")] = False,
    cluster: Annotated[
        str | None, typer.Option(metavar="NAME", help="Only print the SQL for a cluster of this name.")
    ] = None,
    wait: WaitOption = 0.0,
    data: DataOption = None,
) -> None:
    """Create or update the topics, tables and views that this version needs; or undo, or print, ClickHouse's schema."""
    from imageledger import wiring

    if cluster is not None:
        from sinks.schema.cluster import ddl

        typer.echo(ddl(cluster), nl=False)
        return
    settings = settings_of(context, data)
    if down is not None:
        lines = wiring.migrate_down(settings, down, drop_data=drop_data, dry_run=dry_run)
    else:
        lines = asyncio.run(wiring.migrate(settings, dry_run=dry_run, wait_s=wait))
    for line in lines:
        typer.echo(line, err=True)


def up(
    context: typer.Context,
    port: Annotated[int | None, typer.Option(help="The dashboard's port.")] = None,
    data: DataOption = None,
) -> None:
    """Run everything on this machine: Kafka, ClickHouse, workers, sink and dashboard. Ctrl-C ends it."""
    _supervise(settings_of(context, data, port=port))


def demo(
    context: typer.Context,
    port: Annotated[int | None, typer.Option(help="The dashboard's port.")] = None,
    speed: Annotated[float, typer.Option(help="Simulated seconds per real second.", min=0.1)] = 20.0,
    data: DataOption = None,
) -> None:
    """Run everything, with the documented backfill of 2,734 images under way. Ctrl-C ends it."""
    _supervise(settings_of(context, data, port=port), backfill_speed=speed)


def _supervise(settings: Settings, *, backfill_speed: float | None = None) -> None:
    from imageledger import stack
    from servers.kafka.warmup import set_up_kafka

    settings.price_list()  # a list that cannot be read is said here, not by each child
    _with_folder(settings)
    if settings.kafka is None:
        set_up_kafka(say=_say)  # here, where whoever started it sees what is fetched
    children = stack.children(settings)
    if backfill_speed is not None:
        children.append(stack.backfill(settings, backfill_speed))
    stack.run(settings, children, _say, lambda: _welcome(settings))


def _with_folder(settings: Settings) -> Settings:
    """Raises SettingsError where the data folder is none and cannot be made."""
    try:
        settings.data.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SettingsError(
            f"{settings.data} cannot be the data folder ({error.strerror}): give another one with --data"
        ) from error
    return settings


def _say(line: str) -> None:
    typer.secho(line, err=True, dim=True)


def _welcome(settings: Settings) -> None:
    name = typer.style("imageledger", bold=True)
    url = typer.style(f"http://{settings.host}:{settings.port}", fg="cyan", bold=True)
    typer.echo(f"\n  {name} is live: {url}", err=True)
    typer.echo(f"  data and logs: {settings.data.resolve()}    Ctrl-C ends it\n", err=True)
