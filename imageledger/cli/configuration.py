"""`imageledger config show`: what is set, from where, with secrets left out."""

import json as jsonlib
import re
import sys

import typer

from imageledger.cli.context import DataOption, JsonOption, settings_of
from imageledger.settings import Settings, meanings, variable

_SECRETS = frozenset({"kafka_password", "alert_webhooks", "alert_webhook_secret", "alert_notify"})
"""A webhook's path, and an apprise URL all behind its scheme, may be a key."""
_PASSWORD = re.compile(r"(?<=:)[^:@/]+(?=@)")


def register(app: typer.Typer) -> None:
    """Add this room's commands."""
    group = typer.Typer(help="The settings and their values.", no_args_is_help=True)
    group.command()(show)
    app.add_typer(group, name="config")


def show(context: typer.Context, json: JsonOption = False, data: DataOption = None) -> None:
    """Show every setting with its value; passwords are redacted."""
    settings = settings_of(context, data)
    values = {
        name: hidden(getattr(settings, name)) if name in _SECRETS else redacted(getattr(settings, name))
        for name in Settings.__struct_fields__
    }
    if json:
        sys.stdout.write(jsonlib.dumps(values, indent=2, default=str) + "\n")
        return
    from rich.console import Console
    from rich.table import Table

    lines = Table("setting", "variable", "value", "meaning")
    for name, value in values.items():
        lines.add_row(name, variable(name), str(value), meanings()[name])
    Console().print(lines)


def redacted(value: object) -> object:
    """`value` without the password of a URL in it."""
    return _PASSWORD.sub("***", value) if isinstance(value, str) and "://" in value else value


def hidden(value: str | None) -> str | None:
    """What may be told of secrets, separated by spaces: their URLs' schemes."""
    if value is None:
        return None
    return " ".join(f"{one.partition('://')[0]}://***" if "://" in one else "***" for one in value.split())
