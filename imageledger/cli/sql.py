"""`imageledger sql`: one read-only statement over the store."""

from __future__ import annotations

import sys
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from imageledger.cli.context import DataOption, settings_of
from imageledger.errors import SettingsError

if TYPE_CHECKING:
    from rich.table import Table

    from sinks.raw import Answer
    from sinks.reading.sql import Format


class Form(StrEnum):
    """How a result is written."""

    TABLE = "table"
    CSV = "csv"
    TSV = "tsv"
    JSON = "json"
    JSONL = "jsonl"
    PARQUET = "parquet"
    ARROW = "arrow"


def register(app: typer.Typer) -> None:
    """Add this room's commands."""
    app.command()(sql)


def sql(
    context: typer.Context,
    query: Annotated[str | None, typer.Argument(help="One statement; without it, or for -, standard input.")] = None,
    form: Annotated[Form | None, typer.Option("--format", help="Without it a table, or CSV into a pipe.")] = None,
    param: Annotated[
        list[str] | None, typer.Option(help="NAME=VALUE for {NAME:Type} in the statement; again for another.")
    ] = None,
    data: DataOption = None,
) -> None:
    """Ask ClickHouse anything: one SELECT, SHOW, DESCRIBE or EXPLAIN over the tables and views of docs/sql.md."""
    from imageledger import wiring
    from sinks.errors import ClickHouseError
    from sinks.raw import raw
    from sinks.reading.sql import Sql, worded

    form = form or (Form.TABLE if sys.stdout.isatty() else Form.CSV)
    text = sys.stdin.read() if query in {None, "-"} else query
    asked = Sql(raw(wiring.reader_url(settings_of(context, data))))
    wanted = cast("Format", "json" if form is Form.TABLE else form.value)
    answer = asked.run(text or "", _parameters(param or []), format=wanted)
    try:
        _write(answer, form)
    except ClickHouseError as error:
        raise worded(error) from error


def _write(answer: Answer, form: Form) -> None:
    with answer:
        if form is Form.TABLE and answer.format == "JSONCompact":
            from rich.console import Console

            Console(highlight=False).print(_table(b"".join(answer)))
            return
        for chunk in answer:
            sys.stdout.buffer.write(chunk)
    sys.stdout.buffer.flush()


def _parameters(given: list[str]) -> dict[str, str]:
    found = {}
    for one in given:
        name, equals, value = one.partition("=")
        if not equals or not name.isidentifier():
            raise SettingsError(f"--param {one}: give NAME=VALUE")
        found[name] = value
    return found


def _table(body: bytes) -> Table:
    import msgspec
    from rich.table import Table
    from rich.text import Text

    result: dict[str, Any] = msgspec.json.decode(body)
    rows = result["data"]
    table = Table(caption=f"{len(rows):,} row{'' if len(rows) == 1 else 's'}", caption_justify="left")
    for column in result["meta"]:
        number = column["type"].removeprefix("Nullable(").startswith(("Int", "UInt", "Float", "Decimal"))
        table.add_column(Text(column["name"]), justify="right" if number else "left", overflow="fold")
    for row in rows:
        table.add_row(*(Text(_cell(value)) for value in row))
    return table


def _cell(value: Any) -> str:
    import msgspec

    if isinstance(value, str):
        return "".join(
            letter if letter.isprintable() or letter == "\n" else "\N{REPLACEMENT CHARACTER}" for letter in value
        )
    return "" if value is None else msgspec.json.encode(value).decode()
