"""`imageledger commands`: tell a run's processor to pause, go on, change its concurrency, do images again."""

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from imageledger.cli.context import DataOption, JsonOption, settings_of, write_json

if TYPE_CHECKING:
    from dashboard.commands import Command
    from events.commands import Action

RunOption = Annotated[str, typer.Option(help="The run's id.")]
ReasonOption = Annotated[str | None, typer.Option(help="Why; it is kept in the log.")]
ByOption = Annotated[str | None, typer.Option(help="Who asks; without it your user name.")]
WaitOption = Annotated[float, typer.Option(help="Seconds to wait for the processor's answer.", min=0)]

_room = typer.Typer(
    help="Pause, resume, speed up or reprocess a run, and see what its processor answered.", no_args_is_help=True
)


def register(app: typer.Typer) -> None:
    """Add this room's commands."""
    app.add_typer(_room, name="commands")


@_room.command()
def pause(
    context: typer.Context,
    run: RunOption,
    reason: ReasonOption = None,
    by: ByOption = None,
    wait: WaitOption = 10.0,
    json: JsonOption = False,
    data: DataOption = None,
) -> None:
    """Begin no new call; open ones are finished. It holds across restarts, until `resume`."""
    _issue(context, data, run, "pause", {}, by, reason, wait, as_json=json)


@_room.command()
def resume(
    context: typer.Context,
    run: RunOption,
    reason: ReasonOption = None,
    by: ByOption = None,
    wait: WaitOption = 10.0,
    json: JsonOption = False,
    data: DataOption = None,
) -> None:
    """Go on after a `pause`."""
    _issue(context, data, run, "resume", {}, by, reason, wait, as_json=json)


@_room.command("set-concurrency")
def set_concurrency(
    context: typer.Context,
    concurrency: Annotated[int, typer.Argument(help="Calls that may be open at a time.", min=1, max=1_000)],
    run: RunOption,
    reason: ReasonOption = None,
    by: ByOption = None,
    wait: WaitOption = 10.0,
    json: JsonOption = False,
    data: DataOption = None,
) -> None:
    """Allow this many calls at a time. It holds across restarts."""
    _issue(context, data, run, "set_concurrency", {"concurrency": concurrency}, by, reason, wait, as_json=json)


@_room.command()
def reprocess(
    context: typer.Context,
    run: RunOption,
    failed: Annotated[bool, typer.Option("--failed", help="Images that failed.")] = False,
    tier: Annotated[
        int | None, typer.Option(help="Images with a result of this tier; they are done again from that tier on.")
    ] = None,
    model: Annotated[str | None, typer.Option(help="Images that this model looked at.")] = None,
    error_type: Annotated[str | None, typer.Option(help="Images that failed with this error.")] = None,
    image: Annotated[list[str] | None, typer.Option(help="This image; may be given more than once.")] = None,
    vehicle: Annotated[str | None, typer.Option(help="This vehicle's images.")] = None,
    context_improved: Annotated[
        bool,
        typer.Option(
            "--context-improved", help="Images whose vehicle is now documented well enough for a cheaper price band."
        ),
    ] = False,
    every: Annotated[bool, typer.Option("--all", help="Every image.")] = False,
    reason: ReasonOption = None,
    by: ByOption = None,
    wait: WaitOption = 10.0,
    json: JsonOption = False,
    data: DataOption = None,
) -> None:
    """Process finished images again: those that match every option given."""
    given = {
        "failed": failed or None,
        "tier": tier,
        "model": model,
        "error_type": error_type,
        "image_ids": "\n".join(image) if image else None,
        "vehicle_id": vehicle,
        "context_improved": context_improved or None,
        "all": every or None,
    }
    args = {name: value for name, value in given.items() if value is not None}
    _issue(context, data, run, "reprocess", args, by, reason, wait, as_json=json)


@_room.command("list")
def list_(context: typer.Context, run: RunOption, json: JsonOption = False, data: DataOption = None) -> None:
    """Every command of a run and its state: pending, accepted, refused or effective."""
    import asyncio

    from imageledger.commanding import listed

    found = asyncio.run(listed(settings_of(context, data), run))
    if json:
        write_json(found)
        return
    from rich.console import Console
    from rich.table import Table

    table = Table("issued", "by", "command", "state", "answer")
    for command in found:
        at = command.issued_at.isoformat(sep=" ", timespec="seconds")
        table.add_row(at, command.issued_by, _words(command), command.state, command.answer or "")
    Console().print(table if found else f"no command was ever issued for run {run}")


def _issue(
    context: typer.Context,
    data: Any,
    run: str,
    action: "Action",
    args: dict[str, Any],
    by: str | None,
    reason: str | None,
    wait_s: float,
    *,
    as_json: bool,
) -> None:
    import asyncio
    import getpass
    from datetime import UTC, datetime

    from dashboard.commands import issued
    from imageledger.commanding import SOURCE, CommandError, issue

    command = issued(run, action, args, by or getpass.getuser(), reason, datetime.now(UTC), SOURCE)
    stands = asyncio.run(issue(settings_of(context, data), command, wait_s))
    if as_json:
        write_json(stands)
    if stands.state == "refused":
        raise CommandError(f"run {run}, {_words(stands)}: {stands.answer}")
    if as_json:
        return
    if stands.state == "pending":
        sys.stdout.write(
            f"{_words(stands)}: no processor has answered within {wait_s:g} s. It is in the log, and will be obeyed "
            f"when one works on run {run}: see `imageledger commands list --run {run}`\n"
        )
    else:
        sys.stdout.write(f"{_words(stands)}: {stands.state}" + (f", {stands.answer}" if stands.answer else "") + "\n")


def _words(command: "Command") -> str:
    args = " ".join(f"{name}={str(value).replace(chr(10), ',')}" for name, value in command.args.items())
    return f"{command.action} {args}".strip()
