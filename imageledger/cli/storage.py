"""`imageledger cleanup`, `backup`, `restore`: what the store keeps, and a copy of it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from imageledger.cli.context import DataOption, JsonOption, settings_of, write_json

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sinks.retention import Expired


def register(app: typer.Typer) -> None:
    """Add this room's commands."""
    for command in (cleanup, backup, restore):
        app.command()(command)


def cleanup(
    context: typer.Context,
    calls_days: Annotated[
        int, typer.Option(help="Forget runs that hold only messages this many days after their last record.", min=1)
    ] = 90,
    lineage_days: Annotated[
        int | None, typer.Option(help="Forget all other runs after this many days; without it they are kept.", min=1)
    ] = None,
    snapshots_days: Annotated[
        int | None,
        typer.Option(
            help="Forget a run's history by the minute after this many days; without it, it stays with its run.", min=1
        ),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be forgotten.")] = False,
    json: JsonOption = False,
    data: DataOption = None,
) -> None:
    """Delete old runs, always whole ones, from ClickHouse; Kafka's log is not touched. Made for a monthly cron job."""
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
        write_json({"dry_run": dry_run, "runs": runs, "snapshots": minutes})
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
    target: Annotated[
        Path, typer.Argument(help="A new folder or FILE.tar; of your own server: a name in its backups.")
    ],
    data: DataOption = None,
) -> None:
    """Back up the whole ClickHouse database by its own BACKUP, while everything runs."""
    from imageledger import backups

    backups.backup(settings_of(context, data), target)
    typer.echo(f"{target} holds the backup", err=True)


def restore(
    context: typer.Context,
    source: Annotated[Path, typer.Argument(help="What `backup` made; of your own server: a name in its backups.")],
    replace: Annotated[bool, typer.Option("--replace", help="Drop what ClickHouse holds now.")] = False,
    data: DataOption = None,
) -> None:
    """Restore ClickHouse from a backup; the sink then reads the log again and adds what came later."""
    from imageledger import backups

    backups.restore(settings_of(context, data), source, replace=replace)
    typer.echo("restored; a running sink restarts by itself and reads the log from its beginning", err=True)
