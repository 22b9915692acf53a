"""What every command shares: `--data` before or after the command's name, the settings that follow, and `--json`."""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from imageledger import logging
from imageledger.settings import Settings, load

DataOption = Annotated[
    Path | None, typer.Option("--data", help="Folder of the local servers' data and logs.", show_default=False)
]
WaitOption = Annotated[float, typer.Option(help="Seconds to wait for servers that are still starting.", min=0)]
RunOption = Annotated[
    str | None, typer.Option("--run", help="The run's id; without it the run under way, else the newest.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")]


@dataclass(frozen=True)
class Invocation:
    """What stood before the command's name."""

    data: Path | None


def settings_of(context: typer.Context, data: Path | None, **given: Any) -> Settings:
    """The settings of this invocation: command line, then environment, then defaults. Raises SettingsError."""
    before: Invocation = context.obj
    settings = load(data=data or before.data, **given)
    logging.configure(settings.log_level)
    return settings


def write_json(document: Any) -> None:
    """One JSON document on stdout, as a line; bytes are JSON already."""
    encoded = document if isinstance(document, bytes) else msgspec.json.encode(document)
    sys.stdout.buffer.write(encoded + b"\n")
