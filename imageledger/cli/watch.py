"""`imageledger watch`: the command centre in a terminal."""

import os
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from imageledger.cli.context import DataOption, RunOption, settings_of

if TYPE_CHECKING:
    from imageledger.api import Api


def register(app: typer.Typer) -> None:
    """Add this room's commands."""
    app.command()(watch)


def watch(
    context: typer.Context,
    run: RunOption = None,
    once: Annotated[bool, typer.Option("--once", help="Print once and exit.")] = False,
    data: DataOption = None,
) -> None:
    """A run's progress, rate, ETA, cost, tiers and activity, live until the run ends. Ctrl-C ends it earlier."""
    from imageledger.api import Api

    try:
        api = Api(settings_of(context, data).api_url())
        run = run or api.active_run()
        _watch(api, run, once=once)
        sys.stdout.flush()
    except KeyboardInterrupt:
        pass
    except BrokenPipeError:  # whoever read along has seen enough; nor can what is buffered be written
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _watch(api: "Api", run: str, *, once: bool) -> None:
    from rich.console import Console

    from imageledger.terminal import following
    from imageledger.terminal.drawing import closing, drawing

    console = Console(highlight=False, soft_wrap=True)
    screen = sys.stdout.isatty() and not console.is_dumb_terminal
    figures = following.begin(api, run)
    if once:
        ended = figures.body.state == "finished"
    elif screen:
        ended = following.on_a_terminal(api, run, figures, console)
    else:
        ended = following.into_a_pipe(api, run, figures, _say)
    lines = closing(api.metrics(run)) if ended else []
    if once or (screen and ended):
        height = None if once else console.height - len(lines) - 1  # the end of a run fits the screen that it ran on
        for line in drawing(figures.seen(following.now()), console.width, height):
            console.print(line)
    for text in lines:
        _say(text + "\n")


def _say(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()
