"""`imageledger export`: a table or view as CSV, JSON or Parquet."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from imageledger.cli.context import DataOption, settings_of
from imageledger.errors import SettingsError

if TYPE_CHECKING:
    from sinks.raw import Answer


class Form(StrEnum):
    """How rows are written."""

    CSV = "csv"
    JSON = "json"
    PARQUET = "parquet"


def register(app: typer.Typer) -> None:
    """Add this room's commands."""
    app.command()(export)


def export(
    context: typer.Context,
    view: Annotated[str, typer.Argument(help="A table or view of docs/sql.md; a wrong name lists them.")],
    form: Annotated[Form, typer.Option("--format")] = Form.CSV,
    run: Annotated[str | None, typer.Option(help="Only this run.")] = None,
    start: Annotated[
        str | None, typer.Option("--from", help="Only what counts at or after this time (RFC 3339).")
    ] = None,
    end: Annotated[str | None, typer.Option("--to", help="Only what counts before this time.")] = None,
    tier: Annotated[
        int | None, typer.Option(help="Only this tier; of images: the highest reached.", min=0, max=15)
    ] = None,
    model: Annotated[str | None, typer.Option(help="Only this model.")] = None,
    component_type: Annotated[str | None, typer.Option(help="Only this type of component.")] = None,
    provider: Annotated[str | None, typer.Option(help="Only this provider.")] = None,
    status: Annotated[str | None, typer.Option(help="success, partial or failed.")] = None,
    to_file: Annotated[Path | None, typer.Option(help="Write this file; it is there only when it is whole.")] = None,
    data: DataOption = None,
) -> None:
    """Write rows as they come, however many: CSV with a header, one JSON array, or Parquet."""
    from imageledger import wiring
    from sinks.raw import raw
    from sinks.reading.export import Filters
    from sinks.reading.export import export as exported

    filters = Filters(
        run, _moment(start, "--from"), _moment(end, "--to"), tier, model, component_type, provider, status
    )
    if form is Form.PARQUET and to_file is None and sys.stdout.isatty():
        raise SettingsError("Parquet is not for a terminal: give --to-file, or redirect the output")
    store = raw(wiring.reader_url(settings_of(context, data)))
    with exported(store, view, form.value, filters) as answer:
        if to_file is None:
            for chunk in answer:
                sys.stdout.buffer.write(chunk)
            sys.stdout.buffer.flush()
        else:
            _to_file(answer, to_file)


def _to_file(answer: Answer, path: Path) -> None:
    part = path.with_name(path.name + ".part")
    try:
        with part.open("wb") as file:
            for chunk in answer:
                file.write(chunk)
        part.replace(path)
    except OSError as error:
        raise SettingsError(f"{path} cannot be written: {error.strerror}") from error
    finally:
        part.unlink(missing_ok=True)


def _moment(text: str | None, option: str) -> datetime | None:
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise SettingsError(f"{option} {text}: give a time like 2026-11-02T10:00:00Z") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
