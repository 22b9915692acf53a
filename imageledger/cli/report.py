"""`imageledger report`: a run as a document, once or on a schedule."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from imageledger.cli.context import DataOption, RunOption, settings_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime
    from threading import Event

    from imageledger.api import Api


class Form(StrEnum):
    """How the report is written."""

    JSON = "json"
    CSV = "csv"
    PDF = "pdf"
    HTML = "html"


class Every(StrEnum):
    """How often."""

    HOUR = "hour"
    DAY = "day"
    WEEK = "week"


SECONDS = {Every.HOUR: 3_600, Every.DAY: 86_400, Every.WEEK: 7 * 86_400}


def register(app: typer.Typer) -> None:
    """Add this room's commands."""
    app.command()(report)


def report(
    context: typer.Context,
    run: RunOption = None,
    form: Annotated[Form, typer.Option("--format")] = Form.JSON,
    to: Annotated[
        str | None, typer.Option(help="A folder, or an address (http…) that gets it by POST; else stdout.")
    ] = None,
    every: Annotated[
        Every | None, typer.Option(help="Now, and again at the end of every hour, day or week (UTC), until stopped.")
    ] = None,
    data: DataOption = None,
) -> None:
    """Write a run's report; the same snapshot always gives the same bytes."""
    from imageledger.api import Api
    from imageledger.errors import SettingsError

    if every is not None and to is None:
        raise SettingsError("--every needs --to: a folder, or an address that takes a POST")
    if to is None and form is Form.PDF and sys.stdout.isatty():
        raise SettingsError("a PDF is not for a terminal: give --to DIR, or redirect the output")
    api = Api(settings_of(context, data).api_url())
    if every is None:
        deliver(api, run, form, to)
    else:
        from datetime import UTC, datetime

        stop = _stopped_by_signals()
        repeat(lambda: deliver(api, run, form, to), every, lambda: datetime.now(UTC), stop.wait)


def deliver(api: Api, run: str | None, form: Form, to: str | None) -> None:
    """One report: into the folder `to`, by POST to the address `to`, or to stdout. Raises ImageledgerError."""
    named = run or api.active_run()
    content, name = api.report(named, form.value)
    if to is None:
        sys.stdout.buffer.write(content)
        sys.stdout.buffer.flush()
    elif to.startswith(("http://", "https://")):
        _post(content, form, to)
    else:
        _write(content, Path(to) / name)


def _write(content: bytes, path: Path) -> None:
    from imageledger.errors import SettingsError

    part = path.with_name(path.name + ".part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part.write_bytes(content)
        part.replace(path)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise SettingsError(f"{path} cannot be written: {error.strerror}") from error
    print(path, file=sys.stderr)  # noqa: T201 - the command's own voice


def _post(content: bytes, form: Form, url: str) -> None:
    import httpx

    from imageledger.errors import UnreachableError

    kinds = {Form.JSON: "application/json", Form.CSV: "text/csv", Form.PDF: "application/pdf", Form.HTML: "text/html"}
    try:
        answer = httpx.post(url, content=content, headers={"content-type": kinds[form]}, timeout=30)
        answer.raise_for_status()
    except httpx.HTTPError as error:
        raise UnreachableError(f"{url} did not take the report: {error}") from error


def _stopped_by_signals() -> Event:
    import signal
    from threading import Event

    stop = Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    return stop


def repeat(
    deliver: Callable[[], None], every: Every, now: Callable[[], datetime], wait: Callable[[float], bool]
) -> None:
    """Deliver now and at every end of the period, until `wait(seconds)` says that it was ended.

    A failure is said and the next one is tried: a schedule outlives an absence. A wait that ends a little early, as
    clocks do, makes no second report of the same moment.
    """
    from datetime import timedelta

    from imageledger.errors import ImageledgerError

    due = now()
    while True:
        try:
            deliver()
        except ImageledgerError as error:
            print(f"imageledger: {error}", file=sys.stderr)  # noqa: T201 - as above
        due = max(due, now())
        due += timedelta(seconds=seconds_to_next(due, every))
        if wait((due - now()).total_seconds()):
            return


def seconds_to_next(now: datetime, every: Every) -> float:
    """Until the hour, the day or the week (Monday) is over, UTC."""
    period = SECONDS[every]
    monday_s = 4 * 86_400 if every is Every.WEEK else 0  # 1970 began on a Thursday
    return period - (now.timestamp() - monday_s) % period
