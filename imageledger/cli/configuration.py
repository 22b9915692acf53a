"""`imageledger config show`: what is set, from where, with secrets left out."""

import json as jsonlib
import re
import sys

import typer
from rich.console import Console
from rich.table import Table

from imageledger.cli.context import DataOption, JsonOption, settings_of
from imageledger.settings import Settings

_PASSWORD = re.compile(r"(?<=:)[^:@/]+(?=@)")


def register(app: typer.Typer) -> None:
    """Add this room's commands."""
    group = typer.Typer(help="What is set.", no_args_is_help=True)
    group.command()(show)
    app.add_typer(group, name="config")


def show(context: typer.Context, json: JsonOption = False, data: DataOption = None) -> None:
    """Every setting with its value; passwords are redacted."""
    settings = settings_of(context, data)
    values = {name: redacted(value) for name, value in settings.model_dump(mode="json").items()}
    if json:
        sys.stdout.write(jsonlib.dumps(values, indent=2) + "\n")
        return
    lines = Table("setting", "variable", "value", "meaning")
    for name, value in values.items():
        meaning = Settings.model_fields[name].description or ""
        lines.add_row(name, f"IMAGELEDGER_{name.upper()}", str(value), meaning)
    Console().print(lines)


def redacted(value: object) -> object:
    """`value` without the password of a URL in it."""
    return _PASSWORD.sub("***", value) if isinstance(value, str) and "://" in value else value
