"""`POST /api/sql`: one read-only statement of whoever asks."""

from typing import Any, Literal

import msgspec
from litestar import Request, Response, post
from litestar.di import NamedDependency

from dashboard.errors import BadRequest
from dashboard.parts import Parts

MAX_BODY_BYTES = 2 << 20
_MEDIA_TYPES = {
    "JSON": "application/json",
    "JSONCompact": "application/json",
    "JSONEachRow": "application/x-ndjson",
    "CSV": "text/csv",
    "CSVWithNames": "text/csv; header=present",
    "TabSeparated": "text/tab-separated-values",
    "TabSeparatedWithNames": "text/tab-separated-values",
    "Parquet": "application/vnd.apache.parquet",
    "Arrow": "application/vnd.apache.arrow.file",
}


class Statement(msgspec.Struct, forbid_unknown_fields=True):
    """The body. `{name:Type}` in `query` takes its value from `parameters`."""

    query: str
    parameters: dict[str, str | int | float | bool] = {}
    format: Literal["json", "jsonl", "csv", "tsv", "parquet", "arrow"] = "json"


@post("/api/sql", tags=["store"], status_code=200, request_max_body_size=MAX_BODY_BYTES)
async def run_sql(parts: NamedDependency[Parts], request: Request[Any, Any, Any]) -> Response[bytes]:
    """One SELECT, SHOW, DESCRIBE, EXISTS or EXPLAIN over the tables and views of `docs/sql.md`, as the reader.

    Body: `{"query": …, "parameters"?: {…}, "format"?: …}`; formats: json, jsonl, csv, tsv, parquet, arrow. `json`
    answers ClickHouse's JSONCompact: `meta` (each column's name and type), `data` (rows as arrays), `rows`. At most
    30 s, 100,000 rows, 64 MiB. 403 for what is not allowed, 400 for what is wrong, 422 for what is too much, 503
    where ClickHouse is away.
    """
    try:
        asked = msgspec.json.decode(await request.body(), type=Statement)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadRequest(f'the body is not {{"query": …}}: {error}') from error
    parameters = {name: _text(value) for name, value in asked.parameters.items()}
    result = await parts.store().sql(asked.query, parameters, asked.format)
    media_type = _MEDIA_TYPES.get(result.format, "application/octet-stream")
    return Response(
        result.body, media_type=media_type, headers={"cache-control": "no-store", "imageledger-format": result.format}
    )


def _text(value: str | float | bool) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
