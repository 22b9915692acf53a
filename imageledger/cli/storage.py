"""`imageledger cleanup`, `backup`, `restore`: what the store keeps, and a copy of it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from imageledger.cli.context import DataOption, JsonOption, settings_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sinks.retention import Expired


def register(app: typer.Typer) -> None:
    """Add this room's commands."""
    for command in (cleanup, backup, restore):
        app.command()(command)


def cleanup(
    context: typer.Context,
    calls_days: Annotated[int, typer.Option(help="Runs of messages alone: days after their last record.", min=1)] = 90,
    lineage_days: Annotated[
        int | None, typer.Option(help="All other runs; without it they stay for ever.", min=1)
    ] = None,
    snapshots_days: Annotated[
        int | None, typer.Option(help="Minute history of any run; without it it stays as long as its run.", min=1)
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would go.")] = False,
    json: JsonOption = False,
    data: DataOption = None,
) -> None:
    """Forget old runs, whole ones, in ClickHouse; the log in Kafka keeps what it has. Fit for a monthly cron."""
    from imageledger import wiring
    from sinks import retention
    from sinks.client import connect

    now = datetime.now(UTC)
    calls, lineage, snapshots = (
        None if days is None else now - timedelta(days=days) for days in (calls_days, lineage_days, snapshots_days)
    )
    with connect(wiring.writer_url(settings_of(context, data))) as client:
        runs = retention.expired(client, retention.Limits(calls, lineage))
        minutes = 0 if snapshots is None else retention.old_snapshots(client, snapshots)
        if not dry_run:
            retention.forget(client, [run.run_id for run in runs])
            if snapshots is not None and minutes:
                retention.forget_snapshots(client, snapshots)
    _say(runs, minutes, dry_run=dry_run, json=json)


def _say(runs: Sequence[Expired], minutes: int, *, dry_run: bool, json: bool) -> None:
    if json:
        import msgspec

        typer.echo(msgspec.json.encode({"dry_run": dry_run, "runs": runs, "snapshots": minutes}))
        return
    for run in runs:
        typer.echo(f"{run.run_id}: {run.rows:,} rows of {run.kind}, last record {run.last_recorded_at:%Y-%m-%d}")
    rows = sum(run.rows for run in runs)
    typer.echo(
        f"{'would remove' if dry_run else 'removed'} {len(runs)} runs with {rows:,} rows"
        + (f", and {minutes:,} minutes of history" if minutes else "")
    )


def backup(
    context: typer.Context,
    target: Annotated[Path, typer.Argument(help="A new folder, or a new FILE.tar; of a server: its name for it.")],
    data: DataOption = None,
) -> None:
    """Copy the whole store by ClickHouse's own BACKUP; everything may go on meanwhile."""
    from imageledger import storing

    storing.backup(settings_of(context, data), target)
    typer.echo(f"{target} holds the store", err=True)


def restore(
    context: typer.Context,
    source: Annotated[Path, typer.Argument(help="What `backup` made; of a server: its name for it.")],
    replace: Annotated[bool, typer.Option("--replace", help="Drop what the store has now.")] = False,
    data: DataOption = None,
) -> None:
    """Make the store what a backup holds; the sink then reads the log again, for what came later."""
    from imageledger import storing

    storing.restore(settings_of(context, data), source, replace=replace)
    typer.echo("restored: a running sink begins again by itself and reads the log from its beginning", err=True)
