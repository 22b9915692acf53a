"""`imageledger import`: results of other programs, out of their files."""

from __future__ import annotations

import json as jsonlib
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from imageledger.cli.context import DataOption, JsonOption, settings_of

if TYPE_CHECKING:
    from events.sdk.publisher import Publisher
    from imageledger.settings import Settings
    from processors.importing.load import Imported, Progress

REJECTS = 3
"""The exit code where all that could be imported is, and some rows could not."""


def register(app: typer.Typer) -> None:
    """Add this room's commands."""
    app.command("import")(import_files)


def import_files(
    context: typer.Context,
    files: Annotated[list[Path], typer.Argument(help="JSON Lines, CSV, Parquet or logs; also .gz.", metavar="FILE…")],
    mapping: Annotated[Path | None, typer.Option(help="TOML: column → field, units, constants.")] = None,
    run: Annotated[str | None, typer.Option(help="The run to count in, instead of the rows' own.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Read and check; publish nothing.")] = False,
    json: JsonOption = False,
    data: DataOption = None,
) -> None:
    """Publish other programs' results as events. Begun again, it counts each row once.

    Events of ours, rows of `imageledger export results`, OpenTelemetry GenAI and OpenInference spans need no mapping
    (docs/importing.md). Rows that are refused go to FILE.rejects.jsonl. Exit code 0: every row is in Kafka; 3: all but
    the rejects; 1: not all.
    """
    from processors.importing.load import import_file
    from processors.importing.mapping import load

    settings = settings_of(context, data)
    mapped = load(mapping) if mapping else None
    reports: list[Imported] = []
    dropped = 0
    with _stoppable() as stop, _publisher(settings, dry_run=dry_run) as publisher:
        for file in dict.fromkeys(files):
            with _progress(file) as progress:
                reports.append(import_file(file, publisher, mapping=mapped, run_id=run, stop=stop, progress=progress))
            _say(reports[-1], dry_run=dry_run, as_json=json)
            if stop.is_set():
                break
        dropped = publisher.dropped if publisher else 0
    if any(report.stopped for report in reports) or dropped or not (dry_run or all(r.complete for r in reports)):
        sys.stderr.write("imageledger: not all of it is in Kafka; run it again: a row counts once\n")
        raise typer.Exit(1)
    if any(report.rejected for report in reports):
        raise typer.Exit(REJECTS)


@contextmanager
def _publisher(settings: Settings, *, dry_run: bool) -> Iterator[Publisher | None]:
    if dry_run:
        yield None
        return
    import asyncio
    import logging

    from imageledger.kafka import publisher_of, require_kafka
    from processors.importing.load import SOURCE

    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # an absence is said by us, not at every attempt
    asyncio.run(require_kafka(settings))
    with publisher_of(settings, SOURCE, prices=settings.price_list()) as publisher:
        yield publisher


@contextmanager
def _stoppable() -> Iterator[threading.Event]:
    """Ctrl-C and SIGTERM end it in order; a second one at once."""
    stop = threading.Event()
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def told(number: int, _frame: object) -> None:
        stop.set()
        signal.signal(number, before[signal.Signals(number)])

    for number in before:
        signal.signal(number, told)
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _progress(file: Path) -> Iterator[Progress]:
    """A bar on stderr where it is a terminal."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(file.name, total=None)

        def moved(done: int, total: int, waiting: bool) -> None:
            description = f"{file.name}: waiting for Kafka" if waiting else file.name
            bar.update(task, completed=done, total=total, description=description)

        yield moved


def _say(report: Imported, *, dry_run: bool, as_json: bool) -> None:
    import msgspec

    if as_json:
        sys.stdout.write(jsonlib.dumps(msgspec.to_builtins(report)) + "\n")
        return
    done = f"{report.events:,} events would be published" if dry_run else f"{report.confirmed:,} events in Kafka"
    parts = [f"{report.rows:,} rows", done]
    if report.skipped:
        parts.append(f"{report.skipped:,} skipped (no result in them)")
    if report.rejected:
        parts.append(f"{report.rejected:,} rejected: {report.rejects}")
    sys.stdout.write(f"{report.file}: {', '.join(parts)}{', stopped' if report.stopped else ''}\n")
    if report.without_value and not report.stopped:
        columns = ", ".join(f"{column!r} ({field})" for column, field in report.without_value.items())
        sys.stderr.write(f"imageledger: no row of {report.file} has a value of {columns}: is the mapping right?\n")
