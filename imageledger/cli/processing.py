"""`imageledger process DIR`: real photographs, measured; and the documented backfill that the demo runs."""

import asyncio
import json as jsonlib
import signal
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from imageledger.cli.context import DataOption, JsonOption, settings_of

if TYPE_CHECKING:
    from rich.progress import Progress

    from processors.summary import Summary

RunOption = Annotated[str | None, typer.Option(help="The run's id; without it a new one is made.")]


def register(app: typer.Typer) -> None:
    """Add this room's commands."""
    app.command()(process)
    app.command()(backfill)


def process(
    context: typer.Context,
    folder: Annotated[
        Path, typer.Argument(help="A folder of image files; each subfolder is a vehicle.", metavar="DIR")
    ],
    run: RunOption = None,
    concurrency: Annotated[int, typer.Option(help="Images measured at a time.", min=1, max=64)] = 4,
    json: JsonOption = False,
    data: DataOption = None,
) -> None:
    """Measure every image of a folder and publish a result for each. Run again, it resumes."""
    from rich.console import Console
    from rich.progress import Progress

    from imageledger import wiring
    from imageledger.kafka import log_of, require_kafka
    from processors.folder.run import process_folder

    settings = settings_of(context, data)
    run = run or f"folder-{folder.resolve().name}"

    async def work(stop: asyncio.Event) -> "Summary":
        await require_kafka(settings)
        moving = _moving(bar, str(folder))
        async with log_of(settings) as log:
            with wiring.spooled_publisher(settings, "process") as publisher:
                return await process_folder(
                    folder, publisher, run, log=log, stop=stop, concurrency=concurrency, progress=moving
                )

    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as bar:
        summary = asyncio.run(_stoppable(work))
    _report(summary, as_json=json)


def backfill(
    context: typer.Context,
    run: RunOption = None,
    speed: Annotated[float, typer.Option(help="Simulated seconds per real second.", min=0.1)] = 20.0,
    seed: Annotated[int, typer.Option(help="The same seed gives the same images, answers and failures.")] = 7,
    go_on: Annotated[
        bool, typer.Option("--continue", help="Without --run: continue the newest unfinished run, if there is one.")
    ] = False,
    stay: Annotated[
        bool,
        typer.Option("--stay", help="Keep running once finished, so that `commands reprocess` can start it again."),
    ] = False,
    json: JsonOption = False,
    data: DataOption = None,
) -> None:
    """Run the documented backfill: 2,734 images in three tiers, by a simulated model.

    Started again with the run's id it goes on where it was, wherever it was ended; a finished run says so.
    """
    from imageledger import wiring

    settings = settings_of(context, data)
    finished = (lambda summary: _write(summary, as_json=json)) if stay else None

    def work(stop: asyncio.Event) -> "Awaitable[Summary]":
        return wiring.backfill(settings, run, speed, seed, stop, go_on=go_on, finished=finished)

    summary = asyncio.run(_stoppable(work))
    if not stay or summary.stopped:
        _report(summary, as_json=json)


def _moving(bar: "Progress", name: str) -> Callable[[int, int, object], None]:
    task = bar.add_task(name, total=None)
    return lambda done, total, _result: bar.update(task, completed=done, total=total)


async def _stoppable(work: "Callable[[asyncio.Event], Awaitable[Summary]]") -> "Summary":
    """Run `work(stop)`; Ctrl-C and SIGTERM ask it to stop cleanly."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    return await work(stop)


def _report(summary: "Summary", *, as_json: bool) -> None:
    """The summary on stdout; exit code 1 where an image did not end or an event did not reach Kafka."""
    _write(summary, as_json=as_json)
    if not summary.complete and not summary.stopped:
        raise typer.Exit(1)


def _write(summary: "Summary", *, as_json: bool) -> None:
    import msgspec

    if as_json:
        sys.stdout.write(jsonlib.dumps(msgspec.to_builtins(summary, str_keys=True)) + "\n")
    else:
        for line in summary.lines():
            sys.stdout.write(line + "\n")
    sys.stdout.flush()
