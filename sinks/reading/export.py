"""What is exported: a documented table or view, filtered, as a stream of CSV, JSON or Parquet of bounded memory."""

from datetime import UTC, datetime
from typing import Literal, NamedTuple

from metrics.views import catalogue
from sinks.errors import ClickHouseError, NoSuchFilter, NoSuchView
from sinks.loading.sources import SOURCES
from sinks.raw import Answer, Raw

Format = Literal["csv", "json", "parquet"]
FORMATS: dict[Format, str] = {"csv": "CSVWithNames", "json": "JSONEachRow", "parquet": "Parquet"}
MEDIA_TYPES: dict[Format, str] = {
    "csv": "text/csv; header=present",
    "json": "application/json",
    "parquet": "application/vnd.apache.parquet",
}
_SETTINGS: dict[Format, dict[str, str | int]] = {
    # RFC 4180: CRLF, quotes doubled, and nothing at all for what is unknown.
    "csv": {"output_format_csv_crlf_end_of_line": 1, "format_csv_null_representation": ""},
    "json": {
        "output_format_json_array_of_rows": 1,
        "output_format_json_quote_64bit_integers": 0,
        "output_format_json_escape_forward_slashes": 0,
    },
    "parquet": {"output_format_parquet_string_as_string": 1},
}
# An export is as long as it is. Our own readers may ask for so much; somebody else's server may not let them.
_LONG: dict[str, str | int] = {"max_execution_time": 3_600, "max_result_rows": 10**9, "max_result_bytes": 10**12}
_NOT_TO_BE_LIFTED = {164, 452}  # READONLY, SETTING_CONSTRAINT_VIOLATION
_TABLES = tuple(source.table for source in SOURCES)
EXPORTED = (*_TABLES, *(view.name for view in catalogue.VIEWS if not view.parameters))
"""Tables and views that may be exported, in the order of docs/sql.md."""

# What `from` and `to` compare, the first that a view has: the time at which a row counts.
_TIMES = ("effective_ms", "event_time", "as_of", "minute", "timestamp", "completed_at", "recorded_at", "started_at")
_NESTED = ("Array(", "Map(", "Tuple(", "Nested(")


class Filters(NamedTuple):
    """Which rows: those of a run, of [start, end), of a tier, a model, a provider, …. None is all."""

    run: str | None = None
    start: datetime | None = None
    end: datetime | None = None
    tier: int | None = None
    model: str | None = None
    component_type: str | None = None
    provider: str | None = None
    status: str | None = None


def export(
    raw: Raw,
    view: str,
    format: Format,  # noqa: A002 - a word of the command line
    filters: Filters = Filters(),  # noqa: B008 - immutable
) -> Answer:
    """The rows as one CSV with a header, one JSON array, or one Parquet file.

    A table's rows come once each, in the order of the log. CSV holds lists and maps as JSON, times are RFC 3339, UTC.

    Raises:
        NoSuchView: not on the list, NoSuchFilter: no column for a filter; the message names what there is.
        ClickHouseError: while it is asked, or while the answer is read.
    """
    if view not in EXPORTED:
        raise NoSuchView(f"{view!r} is not exported; these are: {', '.join(EXPORTED)}")
    columns = _columns(raw, view)
    conditions, parameters = _conditions(view, columns, filters)
    chosen = ", ".join(_column(name, kind, format) for name, kind in columns.items())
    statement = f"SELECT {chosen} FROM {_quoted(view)} AS t"  # noqa: S608 - names are the database's own, quoted
    if view in _TABLES:
        statement += " FINAL"
    if conditions:
        statement += " WHERE " + " AND ".join(conditions)
    if "source_offset" in columns:
        statement += " ORDER BY t.source_partition, t.source_offset"
    settings: dict[str, str | int] = {"date_time_output_format": "iso", **_SETTINGS[format]}
    try:
        return raw.ask(statement, parameters, format=FORMATS[format], settings=settings | _LONG)
    except ClickHouseError as error:
        if error.code not in _NOT_TO_BE_LIFTED:
            raise
    return raw.ask(statement, parameters, format=FORMATS[format], settings=settings)


def _columns(raw: Raw, view: str) -> dict[str, str]:
    """The stored columns and their types."""
    with raw.ask(
        "SELECT name, type FROM system.columns WHERE database = currentDatabase() AND table = {view:String} "
        "AND default_kind NOT IN ('ALIAS', 'MATERIALIZED') ORDER BY position",
        {"view": view},
        format="TabSeparatedRaw",
    ) as answer:
        rows = b"".join(answer).decode().splitlines()
    if not rows:
        raise NoSuchView(f"the store has no {view} yet: run `imageledger migrate`")
    return dict(row.split("\t", 1) for row in rows)


def _column(name: str, kind: str, format: Format) -> str:  # noqa: A002 - as `export`
    quoted = _quoted(name)
    if format == "csv" and kind.startswith(_NESTED):
        return f"toJSONString(t.{quoted}) AS {quoted}"
    return f"t.{quoted} AS {quoted}"


def _conditions(view: str, columns: dict[str, str], filters: Filters) -> tuple[list[str], dict[str, str]]:
    time = next((name for name in _TIMES if name in columns), None)
    moment = "fromUnixTimestamp64Milli(t.effective_ms, 'UTC')" if time == "effective_ms" else f"t.{time}"
    model = "has(t.models_used, {model:String})" if "models_used" in columns else "t.model = {model:String}"
    tier = "tier_reached" if "tier_reached" in columns else "tier"
    status = "final_status" if "final_status" in columns else "status"
    offered: dict[str, tuple[str | None, str]] = {
        "run": ("run_id", "t.run_id = {run:String}"),
        "start": (time, moment + " >= {start:DateTime64(6, 'UTC')}"),
        "end": (time, moment + " < {end:DateTime64(6, 'UTC')}"),
        "tier": (tier, f"t.{tier} = {{tier:UInt8}}"),
        "model": ("models_used" if "models_used" in columns else "model", model),
        "component_type": ("component_type", "t.component_type = {component_type:String}"),
        "provider": ("provider", "t.provider = {provider:String}"),
        "status": (status, f"t.{status} = {{status:String}}"),
    }
    conditions, parameters = [], {}
    for name, value in filters._asdict().items():
        if value is None:
            continue
        column, condition = offered[name]
        if column not in columns:
            known = [other for other, (needed, _) in offered.items() if needed in columns]
            raise NoSuchFilter(
                f"{view} cannot be filtered by {_SAID.get(name, name)}, "
                f"only by {', '.join(_SAID.get(other, other) for other in known) or 'nothing'}"
            )
        conditions.append(condition)
        parameters[name] = _text(value)
    return conditions, parameters


_SAID = {"start": "from", "end": "to"}


def _quoted(name: str) -> str:
    """A name, quoted."""
    return "`" + name.replace("\\", "\\\\").replace("`", "\\`") + "`"


def _text(value: str | int | datetime) -> str:
    if isinstance(value, datetime):
        return value.astimezone(UTC).replace(tzinfo=None).isoformat(sep=" ", timespec="microseconds")
    return str(value)
