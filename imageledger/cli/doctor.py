"""`imageledger doctor`: one line a check, each with its remedy; exit code 1 where one fails."""

from __future__ import annotations

import asyncio
import json as jsonlib
import sys
from typing import TYPE_CHECKING

import typer

from imageledger.cli.context import DataOption, JsonOption, settings_of

if TYPE_CHECKING:
    from imageledger.doctor import Check
    from imageledger.settings import Settings

_MARKS = {"ok": ("ok", "green"), "warning": ("look", "yellow"), "failed": ("FAIL", "red")}


def register(app: typer.Typer) -> None:
    """Add this room's commands."""
    app.command()(doctor)


def doctor(context: typer.Context, json: JsonOption = False, data: DataOption = None) -> None:
    """Check Kafka, topics, ClickHouse, lag, clocks, keys and dead letters; say what to do about each finding."""
    import msgspec

    checks = asyncio.run(_examine(settings_of(context, data), quiet=json))
    if json:
        sys.stdout.write(jsonlib.dumps(msgspec.to_builtins(checks), ensure_ascii=False, indent=2) + "\n")
    if any(check.state == "failed" for check in checks):
        raise typer.Exit(1)


async def _examine(settings: Settings, *, quiet: bool) -> list[Check]:
    from imageledger import wiring

    checks = []
    async for check in wiring.examine(settings):
        checks.append(check)
        if not quiet:
            mark, color = _MARKS[check.state]
            remedy = f" → {check.remedy}" if check.remedy else ""
            typer.echo(f"{typer.style(f'{mark:<5}', fg=color)}{check.check + ':':<19} {check.finding}{remedy}")
    return checks
